"""Autoscaling of a service: one request exactly when something differs, made from the API's own model."""

import copy
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError

from plugins.module_utils.aws_shapes import faults
from plugins.module_utils.ecs_api import EcsError
from plugins.module_utils.ecs_autoscaling import (
    NOT_OF_TARGET,
    PAUSES,
    PLACE,
    POLICY,
    SCHEDULED_ACTION,
    Autoscaling,
    Scaling,
    converge,
    registered,
    remove,
    without_past,
)
from plugins.modules import ecs_autoscaling
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

API: Final = "application-autoscaling"
INPUTS = {
    "target": input_shape(API, "RegisterScalableTarget"),
    "policies": input_shape(API, POLICY.put),
    "scheduled_actions": input_shape(API, SCHEDULED_ACTION.put),
}
NAMES = {"policies": POLICY.name, "scheduled_actions": SCHEDULED_ACTION.name}
PUTS = {
    "target": "register_scalable_target",
    "policies": "put_scaling_policy",
    "scheduled_actions": "put_scheduled_action",
}
ARN = "arn:aws:application-autoscaling:eu-central-1:123456789012:scalable-target/0123"
CPU: dict[str, Any] = {
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 60,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    },
}
NIGHT = {"Schedule": "cron(0 22 * * ? *)", "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 2}}


def everything() -> dict[str, Any]:
    """Each field of a target, a policy and a scheduled action, none at its default."""
    target, policy, action = (
        {name: value for name, value in example(shape).items() if name not in without}
        for shape, without in (
            (INPUTS["target"], NOT_OF_TARGET),
            (INPUTS["policies"], (*PLACE, POLICY.name)),
            (INPUTS["scheduled_actions"], (*PLACE, SCHEDULED_ACTION.name)),
        )
    )
    target |= {"MinCapacity": 3, "MaxCapacity": 9}
    return {"target": target, "policies": {"all": policy}, "scheduled_actions": {"all": action}}


def fields() -> Iterator[tuple[Path, tuple[Any, ...]]]:
    """Where each plain value of :func:`everything` is, with the choices for it."""
    whole = everything()
    for part, shape in INPUTS.items():
        prefix: Path = (part,) if part == "target" else (part, "all")
        for path, choices in leaves(shape):
            if path[0] in at(whole, prefix):
                yield (*prefix, *path), choices


def changeable() -> list[Any]:
    return [pytest.param(path, choices, id=dotted(path)) for path, choices in fields() if len(choices) > 1]


def removable() -> list[Any]:
    """Fields, or lists of one plain value, that the API does not require."""
    found = []
    for path, _choices in fields():
        part = path[0]
        members = without(everything(), path)[part]
        own = dict.fromkeys(PLACE, "ecs") | ({NAMES[part]: "all"} if part in NAMES else {})
        required = {"target": ("MinCapacity", "MaxCapacity")}.get(str(part), ("Schedule",))
        inner = members if part == "target" else members["all"]
        if path[-1] not in required and not [
            fault for fault in faults({**inner, **own}, INPUTS[str(part)]) if "Missing required" in fault
        ]:
            found.append(pytest.param(path, id=dotted(path)))
    return found


def without(value: Any, path: Path) -> Any:
    less = copy.deepcopy(value)
    del at(less, path[:-1])[path[-1]]
    return less


def merged(known: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(known)
    for name, value in new.items():
        both = isinstance(value, dict) and isinstance(known.get(name), dict)
        result[name] = merged(known[name], value) if both else value
    return result


def as_aws_returns(value: Any) -> Any:
    """Times in the zone of the machine that asks, as botocore gives them."""
    if isinstance(value, dict):
        return {name: as_aws_returns(each) for name, each in value.items()}
    if isinstance(value, datetime):
        return value.astimezone(timezone(timedelta(hours=2)))
    return value


class Aws(Double):
    """Scalable targets in memory.

    :param merging: whether an update keeps what it does not name, in whatever depth
    """

    service = API

    def __init__(self, merging: bool = False) -> None:
        super().__init__()
        self.merging = merging
        self.target: dict[str, Any] = {}
        self.items: dict[str, dict[str, dict[str, Any]]] = {POLICY.name: {}, SCHEDULED_ACTION.name: {}}
        self.tagged: dict[str, str] = {}
        self.refusals: list[str] = []

    def take(self, known: Mapping[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
        if self.refusals:
            raise refused(self.refusals.pop(), "any")
        assert members["ResourceId"] == "service/goals/api"
        return merged(known, members) if self.merging else dict(members)

    def do_register_scalable_target(self, Tags: Any = None, **members: Any) -> dict[str, Any]:
        assert Tags is None or not self.target, "tags are taken with a new target only"
        state = merged(self.target.get("SuspendedState", {}), members.get("SuspendedState", {}))
        self.target = {**merged(self.target, self.take({}, members)), "SuspendedState": state}
        self.tagged |= Tags or {}
        return {"ScalableTargetARN": ARN}

    def do_deregister_scalable_target(self, **_place: Any) -> dict[str, Any]:
        self.target = {}
        self.items = {name: {} for name in self.items}
        return {}

    def do_describe_scalable_targets(self, **_place: Any) -> dict[str, Any]:
        shown = {**self.target, "ScalableTargetARN": ARN, "RoleARN": "arn:role", "CreationTime": 0}
        return {"ScalableTargets": [shown] if self.target else []}

    def put(self, kind: str, members: dict[str, Any]) -> dict[str, Any]:
        self.items[kind][members[kind]] = self.take(self.items[kind].get(members[kind], {}), members)
        return {}

    def do_put_scaling_policy(self, **members: Any) -> dict[str, Any]:
        return self.put(POLICY.name, members)

    def do_put_scheduled_action(self, **members: Any) -> dict[str, Any]:
        return self.put(SCHEDULED_ACTION.name, members)

    def do_delete_scaling_policy(self, PolicyName: str, **_place: Any) -> dict[str, Any]:
        return {"deleted": self.items[POLICY.name].pop(PolicyName)}

    def do_delete_scheduled_action(self, ScheduledActionName: str, **_place: Any) -> dict[str, Any]:
        return {"deleted": self.items[SCHEDULED_ACTION.name].pop(ScheduledActionName)}

    def do_describe_scaling_policies(self, **_place: Any) -> dict[str, Any]:
        found = self.items[POLICY.name].values()
        return {
            "ScalingPolicies": [{**as_aws_returns(each), "Alarms": [], "PolicyARN": "x"} for each in found]
        }

    def do_describe_scheduled_actions(self, **_place: Any) -> dict[str, Any]:
        return {
            "ScheduledActions": [as_aws_returns(each) for each in self.items[SCHEDULED_ACTION.name].values()]
        }

    def do_list_tags_for_resource(self, ResourceARN: str) -> dict[str, Any]:
        assert ResourceARN == ARN
        return {"Tags": self.tagged}

    def do_tag_resource(self, ResourceARN: str, Tags: dict[str, str]) -> dict[str, Any]:
        assert ResourceARN == ARN
        self.tagged |= Tags
        return {}

    def do_untag_resource(self, ResourceARN: str, TagKeys: list[str]) -> dict[str, Any]:
        assert ResourceARN == ARN
        for key in TagKeys:
            del self.tagged[key]
        return {}

    def asked(self) -> list[str]:
        return [name for name, _params in self.writes()]


def scaling_of(aws: Aws) -> Autoscaling:
    return Autoscaling(
        aws, "arn:aws:ecs:eu-central-1:123456789012:cluster/goals", "api", lambda _seconds: None
    )


def go(
    aws: Aws,
    parts: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    *,
    check_mode: bool = False,
    **more: Any,
) -> dict[str, Any]:
    given = Scaling(**{"target": {"MinCapacity": 1, "MaxCapacity": 4}, **(parts or {}), **more})
    label = "app/lb/1/targetgroup/api/2"
    return converge(scaling_of(aws), given, tags, lambda: label, target_of(aws), check_mode=check_mode)


def target_of(aws: Aws) -> Mapping[str, Any] | None:
    return registered(aws, "goals", ["api"]).get("api")


class TestEveryField:
    @pytest.mark.parametrize("merging", [False, True], ids=["replacing", "merging"])
    @pytest.mark.parametrize(("path", "choices"), changeable())
    def test_a_change_of_it_makes_one_request_and_setting_it_back_one_more(
        self, path: Path, choices: tuple[Any, ...], merging: bool
    ) -> None:
        aws, whole = Aws(merging), everything()
        other = changed(whole, path, next(choice for choice in choices if choice != at(whole, path)))
        assert go(aws, whole)["updated"] == ["scalable target", "scaling policy all", "scheduled action all"]
        assert not go(aws, whole)["changed"]
        done = len(aws.writes())
        for count, parts in enumerate((other, whole), start=1):
            told = go(aws, parts, check_mode=True)
            assert len(aws.writes()) == done + count - 1
            result = go(aws, parts)
            assert result == told
            assert result["changed"]
            assert aws.asked()[done:] == [PUTS[str(path[0])]] * count
            assert not go(aws, parts)["changed"]

    @pytest.mark.parametrize("merging", [False, True], ids=["replacing", "merging"])
    @pytest.mark.parametrize("path", removable())
    def test_left_out_it_returns_to_its_default_or_is_gone(self, path: Path, merging: bool) -> None:
        aws, whole = Aws(merging), everything()
        go(aws, whole)
        less = without(whole, path)
        assert go(aws, less)["changed"]
        assert not go(aws, less)["changed"]
        fresh = Aws()
        go(fresh, less)
        found = [scaling_of(each).find(target_of(each)) for each in (aws, fresh)]
        assert found[0] == found[1]

    def test_order_counts_for_the_metrics_of_a_prediction_only(self) -> None:
        aws, whole = scaling_of(Aws()), everything()["policies"]["all"]
        for path, value, turned in reordered(INPUTS["policies"], whole):
            counts = aws.shapes.item(POLICY, value) != aws.shapes.item(POLICY, turned)
            assert counts == (path[-1] == "MetricSpecifications"), dotted(path)


class TestPresent:
    def test_what_is_surplus_goes(self) -> None:
        aws = Aws()
        go(aws, policies={"cpu": CPU, "old": CPU}, scheduled_actions={"night": NIGHT})
        result = go(aws, policies={"cpu": CPU})
        assert result["updated"] == ["scaling policy old", "scheduled action night"]
        assert aws.asked()[-2:] == ["delete_scaling_policy", "delete_scheduled_action"]
        assert not go(aws, policies={"cpu": CPU})["changed"]

    def test_forms_that_mean_the_same_are_left_alone(self) -> None:
        aws = Aws()
        go(aws, policies={"cpu": CPU}, scheduled_actions={"night": NIGHT})
        tracking = CPU["TargetTrackingScalingPolicyConfiguration"]
        explicit = {"TargetValue": "60.0", "ScaleInCooldown": 300, "DisableScaleIn": False}
        assert not go(
            aws,
            target={"MinCapacity": "1", "MaxCapacity": "4", "SuspendedState": {}},
            policies={"cpu": {**CPU, "TargetTrackingScalingPolicyConfiguration": {**tracking, **explicit}}},
            scheduled_actions={"night": {**NIGHT, "Timezone": "UTC"}},
        )["changed"]

    def test_bounds_that_a_scheduled_action_has_set_stay_and_others_do_not(self) -> None:
        aws = Aws()
        go(aws, scheduled_actions={"night": NIGHT})
        aws.target |= {"MinCapacity": 1, "MaxCapacity": 2}
        assert not go(aws, scheduled_actions={"night": NIGHT})["changed"]
        # The bounds of the night are kept where something else is mended.
        aws.target["SuspendedState"] = {"ScheduledScalingSuspended": True}
        assert go(aws, scheduled_actions={"night": NIGHT})["updated"] == ["scalable target"]
        assert aws.target["MaxCapacity"] == 2
        aws.target["MaxCapacity"] = 3
        assert go(aws, scheduled_actions={"night": NIGHT})["updated"] == ["scalable target"]
        assert aws.target["MaxCapacity"] == 4
        aws.target["MaxCapacity"] = 2
        assert go(aws)["updated"] == ["scalable target", "scheduled action night"]

    def test_requests_per_target_are_those_of_the_target_group(self) -> None:
        aws = Aws()
        metric = {"PredefinedMetricType": "ALBRequestCountPerTarget"}
        configuration = {"TargetValue": 500, "PredefinedMetricSpecification": metric}
        policy = {
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": configuration,
        }
        go(aws, policies={"requests": policy, "cpu": CPU})
        sent = {params["PolicyName"]: params for name, params in aws.writes() if name == "put_scaling_policy"}
        tracking = sent["requests"]["TargetTrackingScalingPolicyConfiguration"]
        assert tracking["PredefinedMetricSpecification"]["ResourceLabel"] == "app/lb/1/targetgroup/api/2"
        assert "ResourceLabel" not in str(sent["cpu"])

    def test_tags_are_given_to_a_new_target_and_mended_on_another(self) -> None:
        aws = Aws()
        go(aws, tags={"app": "goals", "old": "1"})
        assert aws.asked() == ["register_scalable_target"]
        assert aws.tagged == {"app": "goals", "old": "1"}
        assert not go(aws)["changed"]
        assert go(aws, tags={"app": "shop"}, check_mode=True)["updated"] == ["tags"]
        assert go(aws, tags={"app": "shop"})["updated"] == ["tags"]
        assert aws.tagged == {"app": "shop"}
        assert not go(aws, tags={"app": "shop"})["changed"]

    def test_a_plan_writes_nothing(self) -> None:
        aws = Aws()
        result = go(aws, {"policies": {"cpu": CPU}}, {"app": "goals"}, check_mode=True)
        assert result["changed"]
        assert result["diff"]["before"] == {}
        assert result["diff"]["after"]["target"] == {"MaxCapacity": 4, "MinCapacity": 1}
        assert aws.writes() == []

    def test_waits_for_a_target_that_is_not_known_everywhere_and_not_for_ever(self) -> None:
        aws = Aws()
        aws.refusals = ["ObjectNotFoundException", "ConcurrentUpdateException"]
        go(aws)
        assert aws.target["MaxCapacity"] == 4
        aws.refusals = ["ConcurrentUpdateException"] * (len(PAUSES) + 1)
        with pytest.raises(ClientError, match="ConcurrentUpdateException"):
            go(aws, policies={"cpu": CPU})
        aws.refusals = ["ValidationException"]
        with pytest.raises(ClientError, match="ValidationException"):
            go(aws, policies={"cpu": CPU})

    def test_every_fault_is_named_at_once_and_nothing_is_written(self) -> None:
        aws = Aws()
        with pytest.raises(EcsError) as error:
            go(
                aws,
                target={"MinCapacity": "few", "RoleARN": "arn:role"},
                policies={"cpu": {"PolicyTyp": "x"}, "memory": 3, "requests": {"PolicyType": "Tracking"}},
                scheduled_actions={
                    "night": {"ScalableTargetAction": {"MinCapacity": 1}},
                    "day": {**NIGHT, "ResourceId": "x"},
                },
            )
        for part in (
            "target: RoleARN is not",
            "target: MaxCapacity is missing",
            "MinCapacity, value: few",
            'scaling policy cpu: Unknown parameter in input: "PolicyTyp"',
            "scaling policy memory: expected a mapping",
            "scaling policy requests: Invalid value for parameter PolicyType, value: Tracking",
            "scheduled action night: Schedule is missing",
            "scheduled action day: ResourceId is not",
        ):
            assert part in str(error.value)
        with pytest.raises(EcsError, match="MinCapacity 5 is more than MaxCapacity 4"):
            go(aws, target={"MinCapacity": 5, "MaxCapacity": 4})
        assert aws.writes() == []


@pytest.mark.parametrize(
    ("action", "over"),
    [
        ({"Schedule": "cron(0 22 * * ? *)"}, False),
        ({"Schedule": "at(2026-06-01T12:00:01)"}, False),
        ({"Schedule": "at(2026-06-01T11:59:59)"}, True),
        ({"Schedule": "at(2026-06-01T13:00:00)", "Timezone": "Europe/Berlin"}, True),
        ({"Schedule": "at(2026-06-01T11:00:00)", "Timezone": "America/New_York"}, False),
        ({"Schedule": "rate(1 day)", "EndTime": datetime(2026, 5, 1, tzinfo=UTC)}, True),
    ],
)
def test_an_action_whose_time_is_over_counts_as_left_out(action: dict[str, Any], over: bool) -> None:
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    left = without_past(Scaling(scheduled_actions={"once": action}), now).scheduled_actions
    assert list(left) == ([] if over else ["once"])


def test_absent_deregisters_and_says_so_once() -> None:
    aws = Aws()
    assert not remove(scaling_of(aws), target_of(aws), check_mode=False)["changed"]
    go(aws, policies={"cpu": CPU})
    assert remove(scaling_of(aws), target_of(aws), check_mode=True)["changed"]
    assert aws.target
    assert remove(scaling_of(aws), target_of(aws), check_mode=False)["changed"]
    assert aws.asked()[-1] == "deregister_scalable_target"
    assert not remove(scaling_of(aws), target_of(aws), check_mode=False)["changed"]


@pytest.fixture
def cloud(moto: None) -> Any:
    client = boto3.client("ecs", region_name="eu-central-1")
    client.create_cluster(clusterName="goals")
    client.register_task_definition(
        family="api", containerDefinitions=[{"name": "api", "image": "api:1", "memory": 128}]
    )
    client.create_service(cluster="goals", serviceName="api", taskDefinition="api", desiredCount=1)
    return boto3.client(API, region_name="eu-central-1")


def test_the_whole_module_on_moto(cloud: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def module(check_mode: bool = False, **params: Any) -> dict[str, Any]:
        arguments = {
            "cluster": "goals",
            "service": "api",
            "target": {"MinCapacity": 1, "MaxCapacity": 4},
            "policies": {"cpu": CPU},
            "scheduled_actions": {"night": NIGHT},
            **params,
        }
        return run(ecs_autoscaling, capsys, check_mode, **arguments)

    def targets() -> list[Any]:
        found: list[Any] = cloud.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
        return found

    assert module(check_mode=True)["changed"]
    assert targets() == []
    assert module()["updated"] == ["scalable target", "scaling policy cpu", "scheduled action night"]
    assert not module()["changed"]
    wider = {"MinCapacity": 1, "MaxCapacity": 8}
    assert module(target=wider)["updated"] == ["scalable target"]
    assert not module(target=wider)["changed"]
    assert module()["updated"] == ["scalable target"]
    other = {**NIGHT, "Timezone": "Europe/Berlin"}
    assert module(scheduled_actions={"night": other})["updated"] == ["scheduled action night"]
    assert not module(scheduled_actions={"night": other})["changed"]
    assert module(policies={}, scheduled_actions={})["updated"] == [
        "scaling policy cpu",
        "scheduled action night",
    ]
    requests = {
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 500,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"},
        },
    }
    assert "cannot scale by requests" in module(policies={"requests": requests})["msg"]
    assert module(check_mode=True, policies={"requests": requests})["changed"]
    assert "is missing" in module(target={"MinCapacity": 1})["msg"]
    assert module(state="absent", check_mode=True)["changed"]
    assert module(state="absent")["changed"]
    assert not module(state="absent")["changed"]
    assert "cannot be made present" in module(service="none")["msg"]


def test_several_services_are_read_by_one_request(cloud: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def module(each: Any, **params: Any) -> dict[str, Any]:
        return run(ecs_autoscaling, capsys, cluster="goals", each=each, **params)

    scaling = {"target": {"MinCapacity": 1, "MaxCapacity": 4}, "policies": {"cpu": CPU}}
    made = module({"api": scaling, "none": scaling})
    assert [bool(result.get("failed")) for result in made["results"]] == [False, True]
    assert made["msg"].startswith("none: The scaling of service none cannot be made present")
    assert not module({"api": scaling})["changed"]
    assert [result["changed"] for result in module(["web", "api"], state="absent")["results"]] == [
        False,
        True,
    ]
    assert not module(["web", "api"], state="absent")["changed"]


def test_fifty_are_asked_for_at_once() -> None:
    aws = Aws()
    names = ["api", *(f"s{number}" for number in range(60))]
    assert registered(aws, "goals", names) == {}
    go(aws)
    aws.calls.clear()
    assert list(registered(aws, "arn:aws:ecs:eu-central-1:123456789012:cluster/goals", names)) == ["api"]
    assert [len(params["ResourceIds"]) for _, params in aws.calls] == [50, 11]
