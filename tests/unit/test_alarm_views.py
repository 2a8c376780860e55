"""Alarms as they are rendered from the application model."""

import re
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.alarm_views import KINDS, alarms, alarms_of_release
from plugins.module_utils.aws_shapes import faults
from plugins.module_utils.model import effective_services
from tests.unit.aws_doubles import input_shape

ELB = "arn:aws:elasticloadbalancing:eu-central-1:123456789012"
BALANCER = "app/goals-prod/50dc6c495c0c9188"
GROUP = "targetgroup/goals-prod-backend/943f017f100becff"
BACKEND = {
    "image": "goals/backend:1",
    "port": 3000,
    "route": {"paths": ["/*"], "priority": 1},
    "health_check": {"path": "/health"},
}
ON_ECS: dict[str, Any] = {"cluster": "goals-prod"}
ON_HOSTS: dict[str, Any] = {"cluster": "", "hosts": {"goals-prod-1": "i-1"}}


def rendered(backend: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    services = effective_services({"backend": backend or BACKEND, "worker": {"image": "w:1"}}, "none", "", {})
    settings: dict[str, Any] = {
        "load_balancer": f"{ELB}:loadbalancer/{BALANCER}",
        "target_groups": {"backend": f"{ELB}:{GROUP}"},
        "hosts": {},
        "limits": {},
        "minutes": 3,
        "container_insights": True,
        **changes,
    }
    return alarms(services, **settings)


def dimensions(alarm: dict[str, Any]) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in alarm["Dimensions"]}


@pytest.mark.parametrize("where", [ON_ECS, ON_HOSTS], ids=["ecs", "ec2"])
def test_every_request_is_one_that_the_api_takes(where: dict[str, Any]) -> None:
    found = rendered(**where)
    assert found
    for name, alarm in found.items():
        assert faults({"AlarmName": name, **alarm}, input_shape("cloudwatch", "PutMetricAlarm")) == []


def test_what_is_watched_on_ecs() -> None:
    assert set(rendered(**ON_ECS)) == {
        "load_balancer_errors",
        "backend/unhealthy_targets",
        "backend/target_errors",
        *(f"{name}/{kind}" for name in ("backend", "worker") for kind in ("missing_tasks", "cpu", "memory")),
    }


def test_what_is_watched_on_hosts() -> None:
    found = rendered(**ON_HOSTS)
    assert set(found) == {
        "load_balancer_errors",
        "backend/unhealthy_targets",
        "backend/target_errors",
        "goals-prod-1/cpu",
        "goals-prod-1/failed_host_checks",
    }
    assert dimensions(found["goals-prod-1/cpu"]) == {"InstanceId": "i-1"}
    # EC2 measures every five minutes, so that three of them are one period.
    assert (found["goals-prod-1/cpu"]["Period"], found["goals-prod-1/cpu"]["EvaluationPeriods"]) == (300, 1)


def test_nothing_is_watched_that_there_is_not() -> None:
    assert set(rendered(**ON_HOSTS, load_balancer="", target_groups={})) == {
        "goals-prod-1/cpu",
        "goals-prod-1/failed_host_checks",
    }
    assert not [name for name in rendered(**ON_ECS, container_insights=False) if "missing" in name]


def test_load_balancer_and_target_groups_are_named_as_cloudwatch_names_them() -> None:
    found = rendered(**ON_ECS)
    assert dimensions(found["load_balancer_errors"]) == {"LoadBalancer": BALANCER}
    for kind in ("unhealthy_targets", "target_errors"):
        assert dimensions(found[f"backend/{kind}"]) == {"LoadBalancer": BALANCER, "TargetGroup": GROUP}


def test_tasks_that_are_missing_are_those_desired_less_those_running() -> None:
    alarm = rendered(**ON_ECS)["worker/missing_tasks"]
    metrics = {each["Id"]: each for each in alarm["Metrics"]}
    assert [name for name, each in metrics.items() if each["ReturnData"]] == ["difference"]
    whole, part = metrics["difference"]["Expression"].split(" - ")
    named = {name: metrics[name]["MetricStat"]["Metric"] for name in (whole, part)}
    assert [each["MetricName"] for each in named.values()] == ["DesiredTaskCount", "RunningTaskCount"]
    for each in named.values():
        assert dimensions(each) == {"ClusterName": "goals-prod", "ServiceName": "worker"}


@pytest.mark.parametrize(
    ("scale", "treated"),
    [
        ({}, "missing"),
        ({"scale": {"min": 1, "max": 2, "cpu": 60}}, "missing"),
        ({"scale": {"min": 0, "max": 2, "cpu": 60}}, "notBreaching"),
        (
            {
                "scale": {
                    "min": 1,
                    "max": 2,
                    "schedules": [{"name": "night", "expression": "rate(1 day)", "min": 0}],
                }
            },
            "notBreaching",
        ),
    ],
)
def test_a_service_without_tasks_is_silent_which_is_told_unless_it_is_right(
    scale: dict[str, Any], treated: str
) -> None:
    found = rendered({**BACKEND, **scale}, **ON_ECS)
    assert found["backend/missing_tasks"]["TreatMissingData"] == treated
    assert found["backend/target_errors"]["TreatMissingData"] == "notBreaching"


def test_limits_and_minutes_are_those_given() -> None:
    found = rendered(**ON_ECS, limits={"cpu": 70.5, "memory": None}, minutes=10)
    assert found["backend/cpu"]["Threshold"] == 70.5
    assert "70.5 or more percent of its CPU" in found["backend/cpu"]["AlarmDescription"]
    assert found["backend/target_errors"]["Threshold"] == KINDS["target_errors"].limit
    assert not [name for name in found if name.endswith("memory")]
    assert {alarm["EvaluationPeriods"] for alarm in found.values()} == {10}


def test_the_manual_says_what_to_do_about_each_kind_and_its_limit() -> None:
    manual = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text()
    rows = [
        row.split("|")[1:4]
        for row in manual.splitlines()
        if row.startswith(("| `<", "| `load_balancer_errors`"))
    ]
    told = {(kind, limit.strip()) for names, limit, _of in rows for kind in re.findall(r"(\w+)`", names)}
    assert told == {(kind, f"{each.limit:g}") for kind, each in KINDS.items()}


def test_a_deployment_is_judged_by_what_its_service_answers() -> None:
    assert alarms_of_release(rendered(**ON_ECS), "goals-prod") == {
        "backend": ["goals-prod/backend/unhealthy_targets", "goals-prod/backend/target_errors"]
    }
