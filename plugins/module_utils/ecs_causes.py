"""Why tasks of an ECS service do not run: from what AWS says to a cause and a remedy. Pure.

The texts are those of the ECS Developer Guide ("Stopped tasks error codes", "CannotPullContainer task
errors", "Service event messages", "Service unhealthy event messages"), of the ECS agent and of containerd.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
    ("network", r"i/o timeout|deadline exceeded|(request|context) cancel|RequestCanceled|connection issue"),
    ("network", r"dial tcp|no such host|connection refused|send request failed"),
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
    ("start_crash", r"Cannot(Start|Create)Container|ContainerRuntimeTimeout|failed to create .*container"),
)
REMEDIES: Mapping[str, str] = {
    "architecture": (
        "Build the image for the platform of the tasks (runtimePlatform; linux/amd64 where there is none)."
    ),
    "dependency_unhealthy": (
        "Look at the container that the others wait for: its exit code, health check and log."
    ),
    "deployment_bounds": (
        "Let one task more run, or one less, during a deployment: raise maximumPercent or lower "
        "minimumHealthyPercent."
    ),
    "disk_full": "Give the tasks more ephemeralStorage, or make the image smaller.",
    "health_check": (
        "Ask for the health check's path at the container's port by hand; check that its security "
        "group lets the load balancer in, and that the grace period exceeds the time of a start."
    ),
    "image_not_found": (
        "Check that the image is in the registry under this tag or digest, and push it if it is not."
    ),
    "log_group_missing": "Make the log group, and let the execution role write to it (logs:CreateLogStream).",
    "missing": "Make the service before its rollout is watched.",
    "network": (
        "Give the tasks' subnets a way to registry and secret store: NAT gateway, VPC endpoints or "
        "public addresses; check routes and security groups."
    ),
    "no_capacity": (
        "Wait, or take another zone or capacity provider; check quotas, the subnets' free "
        "addresses, and on EC2 the instances' CPU and memory."
    ),
    "out_of_memory": "Give the container or the task more memory, or let the application use less.",
    "pull_denied": (
        "Let the execution role pull (ecr:GetAuthorizationToken, ecr:BatchGetImage, "
        "ecr:GetDownloadUrlForLayer) or give repositoryCredentials; check the repository's name."
    ),
    "pull_rate_limited": "Pull from a registry of your own, or with credentials.",
    "role_denied": (
        "Let ecs-tasks.amazonaws.com assume the role (its trust policy), and check the role's ARN."
    ),
    "secret_denied": (
        "Let the execution role read the secret (secretsmanager:GetSecretValue or "
        "ssm:GetParameters, and kms:Decrypt for a key of your own)."
    ),
    "secret_missing": "Create the secret, or correct its ARN or JSON key in the task definition.",
    "start_crash": (
        "Read the log lines: the program ended by itself. Code 137 is a kill, often by the memory "
        "limit, 139 a segmentation fault, 127 an unknown command."
    ),
    "superseded": "Somebody else deployed meanwhile: see who it was, and release again when that is done.",
    "timeout": (
        "Nothing failed, but it took too long: give it longer (timeout), or see why tasks start slowly."
    ),
    "unknown": (
        "Look at the evidence and at the service in the console: ECS gave no reason that is known here."
    ),
    "volume": (
        "Check mount targets, access point, security group (port 2049) and the task role's right to mount."
    ),
}


@dataclass(frozen=True)
class Cause:
    """A class of causes, and the words of AWS that tell of it."""

    name: str
    because: str

    @property
    def remedy(self) -> str:
        """What to do, in a sentence."""
        return REMEDIES[self.name]


def classify(
    tasks: Sequence[Mapping[str, Any]],
    events: Iterable[str] = (),
    targets: Iterable[Mapping[str, Any]] = (),
    log: Iterable[str] = (),
) -> Cause | None:
    """Why a service's tasks do not run; None where nothing tells.

    :param tasks: of DescribeTasks, stopped or running, newest first
    :param events: messages of DescribeServices, newest first
    :param targets: TargetHealthDescriptions of DescribeTargetHealth
    :param log: lines of the container that failed; they are believed in one thing only, a wrong architecture
    """
    for line in log:
        cause = _matching(line)
        if cause and cause.name == "architecture":
            return cause
    sources = (_of_tasks(tasks), _of_targets(targets), map(_matching, events))
    return next((cause for source in sources for cause in source if cause), None)


def _of_tasks(tasks: Sequence[Mapping[str, Any]]) -> Iterator[Cause | None]:
    for task in tasks:
        containers = task.get("containers", [])
        reasons = [*(each.get("reason", "") for each in containers), task.get("stoppedReason", "")]
        yield from map(_matching, reasons)
        if task.get("stopCode") == "EssentialContainerExited":
            yield _crash(containers, task.get("stoppedReason", ""))
    for task in tasks:
        for container in task.get("containers", []):
            if container.get("healthStatus") == "UNHEALTHY":
                yield Cause("health_check", f"container {container['name']} is UNHEALTHY")


def _crash(containers: Sequence[Mapping[str, Any]], reason: str) -> Cause | None:
    container = crashed(containers)
    if container is None:
        return None
    return Cause(
        "start_crash", f"container {container['name']} exited with code {container['exitCode']}: {reason}"
    )


def crashed(containers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The container that brought its task down; others are stopped after it, by SIGTERM or SIGKILL."""
    ended = [container for container in containers if container.get("exitCode") is not None]
    order = {137: 1, 0: 2, 143: 3}
    return min(ended, key=lambda container: order.get(container["exitCode"], 0), default=None)


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
