"""How a release went on each host or for each service, from what their modules returned. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .release_failure import Failure, from_aws, likeliest

Json = dict[str, Any]

#: What a step of the controller fails of, where that needs no telling.
CAUSES_OF_STEPS = {"verify": "not_answering", "gate": "gate_failed"}
LOG_LINES = 20


def host_parts(
    releases: Mapping[str, Mapping[str, Any]], returns: Mapping[str, Mapping[str, Any]]
) -> list[Json]:
    """Tell it of each host.

    Both arguments hold results of the module host_release by host: of the release, and of the return where
    there was one. A host whose turn never came has none, or one that was skipped.
    """
    ours = {name: {} if result.get("skipped") else result for name, result in releases.items()}
    return [_host(name, ours[name], returns.get(name, {})) for name in sorted(ours)]


def _host(name: str, release: Mapping[str, Any], back: Mapping[str, Any]) -> Json:
    part: Json = {
        "service": None,
        "host": name,
        "result": "waiting",
        "actions": [*release.get("actions", []), *back.get("actions", [])],
        "timeline": _one_after_the_other(release.get("timeline", []), back.get("timeline", [])),
        "failure": None,
    }
    if release.get("unreachable") or release.get("failed"):
        part["result"] = "unreachable" if release.get("unreachable") else "failed"
        part["failure"] = _host_failure(name, release)
    elif release:
        part["result"] = "moved" if release.get("changed") else "kept"
    if back.get("failed") or back.get("unreachable"):
        part["failure"] = part["failure"] or _host_failure(name, back)
        part["result"] = "unreachable" if back.get("unreachable") else "failed"
    elif back and part["result"] in ("moved", "failed"):
        part["result"] = "returned"
    return part


def _one_after_the_other(release: Sequence[Json], back: Sequence[Json]) -> list[Json]:
    """Join what was seen: the return begins where the release had ended."""
    began = release[-1]["seconds"] if release else 0.0
    return [*release, *({**seen, "seconds": round(began + seen["seconds"], 1)} for seen in back)]


def _host_failure(name: str, result: Mapping[str, Any]) -> Json:
    told = result.get("failure")
    if told:
        return {**told, "host": name}
    cause = "host_unreachable" if result.get("unreachable") else "unknown"
    return Failure(cause, str(result.get("msg", "")), host=name).as_dict()


def service_parts(
    result: Mapping[str, Any], back: Mapping[str, Any], updates: Mapping[str, Any]
) -> list[Json]:
    """Tell it of each service.

    By results of the module ecs_rollout, of the release and of the return, and by those of ecs_service of the
    release, which say what was moved.
    """
    returned = bool(back) and not back.get("failed")
    kept = {item["item"] for item in updates.get("results", []) if not item.get("changed")}

    def outcome(rollout: Mapping[str, Any]) -> str:
        if rollout["state"] == "completed" and rollout["name"] in kept:
            return "kept"
        return "returned" if returned else "moved" if rollout["state"] == "completed" else "failed"

    return [
        {
            "service": rollout["name"],
            "host": None,
            "result": outcome(rollout),
            "actions": [f"{rollout['state']}: {rollout['detail']}"],
            "timeline": [each for each in result.get("timeline", []) if each["service"] == rollout["name"]],
            "failure": rollout.get("failure"),
        }
        for rollout in result.get("services", [])
    ]


def controller_failure(step: str, result: Mapping[str, Any]) -> Json | None:
    """Describe why a step on the controller failed; None where it did not, or where its parts tell why."""
    if not result.get("failed") or result.get("services"):
        return None
    items = [item for item in result.get("results", []) if item.get("failed")]
    told = items[0] if items else result
    code = (told.get("error") or {}).get("code", "")
    cause = CAUSES_OF_STEPS.get(step) or from_aws(code, "").cause
    task = told.get("task", {})
    failed = Failure(
        cause, str(told.get("msg", "")), exit_code=task.get("exit_code"), log=list(told.get("output", []))
    )
    return told.get("failure") or failed.as_dict()


def gate_run(gate: Mapping[str, Any], result: Mapping[str, Any]) -> Json:
    """Tell how a gate went that ran as a task of ECS, by the result of the module ecs_task."""
    task = result.get("task", {})
    return {
        "service": gate["service"],
        "task": gate["name"],
        "exit_code": task.get("exit_code"),
        "seconds": task.get("seconds"),
        "log": list(result.get("output", []))[-LOG_LINES:],
        "passed": not result.get("failed", False),
        "skipped": False,
    }


def release_ending(
    parts: Sequence[Mapping[str, Any]],
    steps: Mapping[str, Mapping[str, Any]],
    url: str,
    gates: Sequence[Mapping[str, Any]] = (),
    probe: Mapping[str, Any] | None = None,
) -> Json:
    """Describe the end of a release: `steps` are results of steps on the controller by name.

    `gates` are the tasks that stood before it and were run, `probe` is what clients saw meanwhile.
    """
    failures = [part["failure"] for part in parts if part["failure"]]
    failures += [one for one in (controller_failure(name, result) for name, result in steps.items()) if one]
    back = steps.get("services_back", {"failed": steps.get("services", {}).get("failed", False)})
    return {
        "result": "failed" if failures else "good",
        "parts": list(parts),
        "failure": likeliest(failures) if failures else None,
        "returned": bool(failures) and not back.get("failed") and not any(map(_astray, parts)),
        "url": url,
        "gates": list(gates),
        "probe": probe or None,
    }


def moved(ending: Mapping[str, Any]) -> bool:
    """Tell whether a release did anything."""
    return any(part["result"] not in ("kept", "waiting") for part in ending["parts"])


def _astray(part: Mapping[str, Any]) -> bool:
    """Whether a part of a release that failed may run something else than before."""
    return part["result"] in ("moved", "failed", "unreachable")
