"""The report of a run as one page of HTML that needs no script and nothing from elsewhere. Pure.

Text becomes part of the page only by :func:`el`, which escapes all that is not markup made by itself.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .release_causes import title_of
from .release_page_style import STYLE
from .release_report import Run, part_name, probe, span, stack

VOID = ("meta", "br")
#: How the states and results of everything look: good, bad, or on the way.
TONES = {
    "good": "good",
    "ok": "good",
    "moved": "good",
    "completed": "good",
    "healthy": "good",
    "passed": "good",
    "kept": "still",
    "skipped": "still",
    "waiting": "still",
    "failed": "bad",
    "unreachable": "bad",
    "unhealthy": "bad",
    "rolled_back": "bad",
    "timed_out": "bad",
    "missing": "bad",
    "superseded": "bad",
    "interrupted": "bad",
    "returned": "back",
}
RESULTS = {"good": "succeeded", "failed": "failed", "interrupted": "was interrupted", "running": "is running"}


class Markup(str):
    """Text that is markup already."""


def el(tag: str, /, *content: str, **attributes: str) -> Markup:
    """Make an element; what is not markup is escaped, in it and in its attributes."""
    given = "".join(
        f' {key.rstrip("_")}="{html.escape(value)}"' for key, value in attributes.items() if value
    )
    inner = "".join(one if isinstance(one, Markup) else html.escape(one) for one in content)
    return Markup(f"<{tag}{given}>" if tag in VOID else f"<{tag}{given}>{inner}</{tag}>")


def join(parts: Iterable[Markup]) -> Markup:
    """Put markup together."""
    return Markup("".join(parts))


def page(run: Run) -> str:
    """Render the report of a run that has a record."""
    record = run.record
    name = f"{stack(record)}: {record['kind']} {record['id']}"
    head = [
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", name),
        el("style", Markup(STYLE)),
    ]
    sections = [
        _header(run),
        _failure(run),
        _section("Course of the run", _phases(run.phases)),
        _section("Hosts" if record["target"] == "ec2" else "Services", _parts(record["parts"])),
        _section("What changed", _list(record["changed"], "code")),
        _section("Gates", _gates(record["gates"])),
        _section("Probe", _probe(record["probe"])),
        _section("What was released", _document(record["document"])),
    ]
    foot = el("footer", f"Slipway. All of this as data: {record['id']}.json, beside this page.")
    body = el("body", el("main", *sections, foot))
    return "<!doctype html>\n" + el("html", el("head", *head), body, lang="en") + "\n"


def _section(title: str, content: Markup) -> Markup:
    return el("section", el("h2", title), content) if content else Markup()


def _tone(state: str) -> str:
    return TONES.get(state, "way")


def _badge(state: str, text: str = "") -> Markup:
    return el("span", text or state.replace("_", " "), class_=f"badge {_tone(state)}")


def _header(run: Run) -> Markup:
    record = run.record
    revision = record["git"]["revision"] or ""
    uncommitted = " and uncommitted changes" if record["git"]["dirty"] else ""
    seconds = record["seconds"] if record["seconds"] is not None else run.seconds
    facts = {
        "Release": el("code", record["id"]),
        "Began": el("span", _moment(record["started"])),
        "Took": el("span", span(seconds)),
        "By": el("span", f"{record['actor']['user']} on {record['actor']['host']}"),
        "Target": el("span", {"ec2": "Docker hosts on EC2", "ecs": "ECS on Fargate"}[record["target"]]),
        "Revision": revision and el("span", el("code", revision[:12]), uncommitted),
        "Before it": record["base"] and el("code", record["base"]),
        "Goes back to": record.get("of") and el("code", record["of"]),
        "Address": record.get("url") and _link(record["url"]),
    }
    head = el(
        "h1",
        el("span", record["application"], class_="name"),
        el("span", record["environment"], class_="where"),
        _badge(record["result"], f"{record['kind']} {RESULTS[record['result']]}"),
    )
    told = [el("div", el("dt", name), el("dd", fact)) for name, fact in facts.items() if fact]
    return el("header", head, el("dl", *told))


def _moment(time: str) -> str:
    return time[:19].replace("T", " ") + " UTC"


def _link(url: str) -> Markup:
    # Anything else, as javascript:, is text.
    return el("a", url, href=url) if url.startswith(("http://", "https://")) else el("span", url)


def _failure(run: Run) -> Markup:
    failure = run.failure
    if not failure:
        return _unexplained(run)
    place = {
        "Service": failure["service"],
        "Host": failure["host"],
        "Container": failure["container"],
        "Exit code": "" if failure["exit_code"] is None else str(failure["exit_code"]),
    }
    returned = "everything that had moved was taken back" if run.record["returned"] else ""
    serving = failure["serving"] or returned
    parts = [
        el("p", title_of(failure["cause"]), " ", el("code", failure["cause"]), class_="cause"),
        el("p", failure["summary"], class_="summary"),
        el("dl", *(el("div", el("dt", key), el("dd", text)) for key, text in place.items() if text)),
        _list(failure["evidence"]),
        el("pre", "\n".join(failure["log"])) if failure["log"] else Markup(),
        el("p", el("strong", "Serving now: "), serving) if serving else Markup(),
        el("p", el("strong", "What to do: "), failure["remedy"], class_="remedy"),
    ]
    return el("section", *parts, class_="failure")


def _unexplained(run: Run) -> Markup:
    """Show what failed where no cause is known."""
    if not run.failed:
        return Markup()
    parts = [
        (el("p", f"{each['task']} ({each['host']})", class_="summary"), el("pre", each["message"]))
        for each in run.failures
    ]
    return el("section", *(one for part in parts for one in part), class_="failure")


def _list(items: Sequence[str], inner: str = "span") -> Markup:
    return el("ul", *(el("li", el(inner, item)) for item in items)) if items else Markup()


def _phases(phases: Sequence[Mapping[str, Any]]) -> Markup:
    """Draw each phase as a bar on the axis of the run."""
    total = sum(phase["seconds"] for phase in phases) or 1.0
    rows, begun = [], 0.0
    for phase in phases:
        share = el(
            "span",
            class_=f"bar {_tone(phase['result'])}",
            style=f"margin-left:{_percent(begun, total)};width:{_percent(phase['seconds'], total)}",
        )
        begun += phase["seconds"]
        cells = [
            el("span", phase["name"], class_="label"),
            el("span", share, class_="track"),
            el("span", span(phase["seconds"]), class_="time"),
        ]
        rows.append(el("li", *cells))
    return el("ol", *rows, class_="chart") if rows else Markup()


def _percent(part: float, total: float) -> str:
    return f"{100 * part / total:.2f}%"


def _parts(parts: Sequence[Mapping[str, Any]]) -> Markup:
    last = [part["timeline"][-1]["seconds"] for part in parts if part["timeline"]]
    # The last state of all is to be seen as well.
    total = max([*last, 1.0]) * 1.08
    return join(_part(part, total) for part in parts)


def _part(part: Mapping[str, Any], total: float) -> Markup:
    head = el("h3", el("span", part_name(part)), _badge(part["result"]))
    states = [
        el(
            "tr",
            el("td", f"{state['seconds']:.1f} s", class_="time"),
            el("td", el("span", "", class_=f"dot {_tone(state['state'])}"), state["state"].replace("_", " ")),
            el("td", state["detail"]),
        )
        for state in part["timeline"]
    ]
    failure = part["failure"]
    return el(
        "article",
        head,
        _course(part["timeline"], total),
        el("table", *states) if states else Markup(),
        _list(part["actions"]),
        el("p", failure["summary"], class_="summary") if failure else Markup(),
    )


def _course(timeline: Sequence[Mapping[str, Any]], total: float) -> Markup:
    """Draw the states as one bar in which each lasts until the next."""
    if not timeline:
        return Markup()
    pieces = [el("span", style=f"width:{_percent(timeline[0]['seconds'], total)}")]
    for state, following in zip(timeline, timeline[1:]):
        width = _percent(following["seconds"] - state["seconds"], total)
        pieces.append(el("span", class_=f"bar {_tone(state['state'])}", style=f"width:{width}"))
    end = el("span", class_=f"bar end {_tone(timeline[-1]['state'])}")
    return el("div", *pieces, end, class_="course")


def _gates(gates: Sequence[Mapping[str, Any]]) -> Markup:
    rows = []
    for gate in gates:
        state = "skipped" if gate["skipped"] else "passed" if gate["passed"] else "failed"
        text = "passed before" if gate["skipped"] else state
        code = "" if gate["exit_code"] is None else f"exit code {gate['exit_code']}"
        head = [el("span", f"{gate['service']}: {gate['task']}"), _badge(state, text)]
        log = el("pre", "\n".join(gate["log"])) if gate["log"] else Markup()
        facts = ", ".join(word for word in (code, span(gate["seconds"])) if word)
        rows.append(el("article", el("h3", *head), el("p", facts), log))
    return join(rows)


def _probe(result: Mapping[str, Any] | None) -> Markup:
    if not result:
        return Markup()
    versions = result.get("versions") or {}
    total = sum(versions.values()) if isinstance(versions, Mapping) else 0
    rows = [
        el(
            "li",
            el("span", f"version {version}", class_="label"),
            el("span", el("span", class_="bar way", style=f"width:{_percent(count, total)}"), class_="track"),
            el("span", str(count), class_="time"),
        )
        for version, count in sorted(versions.items() if total else ())
    ]
    reasons = result.get("reasons") or {}
    told = [f"{count} times {reason}" for reason, count in reasons.items()] if reasons else []
    chart = el("ol", *rows, class_="chart") if rows else Markup()
    return join([el("p", f"{probe(result)}."), chart, _list(told)])


def _document(document: Mapping[str, Any]) -> Markup:
    if not document:
        return Markup()
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False)
    return el("details", el("summary", "The description, secrets by name"), el("pre", text))
