"""Schedules of a group: one request exactly when something differs, made from the API's own model."""

import copy
from collections.abc import Mapping
from typing import Any

import boto3
import pytest

from plugins.module_utils.aws_shapes import faults
from plugins.module_utils.schedule_group import OWN, ScheduleError, ScheduleGroup, converge, remove
from plugins.modules import schedule_group
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

SHAPE = input_shape("scheduler", "CreateSchedule")
ARN = "arn:aws:scheduler:eu-central-1:123456789012:schedule-group/goals"
NIGHTLY = {
    "ScheduleExpression": "cron(0 3 * * ? *)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {
        "Arn": "arn:aws:ecs:eu-central-1:123456789012:cluster/goals",
        "RoleArn": "arn:aws:iam::123456789012:role/goals-scheduler",
        "EcsParameters": {"TaskDefinitionArn": "arn:aws:ecs:eu-central-1:123456789012:task-definition/api:1"},
        "Input": '{"containerOverrides": []}',
    },
}


def everything() -> dict[str, Any]:
    """A schedule with each field, none at its default."""
    whole = {name: value for name, value in example(SHAPE).items() if name not in OWN}
    vpc = whole["Target"]["EcsParameters"]["NetworkConfiguration"]["awsvpcConfiguration"]
    vpc["AssignPublicIp"] = "ENABLED"
    return whole


def fields() -> list[tuple[Path, tuple[Any, ...]]]:
    return [leaf for leaf in leaves(SHAPE) if leaf[0][0] not in OWN]


def changeable() -> list[Any]:
    return [pytest.param(path, choices, id=dotted(path)) for path, choices in fields() if len(choices) > 1]


def removable() -> list[Any]:
    """Fields, or lists of one plain value, that the API does not require."""
    paths = [path[:-1] if isinstance(path[-1], int) else path for path, _ in fields()]
    return [
        pytest.param(path, id=dotted(path))
        for path in paths
        if not faults({**without(everything(), path), "Name": "x"}, SHAPE)
    ]


def without(value: Any, path: Path) -> Any:
    less = copy.deepcopy(value)
    del at(less, path[:-1])[path[-1]]
    return less


class Scheduler(Double):
    """One group in memory, answered as EventBridge Scheduler does: defaults filled in."""

    service = "scheduler"

    def __init__(self) -> None:
        super().__init__()
        self.group: dict[str, Any] = {}
        self.tagged: list[dict[str, str]] = []
        self.kept: dict[str, dict[str, Any]] = {}
        self.leaving = 0

    def do_get_schedule_group(self, Name: str) -> dict[str, Any]:
        if self.leaving:
            self.leaving -= 1
            return {"Name": Name, "State": "DELETING", "Arn": ARN}
        if not self.group:
            raise refused("ResourceNotFoundException", "GetScheduleGroup")
        return {"Name": Name, "State": "ACTIVE", "Arn": ARN}

    def do_create_schedule_group(self, Name: str, Tags: Any = ()) -> dict[str, Any]:
        self.group, self.tagged = {"Name": Name}, list(Tags)
        return {"ScheduleGroupArn": ARN}

    def do_delete_schedule_group(self, **_params: Any) -> dict[str, Any]:
        self.group, self.kept, self.leaving = {}, {}, 2
        return {}

    def do_list_schedules(self, **_params: Any) -> dict[str, Any]:
        return {"Schedules": [{"Name": name} for name in self.kept]}

    def do_get_schedule(self, Name: str, **_params: Any) -> dict[str, Any]:
        schedule = self.kept[Name]
        target = schedule["Target"]
        retry = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
        return {
            "Arn": ARN,
            "Name": Name,
            "GroupName": "goals",
            "ScheduleExpressionTimezone": "UTC",
            "State": "ENABLED",
            "ActionAfterCompletion": "NONE",
            "CreationDate": 0,
            **schedule,
            "Target": {**target, "RetryPolicy": {**retry, **target.get("RetryPolicy", {})}},
        }

    def do_create_schedule(self, Name: str, **members: Any) -> dict[str, Any]:
        assert self.group
        assert Name not in self.kept
        self.kept[Name] = members
        return {"ScheduleArn": ARN}

    def do_update_schedule(self, Name: str, **members: Any) -> dict[str, Any]:
        assert Name in self.kept
        self.kept[Name] = members
        return {"ScheduleArn": ARN}

    def do_delete_schedule(self, Name: str, **_params: Any) -> dict[str, Any]:
        return {"deleted": self.kept.pop(Name)}

    def do_list_tags_for_resource(self, **_params: Any) -> dict[str, Any]:
        return {"Tags": self.tagged}

    def do_tag_resource(self, Tags: list[dict[str, str]], **_params: Any) -> dict[str, Any]:
        names = {tag["Key"] for tag in Tags}
        self.tagged = [*(tag for tag in self.tagged if tag["Key"] not in names), *Tags]
        return {}

    def do_untag_resource(self, TagKeys: list[str], **_params: Any) -> dict[str, Any]:
        self.tagged = [tag for tag in self.tagged if tag["Key"] not in TagKeys]
        return {}

    def asked(self) -> list[str]:
        return [name for name, _params in self.writes()]


def group_of(scheduler: Scheduler, timeout: float = 60) -> ScheduleGroup:
    return ScheduleGroup(scheduler, "goals", timeout, lambda _seconds: None)


def go(
    scheduler: Scheduler,
    schedules: Mapping[str, Any],
    tags: Mapping[str, str] | None = None,
    *,
    check_mode: bool = False,
) -> dict[str, Any]:
    return converge(group_of(scheduler), schedules, tags, check_mode=check_mode)


class TestEveryField:
    @pytest.mark.parametrize(("path", "choices"), changeable())
    def test_a_change_of_it_makes_one_update_and_setting_it_back_one_more(
        self, path: Path, choices: tuple[Any, ...]
    ) -> None:
        scheduler, whole = Scheduler(), everything()
        other = changed(whole, path, next(choice for choice in choices if choice != at(whole, path)))
        assert go(scheduler, {"all": whole})["updated"] == ["group", "schedule all"]
        assert not go(scheduler, {"all": whole})["changed"]
        for count, schedule in enumerate((other, whole), start=1):
            told = go(scheduler, {"all": schedule}, check_mode=True)
            assert len(scheduler.writes()) == 1 + count
            assert go(scheduler, {"all": schedule}) == told
            assert told["updated"] == ["schedule all"]
            assert scheduler.asked()[2:] == ["update_schedule"] * count
            assert not go(scheduler, {"all": schedule})["changed"]

    @pytest.mark.parametrize("path", removable())
    def test_left_out_it_returns_to_its_default(self, path: Path) -> None:
        scheduler, whole = Scheduler(), everything()
        go(scheduler, {"all": whole})
        less = without(whole, path)
        assert go(scheduler, {"all": less})["updated"] == ["schedule all"]
        assert not go(scheduler, {"all": less})["changed"]

    def test_order_means_nothing_for_networks_and_capacity(self) -> None:
        group = group_of(Scheduler())
        seen = {
            str(path[-1]): group.normalised(value) != group.normalised(turned)
            for path, value, turned in reordered(SHAPE, everything())
        }
        assert not any(seen[name] for name in ("Subnets", "SecurityGroups", "CapacityProviderStrategy"))


class TestPresent:
    def test_what_is_surplus_goes(self) -> None:
        scheduler = Scheduler()
        go(scheduler, {"nightly": NIGHTLY, "old": NIGHTLY})
        assert go(scheduler, {"nightly": NIGHTLY})["updated"] == ["schedule old"]
        assert scheduler.asked()[-1] == "delete_schedule"
        assert not go(scheduler, {"nightly": NIGHTLY})["changed"]

    def test_tags_are_given_to_a_new_group_and_mended_on_another(self) -> None:
        scheduler = Scheduler()
        go(scheduler, {}, {"app": "goals", "old": "1"})
        assert scheduler.asked() == ["create_schedule_group"]
        assert not go(scheduler, {})["changed"]
        assert go(scheduler, {}, {"app": "shop"}, check_mode=True)["updated"] == ["tags"]
        assert go(scheduler, {}, {"app": "shop"})["updated"] == ["tags"]
        assert scheduler.tagged == [{"Key": "app", "Value": "shop"}]
        assert not go(scheduler, {}, {"app": "shop"})["changed"]

    def test_a_plan_writes_nothing(self) -> None:
        scheduler = Scheduler()
        result = go(scheduler, {"nightly": NIGHTLY}, {"app": "goals"}, check_mode=True)
        assert result["updated"] == ["group", "schedule nightly"]
        assert result["diff"]["before"] == {}
        assert scheduler.writes() == []

    def test_a_group_that_is_being_deleted_is_awaited_and_made_anew(self) -> None:
        scheduler = Scheduler()
        scheduler.leaving = 3
        assert go(scheduler, {"nightly": NIGHTLY})["updated"] == ["group", "schedule nightly"]
        scheduler.leaving = 3
        with pytest.raises(ScheduleError, match="not gone after -1 s"):
            group_of(scheduler, -1).await_gone()

    def test_every_fault_is_named_at_once_and_nothing_is_asked(self) -> None:
        scheduler = Scheduler()
        with pytest.raises(ScheduleError) as error:
            go(
                scheduler,
                {
                    "a": {**NIGHTLY, "State": "ON"},
                    "b": {**NIGHTLY, "Target": {}},
                    "c": 1,
                    "d": {**NIGHTLY, "Name": "x"},
                },
            )
        for part in (
            "a: Invalid value for parameter State, value: ON",
            'b: Missing required parameter in Target: "RoleArn"',
            "c: expected a mapping",
            "d: Name is not a field",
        ):
            assert part in str(error.value)
        assert scheduler.calls == []


def test_absent_deletes_the_group_and_says_so_once() -> None:
    scheduler = Scheduler()
    assert not remove(group_of(scheduler), check_mode=False)["changed"]
    go(scheduler, {"nightly": NIGHTLY})
    assert remove(group_of(scheduler), check_mode=True)["changed"]
    assert scheduler.group
    assert remove(group_of(scheduler), check_mode=False)["changed"]
    assert scheduler.asked()[-1] == "delete_schedule_group"
    assert not remove(group_of(scheduler), check_mode=False)["changed"]


@pytest.fixture
def cloud(moto: None) -> Any:
    return boto3.client("scheduler", region_name="eu-central-1")


def test_the_whole_module_on_moto(cloud: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def module(check_mode: bool = False, **params: Any) -> dict[str, Any]:
        arguments = {
            "name": "goals",
            "schedules": {"nightly": NIGHTLY},
            "tags": {"app": "goals"},
            **params,
        }
        return run(schedule_group, capsys, check_mode, **arguments)

    assert module(check_mode=True)["changed"]
    assert cloud.list_schedules()["Schedules"] == []
    assert module()["updated"] == ["group", "schedule nightly"]
    assert not module()["changed"]
    other = {**NIGHTLY, "ScheduleExpressionTimezone": "Europe/Berlin", "Description": "at night"}
    assert module(schedules={"nightly": other}, check_mode=True)["updated"] == ["schedule nightly"]
    assert not module()["changed"]
    assert module(schedules={"nightly": other})["updated"] == ["schedule nightly"]
    assert not module(schedules={"nightly": other})["changed"]
    assert module(schedules={}, tags={"app": "shop"})["updated"] == ["tags", "schedule nightly"]
    assert not module(schedules={}, tags={"app": "shop"})["changed"]
    assert "Missing required" in module(schedules={"nightly": {}})["msg"]
    assert module(state="absent", check_mode=True)["changed"]
    assert module(state="absent")["changed"]
    assert not module(state="absent")["changed"]
