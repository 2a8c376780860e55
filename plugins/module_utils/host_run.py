"""One call of a release on a host: from validated arguments to what is told of it. Standard library alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from traceback import format_exc
from typing import Any

from . import host_absent, host_lock, host_options, host_state
from .docker_api import Engine
from .host_converge import Outcome, Release
from .host_effects import Host
from .host_failure import without_secrets
from .host_return import Return
from .release_failure import ReleaseFailure

Json = dict[str, Any]

PATHS = ("config_dir", "docker_socket")


def run(params: Mapping[str, Any], check_mode: bool) -> Json:
    """Return what the module host_release returns; where it failed, with `failed`. No secret is in it."""
    hidden = [value for values in params["secrets"].values() for value in (values or {}).values()]
    hidden += [login.get("password") for login in params["registry_auth"].values()]
    texts = [str(value) for value in hidden if value is not None]
    try:
        found = _told(params, check_mode)
    except Exception as error:  # noqa: BLE001  # a traceback holds what it was told
        found = {"failed": True, "msg": f"The release failed by itself: {error!r}", "exception": format_exc()}
    told: Json = _without(texts, found)
    return told


def _without(secrets: Sequence[str], value: Any) -> Any:
    """Return a value in whose texts no secret is."""
    if isinstance(value, str):
        return without_secrets([value], secrets)[0]
    if isinstance(value, dict):
        return {name: _without(secrets, inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without(secrets, inner) for inner in value]
    return value


def _told(params: Mapping[str, Any], check_mode: bool) -> Json:
    # They may name the home of whom the release runs as.
    paths = {name: os.path.expandvars(os.path.expanduser(params[name])) for name in PATHS}
    params = {**params, **paths}
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
