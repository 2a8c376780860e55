"""Why a release failed: one table of causes and one shape, whatever the target."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils import release_causes
from plugins.module_utils.ecs_causes import PATTERNS
from plugins.module_utils.release_causes import CAUSES
from plugins.module_utils.release_failure import Failure, from_aws, from_ecs, likeliest

PLUGINS = Path(release_causes.__file__).parents[1]
SOURCES = [path for path in PLUGINS.rglob("*.py") if path.name != "release_causes.py"]


def test_every_class_that_is_named_has_an_entry_and_every_entry_is_named() -> None:
    named = {name for name, _ in PATTERNS}
    words: set[Any] = set()
    for source in SOURCES:
        text = source.read_text()
        named |= set(re.findall(r'(?:\bFailure\(\s*|\bCause\(|\bcause = )"(\w+)"', text))
        words |= {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
    assert {"start_crash", "dependency_unhealthy", "port_in_use", "no_capacity"} <= named <= set(CAUSES)
    assert set(CAUSES) - words == set()


def test_every_class_says_what_happened_and_what_to_do() -> None:
    for name, cause in CAUSES.items():
        assert cause.title[0].isupper(), name
        for target in ("ec2", "ecs"):
            assert cause.remedy_on(target).endswith("."), name
    assert "registry_auth" in CAUSES["pull_denied"].remedy_on("ec2")
    assert "execution role" in CAUSES["pull_denied"].remedy_on("ecs")


def test_a_message_says_what_where_and_what_to_do() -> None:
    failure = Failure("start_crash", "web ended", "web", "web-1", evidence=["seen"], log=["last words"])
    failure.serving = "the old one."
    assert failure.message().splitlines() == [
        "web ended (start_crash)",
        "  seen",
        "  Last lines of the log of web-1:",
        "    | last words",
        "Serving now: the old one.",
        f"What to do: {CAUSES['start_crash'].remedy}",
    ]
    assert failure.as_dict() == {
        "cause": "start_crash",
        "summary": "web ended",
        "service": "web",
        "container": "web-1",
        "host": "",
        "exit_code": None,
        "evidence": ["seen"],
        "log": ["last words"],
        "serving": "the old one.",
        "remedy": CAUSES["start_crash"].remedy,
    }


def container(name: str, **other: Any) -> dict[str, Any]:
    return {"name": name, "exit_code": None, "reason": None, "health": None, **other}


def entry(**other: Any) -> dict[str, Any]:
    """What ecs_evidence reports of a service."""
    nothing: dict[str, Any] = {"tasks": [], "events": [], "targets": [], "log": {}, "unreadable": []}
    return {
        "name": "api",
        "state": "rolled_back",
        "detail": "deployment ecs-svc/3 of api:1 took its place.",
        "task_definition": "api:2",
        "deployment": "ecs-svc/2",
        "seconds": 12.0,
        "cause": "start_crash",
        "because": "container api exited with code 3: Essential container in task exited",
        "remedy": "",
        "evidence": nothing | other.pop("seen", {}),
        **other,
    }


def test_a_service_of_ecs_fails_in_the_same_shape() -> None:
    crash = {
        "id": "abc",
        "stopped_reason": "Essential container in task exited",
        "containers": [container("proxy", exit_code=143), container("api", exit_code=3)],
    }
    sick = {"id": "10.0.0.7", "port": 80, "state": "unhealthy", "reason": "Target.Timeout", "description": ""}
    ordinary = {**crash, "id": "ordinary", "stopped_reason": "Scaling activity initiated by (deployment x)"}
    seen = {
        "tasks": [crash, {**crash, "id": "def"}, ordinary],
        "targets": [sick, {**sick, "state": "healthy"}],
        "events": ["(service api) has reached a steady state.", *(f"{n} failed" for n in range(9))],
        "log": {"group": "g", "stream": "api/api/abc", "lines": ["last words"]},
        "unreadable": ["AccessDenied"],
    }
    failure = from_ecs(entry(seen=seen)).as_dict()
    assert set(failure) == set(Failure("unknown", "").as_dict())
    assert failure["summary"] == (
        "api was rolled back by ECS: container api exited with code 3: Essential container in task exited"
    )
    assert (failure["cause"], failure["service"]) == ("start_crash", "api")
    assert (failure["container"], failure["exit_code"]) == ("api", 3)
    assert failure["evidence"] == [
        "deployment ecs-svc/3 of api:1 took its place.",
        "Tasks abc, def: Essential container in task exited; proxy exit code 143; api exit code 3",
        "Target 10.0.0.7:80: unhealthy Target.Timeout",
        "0 failed",
        "1 failed",
        "2 failed",
        "Could not be read: AccessDenied",
    ]
    assert failure["log"] == ["last words"]
    assert failure["serving"] == "what ran before."
    assert failure["remedy"] == CAUSES["start_crash"].remedy_on("ecs")


def test_without_tasks_the_stream_names_the_container() -> None:
    log = {"group": "g", "stream": "api/web/abc", "lines": ["x"]}
    failure = from_ecs(entry(state="timed_out", cause="timeout", because="slow", seen={"log": log}))
    assert (failure.container, failure.exit_code, failure.serving) == ("web", None, "")


@pytest.mark.parametrize(
    ("code", "cause"),
    [("ThrottlingException", "throttled"), ("AccessDeniedException", "api_error"), ("", "api_error")],
)
def test_an_error_of_aws_is_classified(code: str, cause: str) -> None:
    assert from_aws(code, "it is so").cause == cause


def test_of_several_failures_the_one_that_is_no_consequence_tells_the_most() -> None:
    causes = ["timeout", "start_crash", "dependency_unhealthy", "health_check"]
    assert likeliest([{"cause": cause} for cause in causes])["cause"] == "start_crash"
    assert likeliest([{"cause": "timeout"}])["cause"] == "timeout"
