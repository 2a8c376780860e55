"""The report of a run: the text on the screen, and the page."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from plugins.module_utils.release_causes import CAUSES
from plugins.module_utils.release_failure import Failure
from plugins.module_utils.release_page import TONES, page
from plugins.module_utils.release_report import Run, document, ending, span

FAILURE = Failure(
    "start_crash",
    "backend ended with exit code 3",
    "backend",
    "goals-backend-2",
    "goals-prod-2",
    3,
    ["It ended twice."],
    ["> node server.js", "Error: MONGODB_URL is not set"],
).as_dict()


def record(**other: Any) -> dict[str, Any]:
    return {
        "id": "20261123-031500-3f2a91",
        "application": "goals",
        "environment": "prod",
        "target": "ec2",
        "kind": "release",
        "actor": {"user": "ada", "host": "workbench"},
        "git": {"revision": "3f2a9100aa7b5c", "dirty": False},
        "started": "2026-11-23T03:15:00Z",
        "ended": "2026-11-23T03:18:12Z",
        "seconds": 192.0,
        "result": "good",
        "returned": False,
        "base": "20261122-101203-77b0d1",
        "document": {"backend": {"image": "goals/backend@sha256:0d6c"}},
        "changed": ["backend.image", "backend.environment.LOG_LEVEL"],
        "parts": [],
        "failure": None,
        "gates": [],
        "probe": None,
        "url": "https://goals.example.org",
        **other,
    }


def part(host: str, result: str, *states: tuple[float, str, str], **other: Any) -> dict[str, Any]:
    timeline = [{"seconds": at, "state": state, "detail": detail} for at, state, detail in states]
    whole = {"service": None, "host": host, "result": result, "actions": [], "timeline": timeline}
    return {**whole, "failure": None, **other}


def phases(*results: str) -> list[dict[str, Any]]:
    return [
        {
            "name": f"Step {number}",
            "started": "2026-11-23T03:15:00Z",
            "seconds": 10.0 * number,
            "result": result,
        }
        for number, result in enumerate(results, start=1)
    ]


BROKEN = record(
    result="failed",
    returned=True,
    failure=FAILURE,
    parts=[
        part(
            "goals-prod-1",
            "returned",
            (0, "starting", ""),
            (12, "healthy", ""),
            (30, "returned", "as before"),
        ),
        part("goals-prod-2", "failed", (12.0, "starting", ""), (28, "failed", "exit code 3")),
    ],
)


class TestEnding:
    def test_a_failure_tells_the_cause_first_then_all_that_is_needed(self) -> None:
        told = ending(Run(failed=True, seconds=192, record=BROKEN, phases=phases("ok", "failed")), "r.html")
        assert told == [
            "Release 20261123-031500-3f2a91 of goals-prod failed after 3 min 12 s: crashed while starting.",
            "backend ended with exit code 3 (start_crash)",
            "  on goals-prod-2",
            "  It ended twice.",
            "  Last lines of the log of goals-backend-2:",
            "    | > node server.js",
            "    | Error: MONGODB_URL is not set",
            "Serving now: what ran before (release 20261122-101203-77b0d1); everything that had moved was "
            "taken back.",
            f"What to do: {CAUSES['start_crash'].remedy}",
            "Parts: returned: goals-prod-1; failed: goals-prod-2",
            "What changed: backend.image, backend.environment.LOG_LEVEL",
            "URL: https://goals.example.org",
            "Report: r.html",
            "Durations:",
            "  10 s  Step 1",
            "  20 s  Step 2  failed",
        ]

    def test_what_serves_is_in_the_failures_own_words_where_it_has_any(self) -> None:
        own = {**BROKEN, "failure": {**FAILURE, "serving": "the old container."}}
        assert "Serving now: the old container." in ending(Run(failed=True, record=own))
        lost = {**BROKEN, "returned": False}
        assert not [line for line in ending(Run(failed=True, record=lost)) if line.startswith("Serving now")]

    def test_without_a_record_the_step_its_hosts_and_its_first_lines_are_told(self) -> None:
        message = "\n".join(f"line {number}" for number in range(30))
        same: dict[str, Any] = {"task": "Install Docker", "message": message, "failure": None}
        failures = [{"host": "web-1", **same}, {"host": "web-2", **same}]
        told = ending(Run(failed=True, seconds=4, failures=failures))
        assert told[:3] == ["The run failed after 4 s.", "Install Docker (web-1, web-2):", "  line 0"]
        assert told[-2:] == ["  line 11", "  and 18 more lines, above"]

    def test_without_a_record_a_known_cause_is_told_as_well(self) -> None:
        failures: list[dict[str, Any]] = [
            {"host": "web-1", "task": "a", "message": "long", "failure": None},
            {"host": "web-1", "task": "b", "message": "long", "failure": FAILURE},
        ]
        told = ending(Run(failed=True, failures=failures))
        assert told[0] == "The run failed after 0 s: crashed while starting."
        assert "long" not in "\n".join(told)

    def test_a_release_tells_what_changed_and_where(self) -> None:
        probe = {"requests": 480, "failed": 0, "longest_gap": 0.0433, "versions": {"2": 80, "1": 400}}
        changed = {"web-1": ["Release", "Release"], "web-2": ["Release"], "localhost": ["Push", "Record"]}
        run = Run(seconds=61, record=record(probe=probe, kind="rollback"), changed=changed)
        assert ending(run, "r.html") == [
            "Rollback 20261123-031500-3f2a91 of goals-prod succeeded in 1 min 1 s.",
            "What changed: backend.image, backend.environment.LOG_LEVEL",
            "Probe: 480 requests, 0 failed, longest gap 0.04 s, versions 1, 2",
            "URL: https://goals.example.org",
            "Report: r.html",
            "Changed (web-1, web-2): 1: Release",
            "Changed (localhost): 2: Push, Record",
        ]

    def test_many_names_are_counted(self) -> None:
        told = ending(Run(record=record(changed=[f"service-{number}" for number in range(30)])))
        assert told[1].endswith("service-6, service-7 and 22 more")

    def test_a_run_without_a_record_that_changed_something(self) -> None:
        run = Run(seconds=9, changed={"web-1": ["Install"]})
        assert ending(run) == ["The run ended well in 9 s.", "Changed (web-1): 1: Install"]

    def test_nothing_changed_takes_two_lines(self) -> None:
        run = Run(seconds=9, record=record(changed=[]), phases=phases("ok", "ok"))
        assert ending(run) == ["Nothing had to be changed (9 s).", "URL: https://goals.example.org"]

    def test_a_check_says_that_it_was_one(self) -> None:
        assert ending(Run(check=True, seconds=9)) == ["A check, 9 s: nothing would change."]
        planned = ending(
            Run(check=True, changed={"web-1": ["Release"]}, record=record(changed=["web.image"]))
        )
        assert planned[1] == "What changed: web.image"
        told = ending(Run(check=True, changed={"web-1": ["Release"]}))
        assert told == ["A check, 0 s: nothing was changed.", "Would change (web-1): 1: Release"]
        failed = ending(Run(check=True, failed=True, record=record(result="running")))
        assert failed[0] == "The run failed after 0 s, as a check, which changes nothing."

    @pytest.mark.parametrize(
        ("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (192, "3 min 12 s"), (3720, "1 h 2 min")]
    )
    def test_durations(self, seconds: float, text: str) -> None:
        assert span(seconds) == text


class Tags(HTMLParser):
    """Whether each element is closed, what stands outside of markup, and all attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += f"{data}\n"


def read(run: Run) -> Tags:
    tags = Tags()
    tags.feed(page(run))
    tags.close()
    assert tags.open == []
    return tags


HOSTILE = "<script>alert('&')</script>\"><img src=x>"


def hostile(value: Any) -> Any:
    """Put markup into every text that does not choose among alternatives."""
    if isinstance(value, dict):
        kept = ("target", "kind", "cause", "result", "started", "url")
        return {key: each if key in kept else hostile(each) for key, each in value.items()}
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return HOSTILE if isinstance(value, str) else value


class TestPage:
    def test_it_shows_all_there_is(self) -> None:
        gate = {"service": "backend", "task": "migrate", "exit_code": 0, "seconds": 4.2, "skipped": False}
        gates = [{**gate, "passed": True, "log": ["applied 3 migrations"]}]
        probe = {"requests": 480, "failed": 2, "reasons": {"HTTP 502": 2}, "versions": {"1": 400, "2": 80}}
        run = Run(
            failed=True, phases=phases("ok", "failed"), record={**BROKEN, "gates": gates, "probe": probe}
        )
        text = read(run).text
        for shown in (
            "release failed",
            "ada on workbench",
            "3 min 12 s",
            "20261122-101203-77b0d1",
            "Crashed while starting",
            "Error: MONGODB_URL is not set",
            "everything that had moved was taken back",
            CAUSES["start_crash"].remedy,
            "Step 2",
            "goals-prod-1",
            "exit code 3",
            "backend.environment.LOG_LEVEL",
            "backend: migrate",
            "applied 3 migrations",
            "480 requests, 2 failed",
            "2 times HTTP 502",
            "version 2",
            "goals/backend@sha256:0d6c",
        ):
            assert shown in text, shown

    def test_a_release_that_has_just_begun_has_a_page_too(self) -> None:
        begun = record(result="running", ended=None, seconds=None, started="2026-11-23T03:15:00+00:00")
        del begun["url"]
        text = read(Run(seconds=7, record=begun)).text
        assert "release is running" in text
        assert "2026-11-23 03:15:00 UTC" in text
        assert "7 s" in text

    def test_a_failure_without_a_known_cause_is_shown_as_it_was_told(self) -> None:
        failures = [{"host": "web-1", "task": "Stumble", "message": "<no space>", "failure": None}]
        run = Run(failed=True, record=record(result="failed"), failures=failures)
        assert "Stumble (web-1)\n<no space>\n" in read(run).text

    def test_a_rollback_says_where_it_goes(self) -> None:
        text = read(Run(record=record(kind="rollback", of="20261101-000000-a"))).text
        assert "rollback succeeded" in text
        assert "20261101-000000-a" in text

    def test_what_there_is_nothing_of_has_no_head(self) -> None:
        text = read(Run(record=record(document={}, changed=[]))).text
        for head in ("Gates", "Probe", "Hosts", "What changed", "What was released", "What to do"):
            assert head not in text

    def test_every_text_is_escaped(self) -> None:
        run = Run(record=hostile({**BROKEN, "url": f"https://x/{HOSTILE}"}), phases=hostile(phases("ok")))
        seen = read(run)
        assert not {"script", "img"} & seen.names
        assert seen.text.count(HOSTILE) > 10

    def test_it_needs_nothing_from_elsewhere_and_runs_nothing(self) -> None:
        seen = read(Run(record=BROKEN, phases=phases("ok")))
        assert not {"script", "link", "img", "iframe"} & seen.names
        assert not [name for name, _ in seen.attributes if name == "src" or name.startswith("on")]
        style = re.findall(r"<style>(.*?)</style>", page(Run(record=BROKEN)), re.DOTALL)[0]
        assert "url(" not in style
        assert "@import" not in style

    def test_only_addresses_of_the_web_become_links(self) -> None:
        assert ("href", "https://goals.example.org") in read(Run(record=record())).attributes
        assert not [
            name for name, _ in read(Run(record=record(url="javascript:x"))).attributes if name == "href"
        ]

    def test_bars_begin_where_the_last_ended(self) -> None:
        styles = [
            value
            for name, value in read(Run(record=record(), phases=phases("ok", "ok"))).attributes
            if name == "style"
        ]
        assert styles == ["margin-left:0.00%;width:33.33%", "margin-left:33.33%;width:66.67%"]

    def test_every_result_of_a_part_has_a_look(self) -> None:
        assert {"moved", "kept", "failed", "returned", "unreachable", "waiting"} <= set(TONES)


def test_the_data_is_the_record_and_the_course_of_the_run() -> None:
    run = Run(record=record(), phases=phases("ok"), changed={"web-1": ["Release"]})
    data = document(run)
    assert {key: data[key] for key in record()} == record()
    assert data["phases"] == phases("ok")
    assert data["tasks_changed"] == {"web-1": ["Release"]}
