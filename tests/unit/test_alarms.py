"""Alarms of a stack: one request exactly when something differs, made from the API's own model."""

import copy
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from plugins.module_utils.alarms import OWN, AlarmError, Alarms, converge
from plugins.module_utils.aws_shapes import faults
from plugins.modules import alarms as module_alarms
from tests.unit.aws_doubles import (
    Double,
    Path,
    at,
    changed,
    dotted,
    example,
    input_shape,
    leaves,
    refused,
    reordered,
    run,
)

SHAPE = input_shape("cloudwatch", "PutMetricAlarm")
ARN = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:goals-alarms"
ELSEWHERE = "arn:aws:sns:eu-central-1:123456789012:on-call"
CPU = {
    "Namespace": "AWS/ECS",
    "MetricName": "CPUUtilization",
    "Dimensions": [{"Name": "ClusterName", "Value": "goals"}, {"Name": "ServiceName", "Value": "api"}],
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 3,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "Threshold": 90.0,
    "TreatMissingData": "notBreaching",
}


def everything() -> dict[str, Any]:
    """An alarm with each field, none at its default."""
    whole = {name: value for name, value in example(SHAPE).items() if name not in OWN}
    # A window is of one kind, and the other is the default.
    window = {"WallClockWindow": whole["EvaluationWindow"]["WallClockWindow"]}
    metric = {**whole["Metrics"][0], "ReturnData": False}
    return {**whole, "ActionsEnabled": False, "EvaluationWindow": window, "Metrics": [metric]}


def fields() -> list[tuple[Path, tuple[Any, ...]]]:
    return [leaf for leaf in leaves(SHAPE) if leaf[0][0] not in OWN]


def changeable() -> list[Any]:
    return [pytest.param(path, choices, id=dotted(path)) for path, choices in fields() if len(choices) > 1]


def removable() -> list[Any]:
    paths = [path[:-1] if isinstance(path[-1], int) else path for path, _ in fields()]
    return [
        pytest.param(path, id=dotted(path))
        for path in paths
        if not faults({**without(everything(), path), "AlarmName": "x"}, SHAPE)
    ]


def without(value: Any, path: Path) -> Any:
    less = copy.deepcopy(value)
    del at(less, path[:-1])[path[-1]]
    return less


class CloudWatch(Double):
    """Alarms in memory, answered as CloudWatch does: defaults filled in, tags kept apart."""

    service = "cloudwatch"

    def __init__(self) -> None:
        super().__init__()
        self.meta = SimpleNamespace(
            service_model=self.meta.service_model, partition="aws", region_name="eu-central-1"
        )
        self.kept: dict[str, dict[str, Any]] = {}
        self.tagged: dict[str, dict[str, str]] = {}

    def do_describe_alarms(self, AlarmNamePrefix: str, **_params: Any) -> dict[str, Any]:
        filled = {"ActionsEnabled": True, "TreatMissingData": "missing", "StateValue": "OK"}
        found = [
            {
                **filled,
                **alarm,
                "Metrics": [{"ReturnData": True, **metric} for metric in alarm.get("Metrics", [])],
                "AlarmName": name,
                "AlarmArn": ARN + name,
            }
            for name, alarm in self.kept.items()
            if name.startswith(AlarmNamePrefix)
        ]
        return {"MetricAlarms": found}

    def do_put_metric_alarm(self, AlarmName: str, Tags: Any = (), **members: Any) -> dict[str, Any]:
        if AlarmName not in self.kept:
            self.tagged[ARN + AlarmName] = {tag["Key"]: tag["Value"] for tag in Tags}
        else:
            assert not Tags, "which CloudWatch ignores on an alarm that is there"
        self.kept[AlarmName] = members
        return {}

    def do_delete_alarms(self, AlarmNames: list[str]) -> dict[str, Any]:
        return {"deleted": [self.kept.pop(name) for name in AlarmNames]}

    def do_list_tags_for_resource(self, ResourceARN: str) -> dict[str, Any]:
        return {"Tags": [{"Key": key, "Value": value} for key, value in self.tagged[ResourceARN].items()]}

    def do_tag_resource(self, ResourceARN: str, Tags: list[dict[str, str]]) -> dict[str, Any]:
        self.tagged[ResourceARN] |= {tag["Key"]: tag["Value"] for tag in Tags}
        return {}

    def do_untag_resource(self, ResourceARN: str, TagKeys: list[str]) -> dict[str, Any]:
        return {"gone": [self.tagged[ResourceARN].pop(key) for key in TagKeys]}

    def asked(self) -> list[str]:
        return [name for name, _params in self.writes()]


class Sns(Double):
    """One topic in memory. A new address has no ARN until its owner follows the link."""

    service = "sns"

    def __init__(self) -> None:
        super().__init__()
        self.there = False
        self.subscribed: dict[str, str] = {}

    def do_list_subscriptions_by_topic(self, **_params: Any) -> dict[str, Any]:
        if not self.there:
            raise refused("NotFound", "ListSubscriptionsByTopic")
        other = {"Protocol": "sms", "Endpoint": "+49", "SubscriptionArn": f"{TOPIC}:sms"}
        mails = [
            {"Protocol": "email", "Endpoint": address, "SubscriptionArn": arn}
            for address, arn in self.subscribed.items()
        ]
        return {"Subscriptions": [other, *mails]}

    def do_create_topic(self, **_params: Any) -> dict[str, Any]:
        self.there = True
        return {"TopicArn": TOPIC}

    def do_delete_topic(self, **_params: Any) -> dict[str, Any]:
        self.there, self.subscribed = False, {}
        return {}

    def do_subscribe(self, Endpoint: str, **_params: Any) -> dict[str, Any]:
        self.subscribed[Endpoint] = "PendingConfirmation"
        return {"SubscriptionArn": "pending confirmation"}

    def do_unsubscribe(self, SubscriptionArn: str) -> dict[str, Any]:
        self.subscribed = {name: arn for name, arn in self.subscribed.items() if arn != SubscriptionArn}
        return {}

    def do_list_tags_for_resource(self, **_params: Any) -> dict[str, Any]:
        return {"Tags": []}

    def confirm(self) -> None:
        self.subscribed = {name: f"{TOPIC}:{name}" for name in self.subscribed}

    def asked(self) -> list[str]:
        return [name for name, _params in self.writes()]


class Stack:
    """The alarms of a stack, on doubles."""

    def __init__(self) -> None:
        self.cloudwatch, self.sns = CloudWatch(), Sns()
        self.alarms = Alarms(self.cloudwatch, self.sns, "goals", "123456789012")

    def go(
        self,
        given: Mapping[str, Any],
        notify: list[str] | None = None,
        tags: Mapping[str, str] | None = None,
        *,
        check_mode: bool = False,
    ) -> dict[str, Any]:
        return converge(self.alarms, given, notify or [], tags, check_mode=check_mode)


class TestEveryField:
    @pytest.mark.parametrize(("path", "choices"), changeable())
    def test_a_change_of_it_makes_one_update_and_setting_it_back_one_more(
        self, path: Path, choices: tuple[Any, ...]
    ) -> None:
        stack, whole = Stack(), everything()
        other = changed(whole, path, next(choice for choice in choices if choice != at(whole, path)))
        assert stack.go({"all": whole})["updated"] == ["goals/all"]
        assert not stack.go({"all": whole})["changed"]
        for count, alarm in enumerate((other, whole), start=1):
            told = stack.go({"all": alarm}, check_mode=True)
            assert len(stack.cloudwatch.writes()) == count
            assert stack.go({"all": alarm}) == told
            assert told["updated"] == ["goals/all"]
            assert stack.cloudwatch.asked() == ["put_metric_alarm"] * (count + 1)
            assert not stack.go({"all": alarm})["changed"]

    @pytest.mark.parametrize("path", removable())
    def test_left_out_it_returns_to_its_default(self, path: Path) -> None:
        stack, whole = Stack(), everything()
        stack.go({"all": whole})
        less = without(whole, path)
        assert stack.go({"all": less})["updated"] == ["goals/all"]
        assert not stack.go({"all": less})["changed"]

    def test_order_means_nothing_for_dimensions_and_metrics(self) -> None:
        alarms = Stack().alarms
        seen = {
            dotted(path): alarms.normalised(value) != alarms.normalised(turned)
            for path, value, turned in reordered(SHAPE, everything())
        }
        names = ("Dimensions", "Metrics", "Metrics.0.MetricStat.Metric.Dimensions")
        assert not any(seen[name] for name in names)


class TestAlarms:
    def test_what_is_surplus_goes_and_what_is_another_stack_s_stays(self) -> None:
        stack = Stack()
        other = Alarms(stack.cloudwatch, stack.sns, "goals-prod", "123456789012")
        converge(other, {"api/cpu": CPU}, [], None, check_mode=False)
        stack.go({"api/cpu": CPU, "old/cpu": CPU})
        assert stack.go({"api/cpu": CPU})["updated"] == ["goals/old/cpu"]
        assert list(stack.cloudwatch.kept) == ["goals-prod/api/cpu", "goals/api/cpu"]
        assert stack.go({})["updated"] == ["goals/api/cpu"]
        assert list(stack.cloudwatch.kept) == ["goals-prod/api/cpu"]

    def test_tags_are_given_to_new_ones_and_mended_on_others(self) -> None:
        stack = Stack()
        stack.go({"cpu": CPU}, tags={"app": "goals", "old": "1"})
        assert stack.cloudwatch.asked() == ["put_metric_alarm"]
        assert not stack.go({"cpu": CPU})["changed"]
        assert stack.go({"cpu": CPU}, tags={"app": "shop"}, check_mode=True)["updated"] == ["goals/cpu"]
        assert stack.go({"cpu": {**CPU, "Threshold": 80}}, tags={"app": "shop"})["updated"] == ["goals/cpu"]
        assert stack.cloudwatch.tagged == {f"{ARN}goals/cpu": {"app": "shop"}}
        assert not stack.go({"cpu": {**CPU, "Threshold": 80}}, tags={"app": "shop"})["changed"]

    def test_every_fault_is_named_at_once_and_nothing_is_asked(self) -> None:
        stack = Stack()
        with pytest.raises(AlarmError) as error:
            stack.go({"a": {**CPU, "Statistic": "Mean"}, "b": 1, "c": {**CPU, "AlarmActions": []}})
        for part in (
            "a: Invalid value for parameter Statistic, value: Mean",
            "b: expected a mapping",
            "c: AlarmActions is not a field",
        ):
            assert part in str(error.value)
        assert stack.cloudwatch.calls == []


class TestTelling:
    def test_a_topic_tells_addresses_and_topics_of_others_are_told_themselves(self) -> None:
        stack = Stack()
        plan = stack.go({"cpu": CPU}, ["ops@example.com", ELSEWHERE], check_mode=True)
        assert stack.sns.writes() == []
        assert plan == stack.go({"cpu": CPU}, ["ops@example.com", ELSEWHERE])
        assert plan["updated"] == ["goals/cpu", "topic"]
        assert stack.sns.asked() == ["create_topic", "subscribe"]
        kept = stack.cloudwatch.kept["goals/cpu"]
        assert kept["AlarmActions"] == kept["OKActions"] == [TOPIC, ELSEWHERE]
        assert not stack.go({"cpu": CPU}, [ELSEWHERE, "ops@example.com"])["changed"]

    def test_silence_is_told_where_it_says_something(self) -> None:
        stack = Stack()
        stack.go({"quiet": CPU, "loud": {**CPU, "TreatMissingData": "missing"}}, [ELSEWHERE])
        kept = stack.cloudwatch.kept
        assert kept["goals/loud"]["InsufficientDataActions"] == [ELSEWHERE]
        assert "InsufficientDataActions" not in kept["goals/quiet"]

    def test_who_is_to_be_told_no_more_is_not_and_who_has_not_confirmed_goes_by_itself(self) -> None:
        stack = Stack()
        stack.go({}, ["a@example.com", "b@example.com"])
        assert not stack.go({}, ["a@example.com"])["changed"]
        stack.sns.confirm()
        assert stack.go({}, ["a@example.com"], check_mode=True)["updated"] == ["topic"]
        assert stack.go({}, ["a@example.com"])["updated"] == ["topic"]
        assert list(stack.sns.subscribed) == ["a@example.com"]
        assert stack.go({}, [ELSEWHERE])["updated"] == ["topic"]
        assert stack.sns.asked()[-1] == "delete_topic"
        assert not stack.go({}, [ELSEWHERE])["changed"]


def test_the_whole_module_on_moto(moto: None, capsys: pytest.CaptureFixture[str]) -> None:
    def module(check_mode: bool = False, **params: Any) -> dict[str, Any]:
        arguments = {
            "stack": "goals",
            "alarms": {"api/cpu": CPU},
            "notify": ["ops@example.com"],
            "resource_tags": {"app": "goals"},
            **params,
        }
        return run(module_alarms, capsys, check_mode, **arguments)

    cloudwatch = boto3.client("cloudwatch", region_name="eu-central-1")
    sns = boto3.client("sns", region_name="eu-central-1")
    assert module(check_mode=True)["changed"]
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
    assert module()["updated"] == ["goals/api/cpu", "topic"]
    assert not module()["changed"]
    difference: Any = {
        **{name: CPU[name] for name in ("EvaluationPeriods", "ComparisonOperator", "Threshold")},
        "Metrics": [
            {"Id": "difference", "Expression": "whole - part"},
            *(
                {
                    "Id": name,
                    "MetricStat": {
                        "Metric": {"Namespace": "a", "MetricName": name, "Dimensions": CPU["Dimensions"]},
                        "Period": 60,
                        "Stat": "Average",
                    },
                    "ReturnData": False,
                }
                for name in ("whole", "part")
            ),
        ],
    }
    both = {"api/cpu": {**CPU, "Threshold": "80"}, "api/missing": difference}
    assert module(alarms=both, check_mode=True)["updated"] == ["goals/api/cpu", "goals/api/missing"]
    assert module(alarms=both)["updated"] == ["goals/api/cpu", "goals/api/missing"]
    assert not module(alarms=both)["changed"]
    tags = {"app": "shop"}
    assert module(alarms=both, resource_tags=tags)["updated"] == [
        *(f"goals/{name}" for name in both),
        "topic",
    ]
    assert not module(alarms=both, resource_tags=tags)["changed"]
    (topic,) = sns.list_topics()["Topics"]
    assert sns.list_tags_for_resource(ResourceArn=topic["TopicArn"])["Tags"] == [
        {"Key": "app", "Value": "shop"}
    ]
    assert "Unknown parameter" in module(alarms={"x": {"Nmae": 1}})["msg"]
    assert module(alarms={}, notify=[])["changed"]
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
    assert sns.list_topics()["Topics"] == []
    assert not module(alarms={}, notify=[])["changed"]
