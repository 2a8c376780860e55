"""What the checks of ECS need: a cluster, task definitions, tasks and services of small containers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.lab.cloud import SMALL_IMAGE, Cloud

DEBIAN = "slipway-lab/debian:bookworm"


def shell(name: str, script: str, **more: Any) -> dict[str, Any]:
    """A container definition that runs a shell script."""
    return {"name": name, "image": DEBIAN, "essential": True, "command": ["sh", "-c", script], **more}


def web(**more: Any) -> dict[str, Any]:
    """A container definition that answers on port 8080."""
    ports = [{"containerPort": 8080, "protocol": "tcp"}]
    return {"name": "web", "image": SMALL_IMAGE, "essential": True, "portMappings": ports, **more}


def define(cloud: Cloud, *containers: dict[str, Any], family: str = "", **more: Any) -> str:
    """Register a task definition for Fargate and return its ARN."""
    wanted = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
    made = cloud.ecs.register_task_definition(
        family=family or cloud.name(), containerDefinitions=list(containers), **{**wanted, **more}
    )
    return str(made["taskDefinition"]["taskDefinitionArn"])


def network(cloud: Cloud) -> dict[str, Any]:
    """A network configuration with one subnet."""
    return {"awsvpcConfiguration": {"subnets": [cloud.subnet()["SubnetId"]], "assignPublicIp": "DISABLED"}}


def run(cloud: Cloud, *containers: dict[str, Any], **more: Any) -> str:
    """Run one task and return its ARN."""
    started = cloud.ecs.run_task(
        taskDefinition=define(cloud, *containers, **more),
        launchType="FARGATE",
        networkConfiguration=network(cloud),
    )
    return str(started["tasks"][0]["taskArn"])


def task(cloud: Cloud, arn: str) -> dict[str, Any]:
    """A task as DescribeTasks shows it."""
    described: list[dict[str, Any]] = cloud.ecs.describe_tasks(tasks=[arn])["tasks"]
    assert described, f"DescribeTasks does not know {arn}"
    return described[0]


def ended(cloud: Cloud, arn: str, seconds: float = 20) -> dict[str, Any]:
    """Wait until a task is STOPPED and return it."""
    cloud.eventually(lambda: task(cloud, arn)["lastStatus"] == "STOPPED", "the task has stopped", seconds)
    return task(cloud, arn)


def running(cloud: Cloud, arn: str) -> dict[str, Any]:
    """Wait until a task is RUNNING and return it."""
    cloud.eventually(lambda: task(cloud, arn)["lastStatus"] == "RUNNING", "the task is running")
    return task(cloud, arn)


def address(shown: dict[str, Any]) -> str:
    """The private address of a task's network interface."""
    details = {each["name"]: each["value"] for each in shown["attachments"][0]["details"]}
    return str(details["privateIPv4Address"])


def exits(shown: dict[str, Any]) -> dict[str, int | None]:
    """Each container's exit code."""
    return {each["name"]: each.get("exitCode") for each in shown["containers"]}


def log(cloud: Cloud, group: str) -> list[str]:
    """All lines of a log group, in the order in which they came."""
    events = cloud.logs.filter_log_events(logGroupName=group)["events"]
    return [each["message"] for each in sorted(events, key=lambda each: each["timestamp"])]


def logging_to(cloud: Cloud) -> tuple[str, dict[str, Any]]:
    """A new log group and the log configuration that writes to it."""
    group = cloud.name()
    cloud.logs.create_log_group(logGroupName=group)
    options = {"awslogs-group": group, "awslogs-region": cloud.settings.region, "awslogs-stream-prefix": "x"}
    return group, {"logDriver": "awslogs", "options": options}


@contextmanager
def service(cloud: Cloud, definition: str, count: int = 1, **more: Any) -> Iterator[str]:
    """A service for the length of a check; gone with its tasks afterwards."""
    name = cloud.name()
    cloud.ecs.create_service(
        serviceName=name,
        taskDefinition=definition,
        desiredCount=count,
        launchType="FARGATE",
        networkConfiguration=network(cloud),
        **more,
    )
    try:
        yield name
    finally:
        cloud.ecs.delete_service(service=name, force=True)


def shown(cloud: Cloud, name: str) -> dict[str, Any]:
    """A service as DescribeServices shows it."""
    described: dict[str, Any] = cloud.ecs.describe_services(services=[name])["services"][0]
    return described


def steady(cloud: Cloud, name: str) -> bool:
    """Whether a service has one deployment that is completed, with all its tasks."""
    described = shown(cloud, name)
    states = [each["rolloutState"] for each in described["deployments"]]
    return states == ["COMPLETED"] and described["runningCount"] == described["desiredCount"]


def tasks(cloud: Cloud, name: str, status: str = "RUNNING") -> list[dict[str, Any]]:
    """The tasks of a service."""
    arns = cloud.ecs.list_tasks(serviceName=name, desiredStatus=status)["taskArns"]
    return list(cloud.ecs.describe_tasks(tasks=arns)["tasks"]) if arns else []


def messages(cloud: Cloud, name: str) -> str:
    """A service's events as one text."""
    return "\n".join(each["message"] for each in shown(cloud, name)["events"])
