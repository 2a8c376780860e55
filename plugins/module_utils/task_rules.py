"""Rules about `tasks` and `scheduled_tasks`, the commands that are run once or at certain times."""

from __future__ import annotations

from collections.abc import Iterator

from .model_rules import Finding, Services
from .scale_rules import names_taken, timed


def tasks(services: Services) -> Iterator[Finding]:
    """A task has a name of its own."""
    for name, service in services.items():
        yield from names_taken(name, "tasks", service["tasks"], "task")


def scheduled_tasks(services: Services) -> Iterator[Finding]:
    """A scheduled task has a name of its own and follows a clock that exists."""
    for name, service in services.items():
        for _, _, faults in timed(name, "scheduled_tasks", service["scheduled_tasks"], "scheduled task"):
            yield from faults


def tasks_of_single_writer(services: Services) -> Iterator[Finding]:
    """Two processes never share a volume."""
    for name, service in services.items():
        if service["scheduled_tasks"] and service["volumes"]:
            yield Finding(
                name,
                "scheduled_tasks",
                "scheduled tasks of a service with volumes",
                "none: a task like the service's own would write its volumes too, which damages them",
                "give them to a service without volumes",
            )


def hosts_schedule_nothing(services: Services) -> Iterator[Finding]:
    """What runs on hosts is containers that stay."""
    for name, service in services.items():
        if service["scheduled_tasks"]:
            yield Finding(
                name,
                "scheduled_tasks",
                "scheduled tasks on hosts",
                "none: EventBridge Scheduler starts tasks on ECS only",
                "set them in the environments with deploy_target: ecs only, or to null here",
            )


#: Wherever a model is checked.
TASK_RULES = (tasks, scheduled_tasks, tasks_of_single_writer)
