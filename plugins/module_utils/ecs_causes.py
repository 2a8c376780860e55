"""Why tasks of an ECS service do not run: from what AWS says to a class of causes. Pure.

The texts are those of the ECS Developer Guide ("Stopped tasks error codes", "CannotPullContainer task
errors", "Service event messages", "Service unhealthy event messages"), of the ECS agent and of containerd.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .release_causes import CAUSES

UNREACHABLE = (
    r"i/o timeout|deadline exceeded|(request|context) cancel|RequestCanceled|connection issue|"
    r"dial tcp|no such host|connection refused|send request failed"
)
# The first that matches counts, so that what is more precise stands first.
PATTERNS: tuple[tuple[str, str], ...] = (
    (
        "architecture",
        r"exec format error|descriptor matching platform|no match(ing manifest)? for (platform|linux)",
    ),
    ("log_group_missing", r"failed to (validate logger args|initialize logging driver)"),
    ("log_group_missing", r"log group does not exist"),
    ("volume", r"EFS utils|failed to (set up|mount) .*volume|CannotCreateVolumeError"),
    ("pull_rate_limited", r"toomanyrequests|pull rate limit"),
    ("disk_full", r"no space left on device"),
    ("role_denied", r"unable to assume the role"),
    ("secret_missing", r"(secret|asm|ssm).*(ResourceNotFound|can't find|ParameterNotFound)"),
    ("secret_missing", r"did not contain json key|invalid ssm parameters"),
    ("secret_denied", r"(secrets? from (asm|ssm)|secrets ?manager).*(AccessDenied|not authorized)"),
    ("secret_denied", r"(AccessDenied|not authorized).*(secretsmanager|ssm|kms):"),
    ("secret_denied", r"Access to KMS is not allowed"),
    ("registry_unreachable", rf"(CannotPull|\becr\b).*({UNREACHABLE})"),
    ("network", UNREACHABLE),
    # For no reason that is known here.
    ("secret_missing", r"unable to retrieve secret"),
    ("pull_denied", r"pull access denied|no basic auth|registry auth.*(AccessDenied|not authorized)"),
    ("pull_denied", r"(CannotPull|can't pull the image).*(\b403\b|denied|authorized|has permission)"),
    ("image_not_found", r"CannotPull.*(not found|unknown|\b404\b|does not exist|invalid reference)"),
    ("image_not_found", r"No such image"),
    ("out_of_memory", r"OutOfMemory|out of memory|memory usage"),
    ("health_check", r"failed (ELB|container) health checks|is unhealthy in|Health checks failed"),
    ("dependency_unhealthy", r"container ordering dependency|dependency graph|Dependency\w*Error"),
    (
        "no_capacity",
        r"Capacity is unavailable|unable to place a task|RESOURCE:|insufficient (CPU|memory|free)",
    ),
    ("no_capacity", r"reached the limit on the number|configuration is above your limit|Spot.*interrupted"),
    ("no_capacity", r"network interface provisioning|InsufficientFreeAddresses"),
    ("deployment_bounds", r"because of the service deployment configuration"),
    ("start_refused", r"Cannot(Start|Create)Container|ContainerRuntimeTimeout|failed to create .*container"),
)

# Exit codes of containers that were stopped with their task, the one that tells most of a crash first.
STOPPED = {137: 1, 0: 2, 143: 3}


@dataclass(frozen=True)
class Cause:
    """A class of causes, the words of AWS that tell of it, and the container that they tell it of."""

    name: str
    because: str
    container: str = ""

    @property
    def remedy(self) -> str:
        """What to do, in a sentence."""
        return CAUSES[self.name].remedy_on("ecs")


def classify(
    tasks: Sequence[Mapping[str, Any]],
    events: Iterable[str] = (),
    targets: Iterable[Mapping[str, Any]] = (),
    log: Iterable[str] = (),
    definitions: Sequence[Mapping[str, Any]] = (),
) -> Cause | None:
    """Why a service's tasks do not run; None where nothing tells.

    :param tasks: of DescribeTasks, stopped or running, newest first
    :param events: messages of DescribeServices, newest first
    :param targets: TargetHealthDescriptions of DescribeTargetHealth
    :param log: lines of the container that failed; they are believed in one thing only, a wrong architecture
    :param definitions: the tasks' containerDefinitions, by which containers wait for each other
    """
    for line in log:
        cause = _matching(line)
        if cause and cause.name == "architecture":
            return cause
    sources = (_of_tasks(tasks, definitions), _of_targets(targets), map(_matching, events))
    return next((cause for source in sources for cause in source if cause), None)


def _of_tasks(
    tasks: Sequence[Mapping[str, Any]], definitions: Sequence[Mapping[str, Any]]
) -> Iterator[Cause | None]:
    for task in tasks:
        for each in task.get("containers", []):
            yield _of_reason(each.get("reason", ""), each["name"], task, definitions)
        yield _of_reason(task.get("stoppedReason", ""), "", task, definitions)
        if task.get("stopCode") == "EssentialContainerExited":
            yield _crash(_essential(task, definitions), task.get("stoppedReason", ""))
        if task.get("stopCode") == "TaskFailedToStart":
            yield _waited_for(task, definitions)
    for task in tasks:
        yield _unhealthy(task, definitions)


def _of_reason(
    text: str, name: str, task: Mapping[str, Any], definitions: Sequence[Mapping[str, Any]]
) -> Cause | None:
    """What a container's or a task's reason tells, and of which container where ECS leaves that open."""
    cause = _matching(text)
    if cause and cause.name == "dependency_unhealthy":
        return _waited_for(task, definitions) or cause
    if cause and not name and "container health checks" in text:
        return _unhealthy(task, definitions, f": {text}") or cause
    return cause and Cause(cause.name, text, name)


def _essential(task: Mapping[str, Any], definitions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The containers whose end or health is the task's."""
    optional = {each["name"] for each in definitions if not each.get("essential", True)}
    return [each for each in task.get("containers", []) if each["name"] not in optional]


def _unhealthy(
    task: Mapping[str, Any], definitions: Sequence[Mapping[str, Any]], told: str = ""
) -> Cause | None:
    for each in _essential(task, definitions):
        if each.get("healthStatus") == "UNHEALTHY":
            return Cause("health_check", f"container {each['name']} is UNHEALTHY{told}", each["name"])
    return None


def _waited_for(task: Mapping[str, Any], definitions: Sequence[Mapping[str, Any]]) -> Cause | None:
    """The container for which others waited in vain, the first of those that wait for each other."""
    shown = {each["name"]: each for each in task.get("containers", [])}
    needs = {each["name"]: each.get("dependsOn", []) for each in definitions}
    waiting = {
        need["containerName"]: (name, need["condition"])
        for name, all_needs in needs.items()
        for need in all_needs
        if _in_vain(shown.get(need["containerName"], {}), need["condition"])
    }
    for name, (waits, condition) in waiting.items():
        if not any(need["containerName"] in waiting for need in needs.get(name, [])):
            words = _end_in_words(shown.get(name, {}), condition)
            reason = task.get("stoppedReason", "")
            return Cause(
                "dependency_unhealthy", f"container {name} {words}, and {waits} waits for it: {reason}", name
            )
    return None


def _in_vain(container: Mapping[str, Any], condition: str) -> bool:
    if condition == "HEALTHY":
        return container.get("healthStatus") != "HEALTHY"
    return condition == "SUCCESS" and container.get("exitCode") != 0


def _end_in_words(container: Mapping[str, Any], condition: str) -> str:
    code = container.get("exitCode")
    if condition == "HEALTHY" and container.get("healthStatus") == "UNHEALTHY":
        return "is UNHEALTHY"
    # Those of a container that was stopped with its task tell nothing of its own.
    if code is not None and (condition == "SUCCESS" or code not in STOPPED):
        return f"exited with code {code}"
    return "did not become healthy in time" if condition == "HEALTHY" else "did not end in time"


def _crash(containers: Sequence[Mapping[str, Any]], reason: str) -> Cause | None:
    container = crashed(containers)
    if container is None:
        return None
    words = f"container {container['name']} exited with code {container['exitCode']}: {reason}"
    return Cause("start_crash", words, container["name"])


def crashed(containers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The container that brought its task down; others are stopped after it, by SIGTERM or SIGKILL."""
    ended = [container for container in containers if container.get("exitCode") is not None]
    return min(ended, key=lambda container: STOPPED.get(container["exitCode"], 0), default=None)


def _of_targets(targets: Iterable[Mapping[str, Any]]) -> Iterator[Cause]:
    for target in targets:
        health = target["TargetHealth"]
        if health["State"] == "unhealthy" or health.get("Reason") == "Target.NotInUse":
            words = [target["Target"]["Id"], health["State"], health.get("Reason"), health.get("Description")]
            yield Cause("health_check", "target " + " ".join(word for word in words if word))


def _matching(text: str) -> Cause | None:
    for name, pattern in PATTERNS:
        if text and re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            return Cause(name, text)
    return None
