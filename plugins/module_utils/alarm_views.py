"""What CloudWatch watches of an environment, rendered from the application model. Pure.

The shapes are those of PutMetricAlarm; what each alarm looks at, and when it rings, is data in KINDS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Services = Mapping[str, Mapping[str, Any]]
# What alarms are about by name, and the dimensions of its metrics.
Subjects = Mapping[str, Mapping[str, str]]

BALANCER = "AWS/ApplicationELB"
INSIGHTS = "ECS/ContainerInsights"


@dataclass(frozen=True)
class Metric:
    """A metric of CloudWatch.

    `period` is how often it is measured, in seconds. `less` is another one of the same namespace that it is
    taken from, as in tasks desired less tasks running.
    """

    namespace: str
    name: str
    statistic: str
    period: int = 60
    less: str = ""


@dataclass(frozen=True)
class Kind:
    """One kind of alarm: `limit` and above is too much.

    `metrics` are by what they measure: the load_balancer, a route, a service's tasks, a host. Where nothing
    is measured, nothing is wrong, unless `silence` says that it is.
    """

    limit: float
    meaning: str
    metrics: Mapping[str, Metric]
    silence: bool = False
    # A new version that raises it shall not stay.
    of_release: bool = False


KINDS: Mapping[str, Kind] = {
    "unhealthy_targets": Kind(
        1,
        "targets that fail the load balancer's health check",
        {"route": Metric(BALANCER, "UnHealthyHostCount", "Maximum")},
        of_release=True,
    ),
    "target_errors": Kind(
        10,
        "answers with status 5xx that the service gave in a minute",
        {"route": Metric(BALANCER, "HTTPCode_Target_5XX_Count", "Sum")},
        of_release=True,
    ),
    "load_balancer_errors": Kind(
        10,
        "answers with status 5xx that the load balancer gave itself in a minute",
        {"load_balancer": Metric(BALANCER, "HTTPCode_ELB_5XX_Count", "Sum")},
    ),
    "missing_tasks": Kind(
        1,
        "tasks that should run and do not",
        {"service": Metric(INSIGHTS, "DesiredTaskCount", "Average", less="RunningTaskCount")},
        silence=True,
    ),
    "cpu": Kind(
        90,
        "percent of its CPU in use",
        {
            "service": Metric("AWS/ECS", "CPUUtilization", "Average"),
            # Without detailed monitoring, which costs, EC2 measures every five minutes.
            "host": Metric("AWS/EC2", "CPUUtilization", "Average", period=300),
        },
    ),
    "memory": Kind(
        90,
        "percent of its memory in use",
        {"service": Metric("AWS/ECS", "MemoryUtilization", "Average")},
    ),
    "failed_host_checks": Kind(
        1,
        "failed status checks of the instance or of the machine beneath it",
        {"host": Metric("AWS/EC2", "StatusCheckFailed", "Maximum")},
        silence=True,
    ),
}


def alarms(
    services: Services,
    *,
    cluster: str,
    load_balancer: str,
    target_groups: Mapping[str, str],
    hosts: Mapping[str, str],
    limits: Mapping[str, float | None],
    minutes: int,
    container_insights: bool,
) -> dict[str, dict[str, Any]]:
    """Give each alarm as PutMetricAlarm takes it, by its name within the stack.

    `cluster` is the name of the services' cluster on ECS, empty elsewhere; `load_balancer` is an ARN or
    empty, `target_groups` the ARN of each routed service's, `hosts` the instance id of each host. `limits`
    replace those of KINDS; None leaves out the kind. `minutes` is how long it has to last.
    """
    balancer = {"LoadBalancer": _dimension(load_balancer)}
    subjects: dict[str, Subjects] = {
        "load_balancer": {"": balancer} if load_balancer else {},
        "route": {
            name: {**balancer, "TargetGroup": _dimension(arn)}
            for name, arn in target_groups.items()
            if load_balancer
        },
        "service": {name: {"ClusterName": cluster, "ServiceName": name} for name in services if cluster},
        "host": {name: {"InstanceId": instance} for name, instance in hosts.items()},
    }
    return {
        f"{name}/{kind}".lstrip("/"): {
            "AlarmDescription": f"{name or 'load balancer'}: {limit:g} or more {each.meaning}",
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "Threshold": float(limit),
            "EvaluationPeriods": max(1, minutes * 60 // metric.period),
            "TreatMissingData": "missing"
            if each.silence and not _may_stop(services.get(name))
            else "notBreaching",
            **_measured(metric, dimensions),
        }
        for kind, each in KINDS.items()
        if (limit := limits.get(kind, each.limit)) is not None
        for what, metric in each.metrics.items()
        if metric.namespace != INSIGHTS or container_insights
        for name, dimensions in subjects[what].items()
    }


def alarms_of_release(rendered: Iterable[str], stack: str) -> dict[str, list[str]]:
    """Give for each service those of its alarms, by their whole names, that a new version must not raise."""
    found: dict[str, list[str]] = {}
    for name in rendered:
        service, _slash, kind = name.rpartition("/")
        if KINDS[kind].of_release:
            found.setdefault(service, []).append(f"{stack}/{name}")
    return found


def _may_stop(service: Mapping[str, Any] | None) -> bool:
    """Tell whether no task at all is right for a service at times."""
    scale = service["scale"] if service else None
    return scale is not None and 0 in {scale["min"], *(each["min"] for each in scale["schedules"])}


def _dimension(arn: str) -> str:
    """Give the part of an ARN that CloudWatch knows a load balancer or a target group by.

    >>> _dimension("arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/goals/50dc6c49")
    'app/goals/50dc6c49'
    """
    return arn.rpartition(":")[2].removeprefix("loadbalancer/")


def _measured(metric: Metric, dimensions: Mapping[str, str]) -> dict[str, Any]:
    named = [{"Name": name, "Value": value} for name, value in sorted(dimensions.items())]
    if not metric.less:
        return {
            "Namespace": metric.namespace,
            "MetricName": metric.name,
            "Dimensions": named,
            "Statistic": metric.statistic,
            "Period": metric.period,
        }
    parts = {"whole": metric.name, "part": metric.less}
    return {
        "Metrics": [
            {"Id": "difference", "Expression": "whole - part", "ReturnData": True},
            *(
                {
                    "Id": identifier,
                    "MetricStat": {
                        "Metric": {"Namespace": metric.namespace, "MetricName": name, "Dimensions": named},
                        "Period": metric.period,
                        "Stat": metric.statistic,
                    },
                    "ReturnData": False,
                }
                for identifier, name in parts.items()
            ),
        ]
    }
