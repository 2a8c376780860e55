"""One call of a release on a host: from validated arguments to what is told of it. Standard library alone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from . import host_absent, host_lock, host_options, host_state
from .docker_api import Engine
from .host_converge import Outcome, Release
from .host_effects import Host
from .host_return import Return
from .release_failure import ReleaseFailure

Json = dict[str, Any]


def run(params: Mapping[str, Any], check_mode: bool) -> Json:
    """Return what the module host_release returns; where it failed, with `failed`."""
    host = Host()
    gates: list[Json] = []
    try:
        outcome = _run(params, host, check_mode, gates)
    except ReleaseFailure as error:
        host.tell("release", error.failure.summary, "failed")
        return {
            "failed": True,
            "msg": error.failure.message(),
            "failure": error.failure.as_dict(),
            "timeline": host.timeline,
            "gates": gates,
        }
    if outcome.changed and not check_mode:
        host.tell("release", "as described", "completed")
    return {
        "changed": outcome.changed,
        "actions": outcome.actions,
        "services": outcome.services,
        "drained": outcome.drained,
        "gates": gates,
        "timeline": host.timeline,
        "diff": {"before": _text(outcome.before), "after": _text(outcome.after)},
        "found": outcome.found,
    }


def _run(params: Mapping[str, Any], host: Host, check_mode: bool, gates: list[Json]) -> Outcome:
    engine = Engine(params["docker_socket"])
    if params["state"] == "absent":
        return host_absent.remove(
            engine,
            host,
            params["app"],
            params["config_dir"],
            volumes=params["remove_volumes"],
            check_mode=check_mode,
        )
    desired = host_options.desired(params)
    # What the orphan of a killed run still does here is waited for.
    alone = nullcontext() if check_mode else host_lock.held(desired.config_dir, desired.app)
    with alone:
        if params["state"] == "returned":
            return Return(engine, host, desired, check_mode).run()
        question = {name: params[name] for name in ("app", "config_dir", "docker_socket")}
        before = host_state.state_of(**question, checks=[])
        release = Release(engine, host, desired, check_mode)
        try:
            outcome = release.run()
        finally:
            gates += release.gates.runs
        if not outcome.changed:
            outcome.found = _found({**question, "checks": outcome.checks}, before)
        return outcome


def _found(question: Json, before: str) -> Json:
    """Give what there is on a host that is as described, and how to ask for it again; nothing if it moves."""
    answer = host_state.state_of(**question)
    things = [line for line in answer.splitlines() if not line.startswith(host_state.CHECK)]
    return {"question": question, "answer": answer} if things == before.splitlines() else {}


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
