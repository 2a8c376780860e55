"""The seed's stages with a page, an API and a database on ECS, from the first plan to the last."""

import re
from collections.abc import Iterator

import pytest

from tests.e2e.environment import Run
from tests.e2e.stages import Stage
from tests.lab.cloud import wait_for

STAGES = [
    Stage("07-added-frontend-project", "goals-frontend"),
    Stage("08-deployed-to-multiple-tasks", "goals-tasks"),
    Stage("09-finished", "goals-finished"),
]


def test_the_stage_on_atlas_needs_credentials() -> None:
    run = Stage("06-switched-to-mongodb-atlas", "goals-ecs-mongo").play("playbooks/preflight.yml")
    assert run.returncode != 0
    assert "one of the following is required: client_id, public_key" in run.output


@pytest.fixture(scope="module", params=STAGES, ids=[stage.name for stage in STAGES])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    stage: Stage = request.param
    yield stage
    stage.destroy()


@pytest.fixture(scope="module")
def planned(stage: Stage) -> Run:
    run = stage.play("deploy.yml", "--check", "--diff").succeeded()
    assert stage.has_nothing_yet()
    return run


@pytest.fixture(scope="module")
def deployed(stage: Stage, planned: Run) -> Stage:
    stage.play("deploy.yml").succeeded()
    return stage


def test_the_first_plan_says_what_would_be_made(planned: Run) -> None:
    named = set(re.findall(r"^\+\+\+ after: (\w+)$", planned.output, re.MULTILINE))
    assert named == {"backend", "frontend", "mongodb"}


def test_the_url_shows_the_page_and_keeps_what_the_api_is_given(deployed: Stage) -> None:
    assert '<div id="root">' in deployed.ask("/")
    deployed.ask("/goals", {"text": "Learn Slipway"})
    deployed.replace_database()
    wait_for(lambda: deployed.has("Learn Slipway"), "the goal is there again", 60)


def test_a_second_run_changes_nothing_and_the_plan_says_so(deployed: Stage) -> None:
    assert deployed.play("deploy.yml").succeeded().changed() == {}
    assert deployed.play("deploy.yml", "--check", "--diff").succeeded().changed() == {}
