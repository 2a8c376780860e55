"""Rollouts of ECS services, watched to their true end.

What a description of a service means is pure (:func:`judge`, :func:`short_of_targets`, :func:`all_healthy`);
:class:`Watch` asks DescribeServices for all services at once, ten in a request, and only for those that ECS
calls complete DescribeTargetHealth, or DescribeTasks where there is no target group.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from .ecs_api import REQUESTS_AT_ONCE, SERVICES_AT_ONCE, TASKS_AT_ONCE, batches, short_name
from .ecs_service import primary

if TYPE_CHECKING:
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_elbv2.client import ElasticLoadBalancingv2Client

ROLLBACK = re.compile(r"roll(ing|ed)? ?back|deployment failed|circuit breaker", re.IGNORECASE)
# ECS creates the deployment that it goes back to, and says so, within this.
ROLLBACK_SAID_WITHIN = timedelta(seconds=60)
# An end is seen late by at most this share of the time that has gone by.
LATE = 0.05
# AWS answers an account some 20 questions a second about its services, and others ask too.
REQUESTS_A_SECOND = 10


@dataclass(frozen=True)
class Rollout:
    """What is waited for.

    :param task_definition: ARN or family:revision
    :param deployment: id; without it any deployment of the revision counts
    :param begun: whether something was asked of ECS just now, which it may not show yet
    :param in_place: whether that made no new deployment, by whose id it could be told from what was before
    """

    name: str
    task_definition: str
    deployment: str | None = None
    begun: bool = True
    in_place: bool = False

    def is_in(self, deployment: Mapping[str, Any]) -> bool:
        """Whether this is what a deployment brings."""
        same = short_name(deployment.get("taskDefinition", "")) == short_name(self.task_definition)
        return same and self.deployment in (None, deployment["id"])


@dataclass(frozen=True)
class Verdict:
    """How far a rollout is: in_progress, completed, rolled_back, failed, superseded, missing or timed_out."""

    state: str
    detail: str


def judge(rollout: Rollout, service: Mapping[str, Any] | None) -> Verdict:
    """What a description of DescribeServices says of a rollout, target health apart."""
    if service is None or service["status"] != "ACTIVE":
        return Verdict("missing", f"the service is {service['status'] if service else 'not there'}")
    deployment = primary(service)
    if not deployment:
        return Verdict("failed", "there is no PRIMARY deployment: another controller than ECS")
    if not rollout.is_in(deployment):
        state = "rolled_back" if _rolled_back(rollout, service, deployment) else "superseded"
        runs = short_name(deployment["taskDefinition"])
        reason = deployment.get("rolloutStateReason", "")
        return Verdict(state, f"deployment {deployment['id']} of {runs} took its place. {reason}".strip())
    if deployment.get("rolloutState") == "FAILED":
        return Verdict("failed", deployment.get("rolloutStateReason", "the deployment failed"))
    running, pending = deployment.get("runningCount", 0), deployment.get("pendingCount", 0)
    others = len(service["deployments"]) - 1
    told = [f"{running} of {service['desiredCount']} tasks run"]
    told += [f"{pending} pending"] if pending else []
    told += [f"{deployment['failedTasks']} failed"] if deployment.get("failedTasks") else []
    told += [f"{others} older deployments drain"] if others else []
    # AWS gives no rolloutState behind a Classic Load Balancer: there, the counts alone tell.
    done = deployment.get("rolloutState") in ("COMPLETED", None) and not others
    complete = done and running == service["desiredCount"] and not pending
    return Verdict("completed" if complete else "in_progress", ", ".join(told))


def _rolled_back(rollout: Rollout, service: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether the deployment in a rollout's place was put there by ECS itself."""
    failed = [each for each in service["deployments"] if each.get("rolloutState") == "FAILED"]
    if any(rollout.is_in(each) for each in failed) or ROLLBACK.search(now.get("rolloutStateReason", "")):
        return True
    since = now["createdAt"] - ROLLBACK_SAID_WITHIN
    said = [event["message"] for event in service.get("events", []) if event["createdAt"] >= since]
    ours = rollout.deployment or ""
    return any(ROLLBACK.search(text) and (ours in text or "rolling back" in text) for text in said)


def quiet_for(service: Mapping[str, Any], now: datetime | None) -> float:
    """Seconds since ECS last had something to say of a service: of its deployments, or of a task or target.

    :param now: AWS's time, which the machine that asks may not have; None where the answer did not tell it
    """
    changes = [event["createdAt"] for event in service.get("events", [])]
    changes += [each.get("updatedAt", each.get("createdAt")) for each in service["deployments"]]
    if now is None or not changes or None in changes:
        return 0.0
    seconds: float = (now - max(changes)).total_seconds()
    return max(0.0, seconds)


def target_groups(service: Mapping[str, Any]) -> list[list[str]]:
    """ARNs of a service's target groups: one for each load balancer, or two that take turns."""
    found = []
    for balancer in service.get("loadBalancers", []):
        other = balancer.get("advancedConfiguration", {}).get("alternateTargetGroupArn")
        arns = [arn for arn in (balancer.get("targetGroupArn"), other) if arn]
        if arns:
            found.append(arns)
    return found


def short_of_targets(service: Mapping[str, Any], health: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """What is missing until as many targets are healthy as tasks are wanted; empty where nothing is.

    :param health: TargetHealthDescriptions by ARN of the target group
    """
    desired = service["desiredCount"]
    missing = []
    for arns in target_groups(service):
        states = [target["TargetHealth"]["State"] for arn in arns for target in health[arn]]
        if states.count("healthy") < desired:
            name = arns[0].split("/")[1]
            missing.append(f"{states.count('healthy')} of {desired} targets healthy in {name}")
    return ", ".join(missing)


def all_healthy(rollout: Rollout, service: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]]) -> bool:
    """Whether ECS's own health checks vouch for as many tasks of a rollout as are wanted.

    :param tasks: those of DescribeTasks that run; one that nothing checks is of UNKNOWN health
    """
    ours = [
        task for task in tasks if short_name(task["taskDefinitionArn"]) == short_name(rollout.task_definition)
    ]
    return len(ours) >= service["desiredCount"] and all(
        task.get("healthStatus") == "HEALTHY" for task in ours
    )


@dataclass(frozen=True)
class Outcome:
    """The end of a rollout, the service as it was last seen, and the seconds that it took."""

    rollout: Rollout
    verdict: Verdict
    service: Mapping[str, Any]
    seconds: float


class Watch:
    """Watches rollouts of one cluster to their ends.

    :param interval: the most seconds between questions; the first come sooner
    :param stable_for: seconds that an end has to hold until it is believed, unless health checks vouch for
        it: a task that ends in its first seconds is no success, and a description may be of before; where
        nothing was begun, they may have gone by before
    :param timeout: seconds for all of them together
    :param tell: is called with every change that is seen
    """

    def __init__(
        self,
        ecs: ECSClient,
        elbv2: ElasticLoadBalancingv2Client,
        cluster: str,
        *,
        interval: float,
        stable_for: float,
        timeout: float,
        tell: Callable[[Mapping[str, Any]], None] = lambda _change: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.ecs = ecs
        self.elbv2 = elbv2
        self.cluster = cluster
        self.interval = interval
        self.stable_for = stable_for
        self.timeout = timeout
        self.tell = tell
        self.clock = clock
        self.sleep = sleep
        self.timeline: list[dict[str, Any]] = []

    def run(self, rollouts: Sequence[Rollout]) -> list[Outcome]:
        """Wait until each has ended or the time is over; outcomes in the order of the rollouts."""
        start = self.clock()
        pending = {rollout.name: rollout for rollout in rollouts}
        held: dict[str, tuple[str, float]] = {}
        told: dict[str, Verdict] = {}
        ended: dict[str, Outcome] = {}
        while pending:
            services, aws_now = self._describe(list(pending))
            now = self.clock() - start
            for rollout, (verdict, vouched) in self._verdicts(list(pending.values()), services):
                name, service = rollout.name, services.get(rollout.name)
                if told.get(name) != verdict:
                    told[name] = verdict
                    self.timeline.append({"seconds": round(now, 1), "service": name, **vars(verdict)})
                    self.tell(self.timeline[-1])
                if not rollout.begun and name not in held and service:
                    held[name] = (verdict.state, now - quiet_for(service, aws_now))
                state, since = held.get(name, ("", now))
                held[name] = (verdict.state, since if state == verdict.state else now)
                stable = vouched or now - held[name][1] >= self.stable_for
                over = verdict.state != "in_progress" and stable
                late = now >= self.timeout
                if over or late:
                    end = verdict if over else _at_timeout(verdict, self.timeout)
                    ended[name] = Outcome(rollout, end, service or {}, round(now, 1))
                    del pending[name]
            if pending:
                self.sleep(self._pause(now, len(pending)))
        return [ended[rollout.name] for rollout in rollouts]

    def _pause(self, gone_by: float, services: int) -> float:
        """Seconds until the next questions."""
        requests = -(-services // SERVICES_AT_ONCE)
        return max(requests / REQUESTS_A_SECOND, min(self.interval, gone_by * LATE))

    def _describe(self, names: Sequence[str]) -> tuple[dict[str, Mapping[str, Any]], datetime | None]:
        """The services by name, and AWS's time when it told of the last of them."""
        found: dict[str, Mapping[str, Any]] = {}
        said = None
        for some in batches(names, SERVICES_AT_ONCE):
            answer = self.ecs.describe_services(cluster=self.cluster, services=some)
            found.update({service["serviceName"]: service for service in answer["services"]})
            said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        return found, parsedate_to_datetime(said) if said else None

    def _verdicts(
        self, rollouts: Sequence[Rollout], services: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[tuple[Rollout, tuple[Verdict, bool]]]:
        """How far each is, and whether health checks vouch for it."""
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            yield from zip(
                rollouts, pool.map(lambda each: self._checked(each, services.get(each.name)), rollouts)
            )

    def _checked(self, rollout: Rollout, service: Mapping[str, Any] | None) -> tuple[Verdict, bool]:
        verdict = judge(rollout, service)
        if verdict.state != "completed" or service is None:
            return verdict, False
        if target_groups(service):
            missing = short_of_targets(service, target_health(self.elbv2, service))
            if missing:
                return Verdict("in_progress", f"{verdict.detail}, {missing}"), False
            return verdict, not rollout.in_place
        return verdict, not rollout.in_place and all_healthy(rollout, service, self._tasks(rollout.name))

    def _tasks(self, name: str) -> list[Any]:
        """The tasks of a service that run."""
        pages = self.ecs.get_paginator("list_tasks").paginate(
            cluster=self.cluster, serviceName=name, desiredStatus="RUNNING"
        )
        arns = [arn for page in pages for arn in page["taskArns"]]
        return [
            task
            for some in batches(arns, TASKS_AT_ONCE)
            for task in self.ecs.describe_tasks(cluster=self.cluster, tasks=some)["tasks"]
        ]


def _at_timeout(verdict: Verdict, timeout: float) -> Verdict:
    """What a verdict that nobody could believe yet is worth when time is over; bad news need not hold."""
    if verdict.state in ("in_progress", "completed"):
        return Verdict("timed_out", f"after {timeout:g} s: {verdict.detail}")
    return verdict


def target_health(client: ElasticLoadBalancingv2Client, service: Mapping[str, Any]) -> dict[str, list[Any]]:
    """TargetHealthDescriptions of a service's target groups by ARN."""
    return {
        arn: list(client.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"])
        for arns in target_groups(service)
        for arn in arns
    }


def summary(outcome: Outcome) -> dict[str, Any]:
    """The end of a rollout, as the module returns it."""
    return {
        "name": outcome.rollout.name,
        "state": outcome.verdict.state,
        "detail": outcome.verdict.detail,
        "task_definition": outcome.rollout.task_definition,
        "deployment": outcome.rollout.deployment or primary(outcome.service).get("id"),
        "seconds": outcome.seconds,
    }
