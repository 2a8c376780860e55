"""Target groups compared exactly, and the calls that mend them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from plugins.module_utils.target_groups import (
    Change,
    TargetGroup,
    TargetGroupError,
    TargetGroups,
    compare,
    merged,
    registered,
)

if TYPE_CHECKING:
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client

OURS = {"slipway_app": "goals", "slipway_environment": "prod"}
ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/goals-prod-api/0123456789abcdef"
BALANCER = (
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/goals-prod/50dc6c495c0c9188"
)
HEALTH = {
    "path": "/-/health/api",
    "interval": 5,
    "timeout": 2,
    "healthy_threshold": 2,
    "unhealthy_threshold": 3,
}
GROUP = TargetGroup(
    name="goals-prod-api",
    target_type="instance",
    protocol="HTTP",
    port=80,
    health_check=HEALTH,
    matcher="200-399",
    attributes={"deregistration_delay.timeout_seconds": "30"},
    tags={**OURS, "Name": "goals-prod-api"},
    targets=("i-1", "i-2"),
    arn=ARN,
)


class TestCompare:
    def test_finds_nothing_in_equal_groups(self) -> None:
        actual = replace(
            GROUP,
            attributes={**GROUP.attributes, "stickiness.enabled": "false"},
            tags={**GROUP.tags, "cost-centre": "42"},
            targets=("i-2", "i-1"),
        )
        assert not compare(GROUP, actual)

    @pytest.mark.parametrize("key", list(HEALTH))
    def test_sees_every_part_of_the_health_check(self, key: str) -> None:
        actual = replace(GROUP, health_check={**HEALTH, key: 99})
        assert compare(GROUP, actual) == Change(settings=True)

    def test_sees_the_success_codes(self) -> None:
        assert compare(GROUP, replace(GROUP, matcher="200")) == Change(settings=True)

    def test_sees_attributes_and_tags_and_names_only_those_that_differ(self) -> None:
        actual = replace(GROUP, attributes={"deregistration_delay.timeout_seconds": "300"}, tags=OURS)
        assert compare(GROUP, actual) == Change(
            attributes={"deregistration_delay.timeout_seconds": "30"}, tags={"Name": "goals-prod-api"}
        )

    def test_makes_the_targets_exactly_those_wanted(self) -> None:
        assert compare(GROUP, replace(GROUP, targets=("i-2", "i-3"))) == Change(
            register=("i-1",), deregister=("i-3",)
        )

    def test_leaves_targets_alone_that_are_not_its_business(self) -> None:
        """What community.aws.elb_target_group does not do: an ECS service's tasks stay registered."""
        assert not compare(replace(GROUP, targets=None), replace(GROUP, targets=("10.0.0.7",)))

    def test_refuses_what_aws_never_changes(self) -> None:
        with pytest.raises(TargetGroupError, match=r"port 8080 \(wanted: 80\).*never changes"):
            compare(GROUP, replace(GROUP, port=8080))


def test_merged_shows_what_is_left_alone() -> None:
    actual = replace(GROUP, attributes={"stickiness.enabled": "false"}, targets=("10.0.0.7",), arn="x")
    after = merged(replace(GROUP, targets=None, arn=""), actual)
    assert after.attributes == {"stickiness.enabled": "false", "deregistration_delay.timeout_seconds": "30"}
    assert (after.targets, after.arn) == (("10.0.0.7",), "x")


def test_registered_are_neither_those_that_drain_nor_those_on_other_ports() -> None:
    def described(target: str, state: str, reason: str = "", port: int = 80) -> dict[str, Any]:
        return {"Target": {"Id": target, "Port": port}, "TargetHealth": {"State": state, "Reason": reason}}

    descriptions = [
        described("i-4", "unused", "Target.NotInUse"),
        described("i-1", "healthy"),
        described("i-2", "draining", "Target.DeregistrationInProgress"),
        described("i-3", "unused", "Target.NotRegistered"),
        described("i-5", "healthy", port=8080),
    ]
    assert registered(descriptions, 80) == ("i-1", "i-4")


@pytest.fixture
def client() -> "ElasticLoadBalancingv2Client":
    return boto3.client(
        "elbv2", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


@pytest.fixture
def stub(client: "ElasticLoadBalancingv2Client") -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def groups(client: "ElasticLoadBalancingv2Client") -> TargetGroups:
    return TargetGroups(client, "vpc-1", OURS, sleep=lambda _seconds: None)


def described_group(name: str = "goals-prod-api", vpc: str = "vpc-1", arn: str = ARN) -> dict[str, Any]:
    return {
        "TargetGroupArn": arn,
        "TargetGroupName": name,
        "Protocol": "HTTP",
        "Port": 80,
        "VpcId": vpc,
        "TargetType": "instance",
        "HealthCheckPath": "/-/health/api",
        "HealthCheckIntervalSeconds": 5,
        "HealthCheckTimeoutSeconds": 2,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 3,
        "Matcher": {"HttpCode": "200-399"},
        "LoadBalancerArns": [BALANCER],
    }


def pairs(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


def answer_health(stub: Stubber, *targets: tuple[str, str]) -> None:
    descriptions = [
        {"Target": {"Id": target, "Port": 80}, "TargetHealth": {"State": state}} for target, state in targets
    ]
    stub.add_response(
        "describe_target_health", {"TargetHealthDescriptions": descriptions}, {"TargetGroupArn": ARN}
    )


class TestFind:
    def test_knows_ours_by_their_tags(self, stub: Stubber, groups: TargetGroups) -> None:
        other = described_group("shop-prod-api", arn=ARN.replace("goals", "shop"))
        elsewhere = described_group("blog-prod-api", "vpc-2", ARN.replace("goals", "blog"))
        stub.add_response("describe_target_groups", {"TargetGroups": [described_group(), other, elsewhere]})
        stub.add_response(
            "describe_tags",
            {
                "TagDescriptions": [
                    {"ResourceArn": ARN, "Tags": pairs(dict(GROUP.tags))},
                    {"ResourceArn": other["TargetGroupArn"], "Tags": pairs({"slipway_app": "shop"})},
                ]
            },
            {"ResourceArns": [ARN, other["TargetGroupArn"]]},
        )
        stub.add_response(
            "describe_target_group_attributes",
            {"Attributes": pairs(dict(GROUP.attributes))},
            {"TargetGroupArn": ARN},
        )
        answer_health(stub, ("i-2", "healthy"), ("i-1", "initial"))
        found = groups.find(["goals-prod-api"])
        assert found == {"goals-prod-api": GROUP}
        assert found["goals-prod-api"].arn == ARN
        assert found["goals-prod-api"].load_balancers == (BALANCER,)

    def test_refuses_a_wanted_name_that_is_somebody_else_s(self, stub: Stubber, groups: TargetGroups) -> None:
        stub.add_response("describe_target_groups", {"TargetGroups": [described_group(vpc="vpc-2")]})
        with pytest.raises(TargetGroupError, match="goals-prod-api in vpc-2 exists and is not ours"):
            groups.find(["goals-prod-api"])

    def test_asks_for_tags_of_twenty_at_a_time(self, stub: Stubber, groups: TargetGroups) -> None:
        many = [described_group(f"x-{number}", arn=f"{ARN}{number}") for number in range(21)]
        arns = [group["TargetGroupArn"] for group in many]
        stub.add_response("describe_target_groups", {"TargetGroups": many})
        for part in (arns[:20], arns[20:]):
            stub.add_response("describe_tags", {"TagDescriptions": []}, {"ResourceArns": part})
        assert groups.find() == {}


def test_create_makes_the_group_with_everything_in_it(stub: Stubber, groups: TargetGroups) -> None:
    stub.add_response(
        "create_target_group",
        {"TargetGroups": [described_group()]},
        {
            "Name": "goals-prod-api",
            "Protocol": "HTTP",
            "Port": 80,
            "VpcId": "vpc-1",
            "TargetType": "instance",
            "Tags": pairs(dict(sorted(GROUP.tags.items()))),
            "HealthCheckPath": "/-/health/api",
            "HealthCheckIntervalSeconds": 5,
            "HealthCheckTimeoutSeconds": 2,
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 3,
            "Matcher": {"HttpCode": "200-399"},
        },
    )
    stub.add_response(
        "modify_target_group_attributes",
        {"Attributes": []},
        {"TargetGroupArn": ARN, "Attributes": pairs(dict(GROUP.attributes))},
    )
    stub.add_response(
        "register_targets",
        {},
        {"TargetGroupArn": ARN, "Targets": [{"Id": "i-1", "Port": 80}, {"Id": "i-2", "Port": 80}]},
    )
    assert groups.create(GROUP) == ARN


def test_update_makes_the_calls_that_are_needed_and_no_others(stub: Stubber, groups: TargetGroups) -> None:
    stub.add_response("register_targets", {}, {"TargetGroupArn": ARN, "Targets": [{"Id": "i-3", "Port": 80}]})
    stub.add_response(
        "deregister_targets", {}, {"TargetGroupArn": ARN, "Targets": [{"Id": "i-1", "Port": 80}]}
    )
    groups.update(GROUP, ARN, Change(register=("i-3",), deregister=("i-1",)))


class TestAwaitDrained:
    def test_ends_when_the_targets_are_gone(self, stub: Stubber, groups: TargetGroups) -> None:
        answer_health(stub, ("i-1", "draining"), ("i-2", "healthy"))
        answer_health(stub, ("i-2", "healthy"))
        groups.await_drained(ARN, ["i-1"], 80, timeout=60)

    def test_says_which_are_not_when_the_time_is_over(self, stub: Stubber, groups: TargetGroups) -> None:
        answer_health(stub, ("i-1", "draining"))
        with pytest.raises(TargetGroupError, match=r"i-1 still drains .* after 0 s"):
            groups.await_drained(ARN, ["i-1"], 80, timeout=0)

    def test_asks_nothing_when_nothing_was_taken_out(self, stub: Stubber, groups: TargetGroups) -> None:
        groups.await_drained(ARN, [], 80, timeout=60)
