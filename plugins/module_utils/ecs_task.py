"""One-off tasks: started as a service's own tasks are, with a command of their own, and awaited.

Rests on DescribeServices, DescribeTaskDefinition, RunTask, DescribeTasks, and GetLogEvents of CloudWatch
Logs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .ecs_api import EcsError, log_options, short_name, to_tags
from .ecs_causes import Cause, classify

if TYPE_CHECKING:
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_logs.client import CloudWatchLogsClient

# What RunTask takes over from the service, whose tasks have it.
INHERITED = ("networkConfiguration", "platformVersion")
STARTED_BY = "slipway"
# Seconds in which the last lines of a task that has ended reach CloudWatch.
LOG_DELAY = 2
# Lines of the output that the message of a failure ends with.
LOG_LINES = 20


@dataclass(frozen=True)
class Order:
    """What to run.

    :param container: whose command it is; None where the service has one container, or one of its own name
    :param task_definition: None takes the one that the service runs
    :param description: the service as CreateService takes it, where there is none yet to be asked for
    :param share_volumes: whether the task may mount file systems that the service's tasks have mounted
    """

    cluster: str
    service: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    container: str | None = None
    task_definition: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    share_volumes: bool = False
    description: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Plan:
    """A request that can be made, and where the output will be."""

    request: Mapping[str, Any]
    container: str
    # The task's containerDefinitions.
    definitions: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Ending:
    """How a task ended.

    :param output: what the command wrote, or, where another container is the cause of a failure, that one
    """

    arn: str
    exit_code: int | None
    stopped_reason: str
    cause: Cause | None
    output: Sequence[str]

    def told(self, command: Sequence[str]) -> str:
        """The message of a failure."""
        exit_code = "without an exit code" if self.exit_code is None else f"with exit code {self.exit_code}"
        head = f"Task {short_name(self.arn)} ({' '.join(command)}) ended {exit_code}: {self.stopped_reason}"
        cause = self.cause and [
            f"  Cause: {self.cause.name}: {self.cause.because}",
            f"  Remedy: {self.cause.remedy}",
        ]
        lines = [f"  | {line}" for line in self.output[-LOG_LINES:]]
        return "\n".join([head, *(cause or []), *lines])


class Tasks:
    """Runs tasks of one cluster.

    :param timeout: seconds to wait for the end of one
    """

    def __init__(
        self,
        ecs: ECSClient,
        logs: CloudWatchLogsClient,
        timeout: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.ecs = ecs
        self.logs = logs
        self.timeout = timeout
        self.sleep = sleep

    def plan(self, order: Order) -> Plan:
        """See what would be run.

        :raises EcsError: it cannot be, for the reasons named
        """
        if not order.command:
            raise EcsError("command is empty: expected the program and its arguments, as a list")
        service = order.description or self._service(order)
        name = order.task_definition or service["taskDefinition"]
        definition = self.ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]
        container = _container(order, definition["containerDefinitions"])
        shared = [each["name"] for each in definition.get("volumes", []) if "efsVolumeConfiguration" in each]
        if shared and not order.share_volumes:
            raise EcsError(
                f"Service {order.service} keeps data in {', '.join(shared)}, which a task of its definition "
                "mounts too: two processes that write one volume damage it. Run the command in another "
                "service, or stop this one first and set share_volumes"
            )
        override: dict[str, Any] = {"name": container["name"], "command": list(order.command)}
        if order.environment:
            override["environment"] = [
                {"name": key, "value": value} for key, value in sorted(order.environment.items())
            ]
        # A service shows either or both, RunTask takes one.
        capacity = "capacityProviderStrategy" if service.get("capacityProviderStrategy") else "launchType"
        return Plan(
            {
                "cluster": order.cluster,
                "taskDefinition": name,
                "count": 1,
                "startedBy": STARTED_BY,
                "enableECSManagedTags": True,
                "overrides": {"containerOverrides": [override]},
                **{key: service[key] for key in (capacity, *INHERITED) if service.get(key)},
                **({"tags": to_tags(order.tags)} if order.tags else {}),
            },
            container["name"],
            definition["containerDefinitions"],
        )

    def _service(self, order: Order) -> Mapping[str, Any]:
        try:
            found = self.ecs.describe_services(cluster=order.cluster, services=[order.service])["services"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ClusterNotFoundException":
                raise
            raise EcsError(
                f"There is no cluster {order.cluster}: deploy the environment, with deploy_target ecs, first"
            ) from error
        active = [service for service in found if service["status"] == "ACTIVE"]
        if active:
            return active[0]
        pages = self.ecs.get_paginator("list_services").paginate(cluster=order.cluster)
        known = sorted(short_name(arn) for page in pages for arn in page["serviceArns"])
        raise EcsError(
            f"There is no service {order.service} in cluster {order.cluster}: "
            f"expected one of {', '.join(known)}"
        )

    def end_others(self, plan: Plan) -> None:
        """End the one-off tasks of the same family that still run, which an interrupted run has left.

        :raises EcsError: after the timeout
        """
        cluster, definition = plan.request["cluster"], plan.request["taskDefinition"]
        family = short_name(definition).partition(":")[0]
        arns = self.ecs.list_tasks(cluster=cluster, family=family)["taskArns"]
        known = self.ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        # Services' own tasks are started by other hands.
        others = [task["taskArn"] for task in known if task.get("startedBy") == STARTED_BY]
        for arn in others:
            self.ecs.stop_task(cluster=cluster, task=arn, reason="another run takes its place")
        for arn in others:
            self._stopped(cluster, arn)

    def start(self, plan: Plan) -> str:
        """Start the task; its ARN.

        :raises EcsError: ECS did not start it
        """
        answer = self.ecs.run_task(**plan.request)
        if not answer["tasks"]:
            reasons = [
                f"{each.get('reason')} {each.get('detail', '')}".strip() for each in answer["failures"]
            ]
            raise EcsError(f"ECS did not start the task: {'; '.join(reasons) or 'it gave no reason'}")
        return answer["tasks"][0]["taskArn"]

    def wait(self, plan: Plan, arn: str) -> Ending:
        """Wait for its end.

        :raises EcsError: after the timeout; the task runs on
        """
        task = self._stopped(plan.request["cluster"], arn)
        codes = {each["name"]: each.get("exitCode") for each in task.get("containers", [])}
        reasons = [each["reason"] for each in task.get("containers", []) if each.get("reason")]
        self.sleep(LOG_DELAY)
        # Of two that failed, it is the command: its end is what the others were stopped for.
        first = sorted(task.get("containers", []), key=lambda each: each["name"] != plan.container)
        seen = [{**task, "containers": first}]
        cause = classify(seen, definitions=plan.definitions) if codes.get(plan.container) != 0 else None
        output = self._output(plan, arn, (cause and cause.container) or plan.container)
        return Ending(
            arn,
            codes.get(plan.container),
            "; ".join([task.get("stoppedReason", ""), *reasons]),
            classify(seen, log=output, definitions=plan.definitions),
            output,
        )

    def _stopped(self, cluster: str, arn: str) -> Mapping[str, Any]:
        deadline = time.monotonic() + self.timeout
        while (task := self._task(cluster, arn))["lastStatus"] != "STOPPED":
            if time.monotonic() > deadline:
                name = short_name(arn)
                raise EcsError(
                    f"Task {name} is {task['lastStatus']} after {self.timeout:g} s, and runs on. Give it "
                    "longer (timeout) the next time; see its end by: aws ecs wait tasks-stopped "
                    f"--cluster {cluster} --tasks {name}; end it by: aws ecs stop-task "
                    f"--cluster {cluster} --task {name}"
                )
            self.sleep(1)
        return task

    def _task(self, cluster: str, arn: str) -> Mapping[str, Any]:
        tasks = self.ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
        # One that was started just now is not known everywhere at once.
        return tasks[0] if tasks else {"lastStatus": "unknown to ECS"}

    def _output(self, plan: Plan, arn: str, container: str) -> list[str]:
        """All lines that a container wrote; none where it logs elsewhere than to CloudWatch."""
        options = next((log_options(each) for each in plan.definitions if each["name"] == container), {})
        if "awslogs-stream-prefix" not in options:
            return []
        place: Any = {
            "logGroupName": options["awslogs-group"],
            "logStreamName": f"{options['awslogs-stream-prefix']}/{container}/{short_name(arn)}",
            "startFromHead": True,
        }
        lines: list[str] = []
        while True:
            try:
                answer = self.logs.get_log_events(**place)
            except self.logs.exceptions.ResourceNotFoundException:
                return lines
            lines += [event["message"].rstrip("\n") for event in answer["events"]]
            # At the end of the stream, the token is the one that was sent.
            if answer["nextForwardToken"] == place.get("nextToken"):
                return lines
            place["nextToken"] = answer["nextForwardToken"]


def _container(order: Order, containers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    names = [each["name"] for each in containers]
    wanted = order.container or (names[0] if len(names) == 1 else order.service)
    if wanted not in names:
        raise EcsError(
            f"Service {order.service} has no container {wanted}: "
            f"expected container to be one of {', '.join(names)}"
        )
    return containers[names.index(wanted)]
