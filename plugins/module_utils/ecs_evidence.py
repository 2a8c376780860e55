"""The evidence of rollouts that failed: what AWS knows of their tasks, and what it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from .ecs_api import TASKS_AT_ONCE, batches, log_options, short_name
from .ecs_causes import Cause, classify, crashed
from .ecs_rollout import Outcome, Rollout, summary, target_health
from .release_failure import from_ecs

if TYPE_CHECKING:
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_elbv2.client import ElasticLoadBalancingv2Client
    from mypy_boto3_logs.client import CloudWatchLogsClient

# How much of each a report shows.
LOG_LINES = 20
EVENTS = 10
TASKS = 5


class Evidence:
    """What AWS knows of a rollout that failed. What cannot be read is said, and hides nothing else."""

    def __init__(
        self, ecs: ECSClient, elbv2: ElasticLoadBalancingv2Client, logs: CloudWatchLogsClient, cluster: str
    ) -> None:
        self.ecs = ecs
        self.elbv2 = elbv2
        self.logs = logs
        self.cluster = cluster

    def report(self, outcome: Outcome) -> dict[str, Any]:
        """State, cause, evidence and remedy of one service."""
        rollout, service = outcome.rollout, outcome.service
        unreadable: list[str] = []
        tasks: list[Any] = []
        targets: list[Any] = []
        definitions: list[Any] = []
        log: dict[str, Any] = {}
        events = _events(rollout, service)

        def cause_of(lines: Sequence[str]) -> Cause:
            return _cause(outcome.verdict.state, classify(tasks, events, targets, lines, definitions))

        try:
            tasks = self._tasks(rollout) if service else []
            targets = [each for some in target_health(self.elbv2, service).values() for each in some]
            definitions = self._definitions(rollout) if tasks else []
            log = self._log(definitions, tasks, cause_of([]).container)
        except ClientError as error:
            unreadable = [str(error)]
        cause = cause_of(log.get("lines", []))
        entry = {
            **summary(outcome),
            "cause": cause.name,
            "because": cause.because or outcome.verdict.detail,
            "remedy": cause.remedy,
            "evidence": {
                "tasks": [_shown_task(task) for task in tasks[:TASKS]],
                "events": events[:EVENTS],
                "targets": [_shown_target(target) for target in targets],
                "log": log,
                "unreadable": unreadable,
            },
        }
        return {**entry, "failure": from_ecs(entry).as_dict()}

    def _tasks(self, rollout: Rollout) -> list[Any]:
        """Tasks of the revision, of our deployment where that is known; the last stopped ones first."""
        found: list[Any] = []
        for status in ("STOPPED", "RUNNING"):
            pages = self.ecs.get_paginator("list_tasks").paginate(
                cluster=self.cluster, serviceName=rollout.name, desiredStatus=cast(Any, status)
            )
            arns = [arn for page in pages for arn in page["taskArns"]]
            for some in batches(arns, TASKS_AT_ONCE):
                found += self.ecs.describe_tasks(cluster=self.cluster, tasks=some)["tasks"]
        ours = [task for task in found if _is_of(rollout, task)]
        return sorted(ours, key=lambda task: str(task.get("stoppedAt", "")), reverse=True)

    def _definitions(self, rollout: Rollout) -> list[Any]:
        """Definitions of the revision's containers."""
        answer = self.ecs.describe_task_definition(taskDefinition=rollout.task_definition)
        return list(answer["taskDefinition"]["containerDefinitions"])

    def _log(
        self, definitions: Sequence[Mapping[str, Any]], tasks: Sequence[Mapping[str, Any]], blamed: str
    ) -> dict[str, Any]:
        """The last lines of the container that failed; empty where there is none that logs to CloudWatch.

        :param blamed: its name, where the cause tells it
        """
        logging = {each["name"]: log_options(each) for each in definitions}
        for task, name in _suspects(tasks, blamed):
            options = logging.get(name, {})
            prefix = options.get("awslogs-stream-prefix")
            if not prefix:
                continue
            group, stream = options["awslogs-group"], f"{prefix}/{name}/{short_name(task['taskArn'])}"
            try:
                answer = self.logs.get_log_events(
                    logGroupName=group, logStreamName=stream, limit=LOG_LINES, startFromHead=False
                )
            except self.logs.exceptions.ResourceNotFoundException:
                continue
            lines = [event["message"].rstrip("\n") for event in answer["events"]][-LOG_LINES:]
            if lines:
                return {"group": group, "stream": stream, "lines": lines}
        return {}


def _is_of(rollout: Rollout, task: Mapping[str, Any]) -> bool:
    """Whether a task runs the revision, and was not started by another deployment of it."""
    starter = task.get("startedBy", "")
    foreign = rollout.deployment and starter.startswith("ecs-svc/") and starter != rollout.deployment
    return not foreign and short_name(task["taskDefinitionArn"]) == short_name(rollout.task_definition)


def _suspects(tasks: Sequence[Mapping[str, Any]], blamed: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Tasks and containers whose log may tell, the likeliest first; where one is blamed, it alone."""
    for task in tasks[:TASKS]:
        if blamed:
            yield task, blamed
            continue
        guilty = crashed(task.get("containers", []))
        if guilty:
            yield task, guilty["name"]
        yield from ((task, each["name"]) for each in task.get("containers", []) if each is not guilty)


def _events(rollout: Rollout, service: Mapping[str, Any]) -> list[str]:
    """What the service said since the rollout began, or all where that is unknown; newest first."""
    begun = [each["createdAt"] for each in service.get("deployments", []) if rollout.is_in(each)]
    events = service.get("events", [])
    return [event["message"] for event in events if not begun or event["createdAt"] >= min(begun)]


def _cause(state: str, found: Cause | None) -> Cause:
    if state in ("superseded", "missing"):
        return Cause(state, "")
    return found or Cause("timeout" if state == "timed_out" else "unknown", "")


def _shown_task(task: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": short_name(task["taskArn"]),
        "status": task.get("lastStatus"),
        "stop_code": task.get("stopCode"),
        "stopped_reason": task.get("stoppedReason"),
        "containers": [
            {
                "name": each["name"],
                "exit_code": each.get("exitCode"),
                "reason": each.get("reason"),
                "health": each.get("healthStatus"),
            }
            for each in task.get("containers", [])
        ],
    }


def _shown_target(target: Mapping[str, Any]) -> dict[str, Any]:
    health = target["TargetHealth"]
    return {
        "id": target["Target"]["Id"],
        "port": target["Target"].get("Port"),
        "state": health["State"],
        "reason": health.get("Reason"),
        "description": health.get("Description"),
    }
