"""What Fargate takes: the sizes of a task, and what of the application model it cannot do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .model_containers import containers
from .model_rules import Finding

Services = Mapping[str, Mapping[str, Any]]

#: CPU units that Fargate offers, and for each the least and most MiB of memory and the step between.
#: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
FARGATE_SIZES: Mapping[int, tuple[int, int, int]] = {
    256: (512, 2048, 512),
    512: (1024, 4096, 1024),
    1024: (2048, 8192, 1024),
    2048: (4096, 16384, 1024),
    4096: (8192, 30720, 1024),
    8192: (16384, 61440, 4096),
    16384: (32768, 122880, 8192),
}
#: Seconds that Fargate waits at most between SIGTERM and SIGKILL.
FARGATE_STOP_TIMEOUT = 120


def fargate_sizes(cpu: int) -> list[int]:
    """Give the MiB of memory that Fargate offers for a number of CPU units; none where it offers no such CPU.

    >>> fargate_sizes(256)
    [512, 1024, 2048]
    """
    if cpu not in FARGATE_SIZES:
        return []
    least, most, step = FARGATE_SIZES[cpu]
    # The smallest CPU alone is offered in 512, 1024 and 2048 MiB: AWS leaves 1536 out.
    return [size for size in range(least, most + 1, step) if (cpu, size) != (256, 1536)]


def task_size(service: Mapping[str, Any]) -> tuple[int, int]:
    """Give the task's CPU units and MiB: those of the service, raised to the least that Fargate offers."""
    cpu = max(service["cpu"], min(FARGATE_SIZES))
    return cpu, max(service["memory"], min(fargate_sizes(cpu), default=0))


def fargate_limits(services: Services) -> Iterator[Finding]:
    """A task has a size that Fargate offers, and stops in the time that Fargate allows."""
    for name, service in services.items():
        if service["cpu"] and service["memory"]:
            cpu, memory = task_size(service)
            if not fargate_sizes(cpu):
                yield Finding(
                    name,
                    "cpu",
                    str(service["cpu"]),
                    f"CPU units that Fargate offers: {', '.join(map(str, FARGATE_SIZES))} "
                    "(less than the first is raised to it)",
                    "choose the next one",
                )
            elif memory not in fargate_sizes(cpu):
                least, most, step = FARGATE_SIZES[cpu]
                yield Finding(
                    name,
                    "memory",
                    f"{service['memory']} MiB with {cpu} CPU units",
                    f"memory that Fargate offers with {cpu} CPU units: {least} to {most} MiB by {step} "
                    "(less than the first is raised to it)",
                    "choose one of these, or more CPU units",
                )
            else:
                yield from _shares(name, service, {"cpu": cpu, "memory": memory})
    for each in containers(services):
        seconds = each.options["stop_timeout"]
        if seconds and seconds > FARGATE_STOP_TIMEOUT:
            yield Finding(
                each.service,
                each.at("stop_timeout"),
                f"{seconds} s",
                f"at most {FARGATE_STOP_TIMEOUT} s, after which Fargate kills a task",
                "shorten it, and let the service end its work in that time",
            )


def _shares(name: str, service: Mapping[str, Any], size: Mapping[str, int]) -> Iterator[Finding]:
    """A task is larger than what its sidecars take of it."""
    for key, whole in size.items():
        taken = sidecars_share(service, key)
        if taken >= whole:
            yield Finding(
                name,
                key,
                f"{whole} for the task, of which its sidecars take {taken}",
                "more than its sidecars take together: it is the size of the task that they share",
                "choose a larger one, or give the sidecars less",
            )


def sidecars_share(service: Mapping[str, Any], key: str) -> int:
    """Give how much the sidecars take together of the task's cpu or memory."""
    return sum(sidecar[key] or 0 for sidecar in (service["sidecars"] or {}).values())


def ecs_unsupported(services: Services) -> Iterator[Finding]:
    """What a host can do for a service and Fargate cannot."""
    for name, service in services.items():
        for index, capability in enumerate(service["capabilities"] or []):
            yield Finding(
                name,
                f"capabilities[{index}]",
                capability,
                "no capability: Fargate adds none but SYS_PTRACE",
                "let the service do without, for instance by listening on a port above 1023",
            )
        check = service["health_check"]
        if check and check["path"] and not service["route"]:
            yield Finding(
                name,
                "health_check.path",
                check["path"],
                "a command: ECS asks a path of services behind the load balancer only",
                'give the check as a command of the image, such as ["node", "healthcheck.js"]',
            )
    for each in containers(services):
        for variable, reference in (each.options["secrets"] or {}).items():
            if reference and reference.startswith("vault:"):
                yield Finding(
                    each.service,
                    each.at(f"secrets.{variable}"),
                    "a vaulted variable",
                    "a secret of Secrets Manager or Parameter Store, which ECS reads when a task starts",
                    "move the value there, and name it as secretsmanager:<name> or ssm:<name>",
                )


#: Rules of `deploy_target: ecs`.
FARGATE_RULES = (fargate_limits, ecs_unsupported)
