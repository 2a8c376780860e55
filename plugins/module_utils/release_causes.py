"""The classes of causes for which a release fails, the same on every target, and what to do about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class CauseClass:
    """A class of causes.

    :param title: what happened, as the head of a report says it
    :param remedy: what to do, where the target is hosts or makes no difference
    :param on_ecs: what to do on ECS, where that is something else
    """

    title: str
    remedy: str
    on_ecs: str = ""

    def remedy_on(self, target: str) -> str:
        """Return what to do on a target, C(ec2) or C(ecs)."""
        return self.on_ecs if target == "ecs" and self.on_ecs else self.remedy


CAUSES: Mapping[str, CauseClass] = {
    # The image.
    "image_not_found": CauseClass(
        "Image not found", "Check that the image was pushed and that its name, tag or digest is right."
    ),
    "pull_denied": CauseClass(
        "Image may not be pulled",
        "Check the login for this registry (registry_auth) and that it may read this repository.",
        "Let the execution role pull (ecr:GetAuthorizationToken, ecr:BatchGetImage, "
        "ecr:GetDownloadUrlForLayer) or give repositoryCredentials; check the repository's name.",
    ),
    "pull_rate_limited": CauseClass(
        "Registry limits pulls", "Pull from a registry of your own, or with credentials."
    ),
    "registry_unreachable": CauseClass(
        "Registry unreachable",
        "Check the registry's name, and that this host reaches it.",
        "Check the registry's name, and give the tasks' subnets a way to it: NAT gateway, VPC endpoints or "
        "public addresses; check routes and security groups.",
    ),
    "architecture": CauseClass(
        "Image for another architecture",
        "Build the image for this host's architecture (`platform`), or use other hosts.",
        "Build the image for the platform of the tasks (runtimePlatform; linux/amd64 where there is none).",
    ),
    # The start.
    "start_refused": CauseClass(
        "Container could not be started",
        "Check `command`, `user` and `volumes` of the service against what the image contains.",
    ),
    "start_crash": CauseClass(
        "Crashed while starting",
        "Run the image with the same environment locally; the log lines are its own. Code 137 is a kill, "
        "often by the memory limit, 139 a segmentation fault, 127 an unknown command.",
    ),
    "out_of_memory": CauseClass(
        "Out of memory", "Raise `memory` of the service, or lower what the process uses."
    ),
    "secret_missing": CauseClass(
        "Secret missing",
        "Create the secret, or correct its name or JSON key under `secrets` of the service.",
    ),
    "secret_denied": CauseClass(
        "Secret may not be read",
        "Let the credentials of this run read the secret (secretsmanager:GetSecretValue or "
        "ssm:GetParameters, and kms:Decrypt for a key of your own).",
        "Let the execution role read the secret (secretsmanager:GetSecretValue or ssm:GetParameters, and "
        "kms:Decrypt for a key of your own).",
    ),
    "port_in_use": CauseClass("Port in use", "Stop what holds the port, or choose another port."),
    "volume": CauseClass(
        "Volume could not be mounted",
        "Check mount targets, access point, security group (port 2049) and the task role's right to mount.",
    ),
    # Health.
    "health_check": CauseClass(
        "Health check failing",
        "Check `health_check` of the service and what its health path or command answers.",
        "Ask for the health check's path at the container's port by hand; check that its security group lets "
        "the load balancer in, and that the grace period exceeds the time of a start.",
    ),
    "dependency_unhealthy": CauseClass(
        "Dependency unhealthy",
        "Mend the named dependency first; this service may then need no change.",
        "Look at the container that the others wait for: its exit code, health check and log.",
    ),
    "timeout": CauseClass(
        "Not ready in time",
        "Raise `start_period` of its health check (or health_timeout), or make it start faster.",
        "Nothing failed, but it took too long: give it longer (timeout), or see why tasks start slowly.",
    ),
    "proxy": CauseClass(
        "Proxy does not pass requests on", "Read the proxy's log; the routes in use before are in force."
    ),
    "over_error_budget": CauseClass(
        "Too many requests failed",
        "See which requests failed in the probe's part of the report, and what the new version logged then.",
    ),
    # What the containers run on.
    "no_capacity": CauseClass(
        "No capacity",
        "Wait, or take another zone or instance type; check the quotas of the account.",
        "Wait, or take another zone or capacity provider; check quotas, the subnets' free addresses, and on "
        "EC2 the instances' CPU and memory.",
    ),
    "disk_full": CauseClass(
        "Disk full",
        "Make room on the host (`docker system df`), give it a larger disk, or make the image smaller.",
        "Give the tasks more ephemeralStorage, or make the image smaller.",
    ),
    "docker_unavailable": CauseClass(
        "Docker does not answer",
        "Start the Docker Engine on this host (the docker_engine role does); run again.",
    ),
    "engine": CauseClass(
        "Docker refused", "The message is the Engine's; `journalctl -u docker` may say more."
    ),
    "host_busy": CauseClass(
        "Another release works on the host",
        "Wait until it has ended, or end the named process on this host; run again.",
    ),
    "host": CauseClass("Host refused", "Check the named file or device on the host (space, permissions)."),
    "host_unreachable": CauseClass(
        "Host unreachable",
        "See whether the host runs and lets SSH in from here (ssh_allowed_cidrs); then run again, or replace "
        "it.",
    ),
    "network": CauseClass(
        "Network does not lead out",
        "Give the tasks' subnets a way to registry and secret store: NAT gateway, VPC endpoints or public "
        "addresses; check routes and security groups.",
    ),
    "not_returnable": CauseClass(
        "Cannot return",
        "Release the version that is wanted: `playbooks/rollback.yml`, or deploy.yml.",
    ),
    "not_answering": CauseClass(
        "Does not answer",
        "Ask for the URL by hand, through the load balancer and past it; check the route, its target "
        "group and the health of what is behind it.",
    ),
    "log_group_missing": CauseClass(
        "Log group missing",
        "Make the log group, and let the execution role write to it (logs:CreateLogStream).",
    ),
    "role_denied": CauseClass(
        "Role may not be assumed",
        "Let ecs-tasks.amazonaws.com assume the role (its trust policy), and check the role's ARN.",
    ),
    "deployment_bounds": CauseClass(
        "No task may start or stop",
        "Let one task more run, or one less, during a deployment: raise maximumPercent or lower "
        "minimumHealthyPercent.",
    ),
    "missing": CauseClass("Service missing", "Make the service before its rollout is watched."),
    # The run.
    "gate_failed": CauseClass(
        "Gate failed",
        "Read the log lines of the task; mend it and run again. Nothing was released.",
    ),
    "superseded": CauseClass(
        "Superseded", "Somebody else deployed meanwhile: see who it was, and release again when that is done."
    ),
    "interrupted": CauseClass(
        "Run interrupted", "Run again: the next run finishes or reverts what this one has begun."
    ),
    "throttled": CauseClass(
        "AWS throttles requests", "Run again in a minute; see what else asks AWS in this account and region."
    ),
    "api_error": CauseClass(
        "AWS refused or did not answer",
        "The message is AWS's: check credentials, permissions and region; run again if the fault is its own.",
    ),
    "unknown": CauseClass(
        "Unknown",
        "Look at the evidence: no known sign of a cause is in it.",
        "Look at the evidence and at the service in the console: ECS gave no reason that is known here.",
    ),
}


def title_of(cause: str) -> str:
    """Return what happened, for a head; the class itself where a record names one that is unknown here."""
    return CAUSES[cause].title if cause in CAUSES else cause
