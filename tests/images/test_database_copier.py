"""The copier of playbooks/migrate_database.yml between two databases of the lab's server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import docker
import pytest
from bson import Decimal128, Int64, ObjectId, Regex
from pymongo import MongoClient

from lab.docker_engine import connect
from roles.database_migration.files.copier import copy_database
from roles.database_migration.files.copier.copy_database import MARKER, Base, Job, Refused, Server

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    engine: docker.DockerClient = connect()
    container = engine.containers.run("slipway-lab/mongo:8", detach=True)
    try:
        container.reload()
        address = container.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
        with MongoClient[dict[str, Any]](
            f"mongodb://{address}/?directConnection=true", tz_aware=True
        ) as client:
            yield client
    finally:
        container.remove(force=True, v=True)


@pytest.fixture
def source(server: Server) -> Base:
    for name in ("old", "new"):
        server.drop_database(name)
    base = server["old"]
    base["goals"].insert_many(
        [
            {"_id": 1, "text": "one", "done": None, "at": WHEN, "tags": ["a", {"b": 1, "a": 2}]},
            {
                "_id": ObjectId(),
                "price": Decimal128("1.10"),
                "count": Int64(1),
                "share": -0.0,
                "like": Regex("^a", "i"),
            },
        ]
    )
    base["goals"].create_index([("text", 1), ("at", -1)], name="text_at", unique=True, sparse=True)
    base["goals"].create_index("at", name="expiry", expireAfterSeconds=10**9)
    base.create_collection("events", capped=True, size=100_000)
    base["events"].insert_many([{"_id": number} for number in (3, 1, 2)])
    base.create_collection("checked", validator={"a": {"$exists": True}})
    base.create_collection("done", viewOn="goals", pipeline=[{"$match": {"done": True}}])
    return base


@pytest.fixture
def destination(server: Server, source: Base) -> Base:
    return server["new"]


def job(source: Base, destination: Base, *, moves: bool) -> Job:
    # Both are databases of one server here.
    return Job(source, destination, moves, frozenset({destination.name}))


def all_of(base: Base) -> dict[str, Any]:
    return {name: list(base[name].find()) for name in base.list_collection_names()}


def test_a_move_copies_everything_and_nothing_beside(source: Base, destination: Base) -> None:
    report = job(source, destination, moves=True).run()
    assert report["documents"] == 5
    found = all_of(destination)
    found.pop(MARKER)
    assert found == all_of(source)
    assert [each["_id"] for each in destination["events"].find()] == [3, 1, 2]
    assert destination["goals"].index_information() == source["goals"].index_information()
    assert copy_database.shapes(destination) == copy_database.shapes(source)


def test_a_rehearsal_leaves_nothing_whatever_is_written_meanwhile(
    source: Base, destination: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes_go_on(source, monkeypatch)
    assert job(source, destination, moves=False).run()["documents"] == 5
    assert destination.list_collection_names() == []


def test_a_move_notices_a_document_that_came_too_late(
    source: Base, destination: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes_go_on(source, monkeypatch)
    with pytest.raises(Refused, match="goals: documents is 2, expected 3"):
        job(source, destination, moves=True).run()
    # It is known as unfinished: the next run makes it anew.
    monkeypatch.undo()
    assert job(source, destination, moves=True).run()["documents"] == 6


def writes_go_on(source: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a goal as soon as the goals were copied."""
    copied = copy_database.copy

    def copy(old: Base, new: Base, name: str, described: Any) -> Any:
        found = copied(old, new, name, described)
        if name == "goals":
            source["goals"].insert_one({"text": "too late"})
        return found

    monkeypatch.setattr(copy_database, "copy", copy)


@pytest.mark.parametrize("moves", [True, False])
def test_documents_of_others_stay(source: Base, destination: Base, moves: bool) -> None:
    destination["goals"].insert_one({"_id": 1})
    with pytest.raises(Refused, match=r"not copied there \(1 in goals\)"):
        job(source, destination, moves=moves).run()
    assert all_of(destination) == {"goals": [{"_id": 1}]}


def test_a_finished_copy_is_made_anew_as_long_as_nobody_has_written_there(
    source: Base, destination: Base
) -> None:
    # As where a run was killed before the switch, and the old database has served again.
    job(source, destination, moves=True).run()
    source["goals"].insert_one({"text": "later"})
    assert job(source, destination, moves=True).run()["documents"] == 6
    destination["goals"].update_one({"_id": 1}, {"$set": {"text": "written here"}})
    with pytest.raises(Refused, match="not copied there"):
        job(source, destination, moves=True).run()
    assert destination["goals"].count_documents({"text": "written here"}) == 1


def test_what_would_stay_behind_is_named(source: Base, destination: Base) -> None:
    destination["goals"].insert_one({"_id": 1})
    with pytest.raises(Refused, match="databases beside old, which are not copied: new"):
        Job(source, destination, moves=True).run()
