"""The seed's fifth and sixth stages, and the move of the database between them, under a writer."""

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Self
from urllib.parse import urlsplit

import pymongo
import pytest

from lab.atlas import ORGANIZATION, SERVICE_ACCOUNT
from tests.e2e.environment import ROOT, aws
from tests.e2e.stages import Stage
from tests.lab.cloud import wait_for
from tests.ports import free_port

STACK = "goals-ecs-mongo"
MOVE, NAMED = "playbooks/migrate_database.yml", ("-e", f"migrate={STACK}")
ATLAS_PORT = free_port()
SECRET = "goals/ecs-mongo/mongodb"
VARIABLES = {"atlas_url": f"http://127.0.0.1:{ATLAS_PORT}", "atlas_poll_interval": 0.1}
ATLAS = {
    "MONGODB_ATLAS_CLIENT_ID": SERVICE_ACCOUNT[0],
    "MONGODB_ATLAS_CLIENT_SECRET": SERVICE_ACCOUNT[1],
    "MONGODB_ATLAS_ORG_ID": ORGANIZATION,
}
BEFORE = Stage("05-ecs-two-containers-node-mongo", STACK)
AFTER = Stage("06-switched-to-mongodb-atlas", STACK, VARIABLES, ATLAS)


class Writer:
    """Posts goals one after the other, and keeps those that were acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: list[str] = []
        self.refused = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ending.set()
        self._thread.join()

    def _write(self) -> None:
        number = 0
        while not self._ending.wait(0.1):
            number += 1
            try:
                AFTER.ask("/goals", {"text": f"goal {number}"})
            except OSError:
                # An answer of 503 as well: urllib's errors are of this kind.
                self.refused += 1
            else:
                self.acknowledged.append(f"goal {number}")


@pytest.fixture(scope="module")
def atlas() -> Iterator[None]:
    """Atlas's stand-in, whose clusters are servers of the lab."""
    command = [sys.executable, "-m", "lab.atlas", "--port", str(ATLAS_PORT), "--database"]
    with subprocess.Popen(command, cwd=ROOT) as process:
        url = f"http://127.0.0.1:{ATLAS_PORT}/"
        wait_for(lambda: _answers(url), "the stand-in of Atlas answers", 60)
        yield
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=60).close()
        process.wait(timeout=60)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def stage(atlas: None) -> Iterator[None]:
    # One that a run before has left is of another cluster of that name.
    forget_secret()
    planned = BEFORE.play("deploy.yml", "--check", "--diff").succeeded()
    assert "backend" in planned.output
    assert BEFORE.has_nothing_yet()
    BEFORE.play("deploy.yml").succeeded()
    yield
    AFTER.destroy()
    forget_secret()


def forget_secret() -> None:
    store = aws("secretsmanager")
    with suppress(store.exceptions.ResourceNotFoundException):
        store.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)


def serving() -> dict[str, tuple[str, int]]:
    """Return the deployment and the desired tasks of each service."""
    services = aws("ecs").describe_services(cluster=STACK, services=["backend", "mongodb"])["services"]
    return {each["serviceName"]: (each["deployments"][0]["id"], each["desiredCount"]) for each in services}


def connection() -> str:
    """Return the connection string that services have."""
    value: str = aws("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"]
    return value


def destination() -> Any:
    """Return the database in Atlas."""
    return pymongo.MongoClient(connection()).get_default_database()


def texts() -> set[str]:
    return {goal["text"] for goal in json.loads(BEFORE.ask("/goals"))["goals"]}


def test_the_stage_with_two_containers_keeps_its_data_and_a_second_run_changes_nothing(stage: None) -> None:
    BEFORE.ask("/goals", {"text": "Learn Slipway"})
    BEFORE.replace_database()
    wait_for(lambda: BEFORE.has("Learn Slipway"), "the goal is there again", 60)
    assert BEFORE.play("deploy.yml").succeeded().changed() == {}
    assert BEFORE.play("deploy.yml", "--check", "--diff").succeeded().changed() == {}


def test_a_service_is_made_when_what_it_depends_on_is_steady(stage: None) -> None:
    services = aws("ecs").describe_services(cluster=STACK, services=["backend", "mongodb"])["services"]
    backend, database = sorted(services, key=lambda service: str(service["serviceName"]))
    steady = [
        event["createdAt"] for event in database["events"] if "reached a steady state" in event["message"]
    ]
    assert min(steady) <= backend["createdAt"]


def test_the_next_stage_is_not_deployed_onto_data_that_were_not_moved(stage: None) -> None:
    run = AFTER.play("deploy.yml")
    assert run.returncode != 0
    assert "playbooks/migrate_database.yml" in run.output
    assert run.changed() == {}


def test_a_rehearsal_copies_under_a_writer_and_changes_nothing_that_serves(stage: None) -> None:
    before = serving()
    with Writer() as writer:
        run = AFTER.play(MOVE).succeeded()
    assert "A move stops writes for about" in run.output
    assert serving() == before
    assert writer.refused == 0
    assert writer.acknowledged
    assert destination().list_collection_names() == []


def test_what_does_not_compare_is_not_switched_to_and_the_old_database_serves_again(stage: None) -> None:
    BEFORE.ask("/goals", {"text": "before the failure"})
    held = texts()
    others = destination()["goals"]
    others.insert_one({"text": "somebody else's"})
    run = AFTER.play(MOVE, *NAMED)
    assert run.returncode != 0
    assert "the old one serves again" in run.output
    assert "holds documents that were not copied there (1 in goals)" in run.output
    wait_for(lambda: _posted("after the failure"), "the old database takes goals", 60)
    assert texts() == held | {"after the failure"}
    assert [each["text"] for each in others.find()] == ["somebody else's"]
    others.drop()


def _posted(text: str) -> bool:
    try:
        BEFORE.ask("/goals", {"text": text})
    except OSError:
        return False
    return True


def test_every_acknowledged_goal_is_in_the_new_database(stage: None) -> None:
    held = texts()
    with Writer() as writer:
        run = AFTER.play(MOVE, *NAMED).succeeded()
        moved = len(writer.acknowledged)
        wait_for(lambda: len(writer.acknowledged) > moved, "goals are taken after the move", 60)
    # Writes were stopped, or this would show nothing.
    assert writer.refused > 0
    assert held | set(writer.acknowledged) <= texts()
    assert {goal["text"] for goal in destination()["goals"].find()} == texts()
    assert serving()["mongodb"][1] == 0
    password = urlsplit(connection()).password
    assert password
    assert password not in run.output
    definition = aws("ecs").describe_services(cluster=STACK, services=["backend"])["services"][0][
        "taskDefinition"
    ]
    assert password not in json.dumps(
        aws("ecs").describe_task_definition(taskDefinition=definition), default=str
    )


def test_a_second_move_says_that_it_is_done_and_changes_nothing(stage: None) -> None:
    run = AFTER.play(MOVE, *NAMED).succeeded()
    assert run.changed() == {}
    assert "The database of goals-ecs-mongo was moved" in run.output
    assert AFTER.play("deploy.yml").succeeded().changed() == {}
    assert AFTER.play("deploy.yml", "--check", "--diff").succeeded().changed() == {}


def test_the_stage_before_is_not_deployed_onto_a_database_that_was_moved(stage: None) -> None:
    run = BEFORE.play("deploy.yml")
    assert run.returncode != 0
    assert "what was written since is not in it" in run.output
    assert run.changed() == {}
