"""A release that failed, as the person who must mend it needs it: one shape for hosts and for ECS. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .release_causes import CAUSES

#: Events of a service that are shown as evidence.
EVENTS = 3
#: What tells of trouble in an event, and how the reason begins of a task that was stopped without any.
TROUBLE = re.compile(r"unable|fail|unhealthy|error|limit|unavailable", re.IGNORECASE)
ORDINARY = "Scaling activity initiated"
#: How a rollout of ECS ended, after the service's name.
ENDS = {
    "failed": "failed",
    "missing": "is not there",
    "rolled_back": "was rolled back by ECS",
    "superseded": "was superseded by another deployment",
    "timed_out": "did not get ready in time",
}
#: What serves after a rollout of ECS, where its end tells that.
SERVING = {"rolled_back": "what ran before.", "superseded": "what somebody else has deployed."}
#: Causes that often are the consequence of another.
CONSEQUENCES = ("dependency_unhealthy", "superseded", "timeout", "unknown")
#: Codes of errors by which AWS asks to be asked less often.
THROTTLES = {
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}


@dataclass
class Failure:
    """What failed, why, what tells so, what serves now.

    :param cause: a class of `release_causes`
    :param target: C(ec2) or C(ecs), by which the remedy is chosen
    """

    cause: str
    summary: str
    service: str = ""
    container: str = ""
    host: str = ""
    exit_code: int | None = None
    evidence: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    serving: str = ""
    target: str = "ec2"

    @property
    def remedy(self) -> str:
        """What to do, in a sentence or two."""
        return CAUSES[self.cause].remedy_on(self.target)

    def as_dict(self) -> dict[str, Any]:
        """Return it as modules return it and records keep it."""
        shown = {**vars(self), "remedy": self.remedy}
        del shown["target"]
        return shown

    def message(self) -> str:
        """Return the message that a person reads."""
        return "\n".join(explain(self.as_dict()))


class ReleaseFailure(Exception):
    """Raised where the release cannot go on."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.summary)
        self.failure = failure


def explain(failure: Mapping[str, Any]) -> list[str]:
    """Say it in lines: the cause first, then what tells so, what serves now and what to do."""
    place = f"on {failure['host']}" if failure["host"] else ""
    return [
        f"{failure['summary']} ({failure['cause']})",
        *(f"  {line}" for line in [place, *failure["evidence"]] if line),
        *([f"  Last lines of the log of {failure['container']}:"] if failure["log"] else []),
        *(f"    | {line}" for line in failure["log"]),
        *([f"Serving now: {failure['serving']}"] if failure["serving"] else []),
        f"What to do: {failure['remedy']}",
    ]


def from_ecs(entry: Mapping[str, Any]) -> Failure:
    """Make one of what `ecs_evidence` reports of a service that does not run what was released."""
    seen = entry["evidence"]
    containers = [each for task in seen["tasks"] for each in task["containers"]]
    ended: Mapping[str, Any] = next((each for each in containers if _says(entry, each)), {})
    stream = seen["log"].get("stream", "")
    return Failure(
        entry["cause"],
        f"{entry['name']} {ENDS[entry['state']]}: {entry['because']}",
        entry["name"],
        ended.get("name") or stream.rpartition("/")[0].rpartition("/")[2],
        exit_code=ended.get("exit_code"),
        evidence=[entry["detail"], *dict.fromkeys(_evidence(seen))],
        log=list(seen["log"].get("lines", [])),
        serving=SERVING.get(entry["state"], ""),
        target="ecs",
    )


def likeliest(failures: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Choose the failure that tells the most of several that came together."""
    return min(failures, key=lambda failure: failure["cause"] in CONSEQUENCES)


def from_aws(code: str, summary: str) -> Failure:
    """Make one of an error of AWS; its code is empty where there was no answer."""
    return Failure("throttled" if code in THROTTLES else "api_error", summary)


def _says(entry: Mapping[str, Any], container: Mapping[str, Any]) -> bool:
    """Whether a container is the one that the cause was seen in."""
    words = (f"container {container['name']} ", container["reason"] or "-")
    return any(word in entry["because"] for word in words)


def _evidence(seen: Mapping[str, Any]) -> Iterator[str]:
    same: dict[str, list[str]] = {}
    for task in seen["tasks"]:
        reason = task["stopped_reason"] or ""
        words = [reason, *(_container(each) for each in task["containers"])]
        if any(words) and not reason.startswith(ORDINARY):
            same.setdefault("; ".join(word for word in words if word), []).append(task["id"])
    for text, tasks in same.items():
        yield f"{'Task' if len(tasks) == 1 else 'Tasks'} {', '.join(tasks)}: {text}"
    for target in seen["targets"]:
        if target["state"] != "healthy":
            words = [target["state"], target["reason"], target["description"]]
            yield f"Target {target['id']}:{target['port']}: {' '.join(word for word in words if word)}"
    yield from [event for event in seen["events"] if TROUBLE.search(event)][:EVENTS]
    yield from (f"Could not be read: {text}" for text in seen["unreadable"])


def _container(container: Mapping[str, Any]) -> str:
    told = [container["reason"] or ""]
    if container["exit_code"] is not None:
        told.append(f"exit code {container['exit_code']}")
    if container["health"] == "UNHEALTHY":
        told.append("UNHEALTHY")
    known = ", ".join(word for word in told if word)
    return f"{container['name']} {known}" if known else ""
