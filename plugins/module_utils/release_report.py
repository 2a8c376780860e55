"""The report of a run: short text for the screen, complete data for a file. Pure.

A record is what a release leaves behind in the environment's history; a run has one unless it released
nothing or ended before it could. A phase is a play that did something: name, started (ISO 8601), seconds,
result (`ok`, `failed`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .release_causes import title_of
from .release_failure import explain

MINUTE = 60
HOUR = 3600
#: Lines of a message that are shown where there is no known cause.
MESSAGE_LINES = 12
#: Names in a line before the others are only counted.
NAMES = 8


@dataclass
class Run:
    """What one run of a playbook did.

    :param changed: names of the tasks that changed something, by host
    :param failures: what failed and was not ignored, in order: host, task, message, failure (None where no
        cause is known)
    :param failed: whether the run ends as failed
    """

    check: bool = False
    seconds: float = 0.0
    failed: bool = False
    phases: list[dict[str, Any]] = field(default_factory=list)
    changed: dict[str, list[str]] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def failure(self) -> Mapping[str, Any] | None:
        """The failure that tells the most: the record's, otherwise the first of which a cause is known."""
        known = (each["failure"] for each in self.failures if each["failure"])
        return self.record.get("failure") or next(known, None)


def span(seconds: float | None) -> str:
    """Write a duration for a person.

    >>> span(0.4), span(41), span(192), span(3720)
    ('0 s', '41 s', '3 min 12 s', '1 h 2 min')
    """
    whole = round(seconds or 0)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


def stack(record: Mapping[str, Any]) -> str:
    """Name the application in its environment."""
    return f"{record['application']}-{record['environment']}"


def document(run: Run) -> dict[str, Any]:
    """Give the complete report as data: the record, and how the run went."""
    return {**run.record, "phases": run.phases, "tasks_changed": run.changed, "tasks_failed": run.failures}


def ending(run: Run, report: str = "") -> list[str]:
    """Say how a run ended, the most important first.

    :param report: where the complete report is; empty where there is none
    """
    if run.failed:
        return _failed(run, report)
    if run.check:
        return _checked(run)
    if not run.changed and not run.record.get("changed"):
        return _unchanged(run)
    lines = [f"{_subject(run)} {_verb(run)} in {span(run.seconds)}."]
    return [*lines, *_facts(run, report), *_by_host("Changed", run), *_durations(run)]


def _subject(run: Run) -> str:
    record = run.record
    if not record or run.check:
        return "The run"
    return f"{record['kind'].capitalize()} {record['id']} of {stack(record)}"


def _verb(run: Run) -> str:
    return "succeeded" if run.record else "ended well"


def _failed(run: Run, report: str) -> list[str]:
    failure = run.failure
    verb = "was interrupted" if run.record.get("result") == "interrupted" else "failed"
    lines = [f"{_subject(run)} {verb} after {span(run.seconds)}"]
    if run.check:
        lines[0] += ", as a check, which changes nothing"
    if failure:
        lines[0] += f": {title_of(failure['cause']).lower()}."
        lines += explain(_with_serving(run.record, failure))
    else:
        lines[0] += "."
        lines += _messages(run)
    return [*lines, *_parts(run.record), *_facts(run, report), *_durations(run)]


def _with_serving(record: Mapping[str, Any], failure: Mapping[str, Any]) -> Mapping[str, Any]:
    if failure["serving"] or not record.get("returned"):
        return failure
    base = f" (release {record['base']})" if record["base"] else ""
    return {**failure, "serving": f"what ran before{base}; everything that had moved was taken back."}


def _messages(run: Run) -> list[str]:
    """Say what failed where no cause is known: hosts with the same message together."""
    places: dict[tuple[str, str], list[str]] = {}
    for each in run.failures:
        places.setdefault((each["task"], each["message"]), []).append(each["host"])
    lines = []
    for (task, message), hosts in places.items():
        lines.append(f"{task} ({_names(hosts)}):")
        told = message.splitlines()
        lines += [f"  {line}" for line in told[:MESSAGE_LINES]]
        if len(told) > MESSAGE_LINES:
            lines.append(f"  and {len(told) - MESSAGE_LINES} more lines, above")
    return lines


def part_name(part: Mapping[str, Any]) -> str:
    """Name a part of a release: a service, a host, or a service on a host."""
    return " on ".join(word for word in (part["service"], part["host"]) if word)


def _parts(record: Mapping[str, Any]) -> list[str]:
    """Say how each part of the release ended."""
    ends: dict[str, list[str]] = {}
    for part in record.get("parts", []):
        ends.setdefault(part["result"], []).append(part_name(part))
    told = "; ".join(f"{result}: {_names(names)}" for result, names in ends.items())
    return [f"Parts: {told}"] if told else []


def _facts(run: Run, report: str) -> list[str]:
    record = run.record
    facts = {
        "What changed": _names(record.get("changed", [])),
        "Probe": probe(record.get("probe")),
        "URL": record.get("url"),
        "Report": report,
    }
    return [f"{name}: {value}" for name, value in facts.items() if value]


def probe(result: Mapping[str, Any] | None) -> str:
    """Say what the probe of a release measured; nothing where there was none."""
    if not result:
        return ""
    told = [f"{result.get('requests', 0)} requests", f"{result.get('failed', 0)} failed"]
    if "longest_gap" in result:
        told.append(f"longest gap {result['longest_gap']:.2f} s")
    if result.get("versions"):
        told.append(f"versions {', '.join(sorted(map(str, result['versions'])))}")
    return ", ".join(told)


def _checked(run: Run) -> list[str]:
    if not run.changed:
        return [f"A check, {span(run.seconds)}: nothing would change."]
    return [
        f"A check, {span(run.seconds)}: nothing was changed.",
        *_facts(run, ""),
        *_by_host("Would change", run),
    ]


def _unchanged(run: Run) -> list[str]:
    return [f"Nothing had to be changed ({span(run.seconds)}).", *_facts(run, "")]


def _by_host(verb: str, run: Run) -> list[str]:
    """Name the tasks that changed something: hosts with the same ones together."""
    same: dict[tuple[str, ...], list[str]] = {}
    for host, tasks in run.changed.items():
        same.setdefault(tuple(dict.fromkeys(tasks)), []).append(host)
    return [f"{verb} ({_names(hosts)}): {len(tasks)}: {_names(tasks)}" for tasks, hosts in same.items()]


def _durations(run: Run) -> list[str]:
    if len(run.phases) <= 1:
        return []
    width = max(len(span(phase["seconds"])) for phase in run.phases)
    marks = {"failed": "  failed"}
    return [
        "Durations:",
        *(
            f"  {span(phase['seconds']):>{width}}  {phase['name']}{marks.get(phase['result'], '')}"
            for phase in run.phases
        ),
    ]


def _names(names: Iterable[str]) -> str:
    listed: Sequence[str] = list(names)
    more = f" and {len(listed) - NAMES} more" if len(listed) > NAMES else ""
    return ", ".join(listed[:NAMES]) + more
