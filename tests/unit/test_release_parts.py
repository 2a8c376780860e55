"""What hosts and services returned becomes the parts and the end of a release."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils.release_parts import gate_run, host_parts, moved, release_ending, service_parts

Json = dict[str, Any]
CRASH: Json = {"cause": "start_crash", "summary": "api ended", "service": "api", "log": ["no url"]}
FAILED: Json = {"failed": True, "msg": "api ended (start_crash)", "failure": CRASH}
MOVED: Json = {"changed": True, "actions": ["start api-1"]}
KEPT: Json = {"changed": False, "actions": []}
BACK: Json = {"changed": True, "actions": ["remove api-1"]}
UNREACHABLE: Json = {"unreachable": True, "msg": "Connection timed out"}


@pytest.mark.parametrize(
    ("release", "back", "result"),
    [
        (MOVED, {}, "moved"),
        (KEPT, {}, "kept"),
        ({}, {}, "waiting"),
        ({"skipped": True, "changed": False}, {}, "waiting"),
        (FAILED, {}, "failed"),
        (UNREACHABLE, {}, "unreachable"),
        (MOVED, BACK, "returned"),
        (FAILED, KEPT, "returned"),
        (KEPT, KEPT, "kept"),
        ({}, KEPT, "waiting"),
        (MOVED, FAILED, "failed"),
        (MOVED, UNREACHABLE, "unreachable"),
        (UNREACHABLE, UNREACHABLE, "unreachable"),
    ],
)
def test_a_host(release: Json, back: Json, result: str) -> None:
    (part,) = host_parts({"one": release}, {"one": back})
    assert (part["host"], part["result"]) == ("one", result)


def test_what_was_seen_of_a_return_follows_what_was_seen_of_its_release() -> None:
    def seen(*moments: float) -> list[Json]:
        return [{"seconds": moment, "state": "in_progress", "detail": "web-1: starts"} for moment in moments]

    release, back = {**FAILED, "timeline": seen(0.0, 4.5)}, {**BACK, "timeline": seen(0.2, 1.0)}
    (part,) = host_parts({"one": release}, {"one": back})
    assert [each["seconds"] for each in part["timeline"]] == [0.0, 4.5, 4.7, 5.5]
    (part,) = host_parts({"one": {**MOVED, "timeline": seen(2.0)}}, {})
    assert part["timeline"] == seen(2.0)


def test_a_release_is_good_when_every_part_is() -> None:
    ending = release_ending(
        host_parts({"one": MOVED, "two": KEPT}, {}), {"verify": {"changed": False}}, "http://x"
    )
    assert (ending["result"], ending["failure"], ending["returned"], ending["url"]) == (
        "good",
        None,
        False,
        "http://x",
    )
    assert moved(ending)


def test_nothing_moved_where_everything_was_kept() -> None:
    assert not moved(release_ending(host_parts({"one": KEPT}, {}), {}, ""))


def test_a_release_that_went_back_says_why_it_failed() -> None:
    parts = host_parts({"one": MOVED, "two": FAILED, "three": {}}, {"one": BACK, "two": KEPT, "three": KEPT})
    ending = release_ending(parts, {}, "")
    assert (ending["result"], ending["returned"]) == ("failed", True)
    assert ending["failure"] == {**CRASH, "host": "two"}


@pytest.mark.parametrize("back", [{}, {"two": UNREACHABLE}, {"two": FAILED}])
def test_a_host_that_did_not_come_back_is_not_passed_over(back: dict[str, Json]) -> None:
    parts = host_parts({"one": FAILED, "two": MOVED}, {"one": KEPT, **back})
    assert not release_ending(parts, {}, "")["returned"]


def test_what_does_not_answer_fails_a_release() -> None:
    ending = release_ending(
        host_parts({"one": MOVED}, {"one": BACK}), {"verify": {"failed": True, "msg": "503"}}, ""
    )
    assert (ending["result"], ending["returned"], ending["failure"]["summary"]) == ("failed", True, "503")


ROLLOUTS: Json = {
    "failed": True,
    "services": [
        {"name": "web", "state": "completed", "detail": "2 of 2 tasks run"},
        {
            "name": "api",
            "state": "rolled_back",
            "detail": "another took its place",
            "failure": {**CRASH, "exit_code": 3},
        },
    ],
    "timeline": [{"service": "api", "seconds": 1.0, "state": "in_progress", "detail": ""}],
}


def test_services_tell_their_cause() -> None:
    web, api = service_parts(ROLLOUTS, {}, {})
    assert (web["result"], web["failure"], api["result"]) == ("moved", None, "failed")
    assert api["failure"] == {**CRASH, "exit_code": 3}
    assert api["timeline"] == ROLLOUTS["timeline"]


def test_a_service_that_was_not_updated_is_kept() -> None:
    updates = {"results": [{"item": "web", "changed": False}, {"item": "api", "changed": True}]}
    well = {"services": [{**rollout, "state": "completed"} for rollout in ROLLOUTS["services"]]}
    assert [part["result"] for part in service_parts(well, {}, updates)] == ["kept", "moved"]
    assert [part["result"] for part in service_parts(ROLLOUTS, BACK, updates)] == ["kept", "returned"]


def test_services_return_together() -> None:
    ending = release_ending(
        service_parts(ROLLOUTS, BACK, {}), {"services": ROLLOUTS, "services_back": BACK}, ""
    )
    assert [part["result"] for part in ending["parts"]] == ["returned", "returned"]
    assert ending["returned"]
    assert ending["failure"]["cause"] == "start_crash"


def test_a_refused_call_fails_a_release_and_names_the_first() -> None:
    result = {
        "failed": True,
        "msg": "One or more items failed",
        "results": [{"failed": False}, {"failed": True, "msg": "AccessDenied"}],
    }
    ending = release_ending([], {"services": result}, "")
    assert ending["failure"]["summary"] == "AccessDenied"
    assert not ending["returned"]
    assert release_ending([], {"services": result, "services_back": BACK}, "")["returned"]


def test_a_gate_that_failed_fails_the_release_by_its_name() -> None:
    result = {
        "failed": True,
        "msg": "ended with exit code 7",
        "task": {"exit_code": 7},
        "output": ["no table"],
    }
    run = gate_run({"service": "api", "name": "migrate"}, result)
    ending = release_ending([], {"gate": result, "services_back": KEPT}, "", [run])
    failure = ending["failure"]
    assert (failure["cause"], failure["exit_code"], failure["log"]) == ("gate_failed", 7, ["no table"])
    assert ending["gates"] == [{**run, "passed": False, "log": ["no table"]}]
    assert ending["returned"]
