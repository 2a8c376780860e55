"""The alarms as CloudWatch describes them."""

from typing import Any

import pytest

from tests.e2e.environment import aws

STACK = "goals-alarms"


@pytest.fixture(scope="module")
def alarms() -> dict[str, Any]:
    found = aws("cloudwatch").describe_alarms(AlarmNamePrefix=f"{STACK}/")["MetricAlarms"]
    return {alarm["AlarmName"].partition("/")[2]: alarm for alarm in found}


def test_load_balancer_services_and_hosts_are_watched(alarms: dict[str, Any]) -> None:
    assert set(alarms) == {
        "load_balancer_errors",
        "backend/unhealthy_targets",
        "backend/target_errors",
        "backend/missing_tasks",
        "backend/cpu",
        "frontend/missing_tasks",
        "frontend/cpu",
        f"{STACK}-1/cpu",
        f"{STACK}-1/failed_host_checks",
    }
    assert {alarm["Threshold"] for name, alarm in alarms.items() if name.endswith("cpu")} == {70}


def test_tasks_are_counted_over_two_metrics(alarms: dict[str, Any]) -> None:
    metrics = {each["Id"]: each for each in alarms["backend/missing_tasks"]["Metrics"]}
    assert metrics["difference"]["Expression"] == "whole - part"
    assert metrics["part"]["MetricStat"]["Metric"]["MetricName"] == "RunningTaskCount"


def test_they_tell_the_address_when_they_ring_and_when_it_is_over(alarms: dict[str, Any]) -> None:
    topics = {topic for alarm in alarms.values() for topic in alarm["AlarmActions"] + alarm["OKActions"]}
    (topic,) = topics
    assert topic.endswith(f":{STACK}-alarms")
    assert alarms["backend/missing_tasks"]["InsufficientDataActions"] == [topic]
    told = aws("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [(each["Protocol"], each["Endpoint"]) for each in told] == [("email", "ops@example.com")]


def test_everything_is_tagged(alarms: dict[str, Any]) -> None:
    cloudwatch = aws("cloudwatch")
    for alarm in alarms.values():
        shown = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in shown} == {
            "slipway_app": "goals",
            "slipway_environment": "alarms",
        }
