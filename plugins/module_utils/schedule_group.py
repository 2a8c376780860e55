"""The schedules of one group: what differs from the description, and the calls that mend it.

Rests on EventBridge Scheduler: CreateScheduleGroup, CreateSchedule, UpdateSchedule, which takes AWS's default
for whatever it is not given, and DeleteSchedule.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from .aws_shapes import Rules, coerced, faults, normal
from .ecs_api import TagChange, from_tags, tag_change, tags_after, to_tags

if TYPE_CHECKING:
    from botocore.model import StructureShape

ECS = "Target.EcsParameters"
RULES = Rules(
    sets={
        f"{ECS}.CapacityProviderStrategy": "capacityProvider",
        f"{ECS}.NetworkConfiguration.awsvpcConfiguration.SecurityGroups": "",
        f"{ECS}.NetworkConfiguration.awsvpcConfiguration.Subnets": "",
    },
    defaults={
        "ActionAfterCompletion": "NONE",
        "Description": "",
        "ScheduleExpressionTimezone": "UTC",
        "State": "ENABLED",
        "Target.RetryPolicy.MaximumEventAgeInSeconds": 86400,
        "Target.RetryPolicy.MaximumRetryAttempts": 185,
        f"{ECS}.CapacityProviderStrategy.base": 0,
        f"{ECS}.CapacityProviderStrategy.weight": 0,
        f"{ECS}.EnableECSManagedTags": False,
        f"{ECS}.EnableExecuteCommand": False,
        f"{ECS}.NetworkConfiguration.awsvpcConfiguration.AssignPublicIp": "DISABLED",
        f"{ECS}.TaskCount": 1,
    },
)
# Members of CreateSchedule that are not the description's.
OWN = ("ClientToken", "GroupName", "Name")

Schedules = Mapping[str, Mapping[str, Any]]


class ScheduleError(Exception):
    """Something that cannot be as it is wanted, worded for the operator."""


class ScheduleGroup:
    """One group.

    :param client: of EventBridge Scheduler
    :param timeout: seconds to wait until a deleted one is gone
    """

    def __init__(
        self, client: Any, name: str, timeout: float, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.client = client
        self.name = name
        self.timeout = timeout
        self.sleep = sleep
        operation = client.meta.service_model.operation_model("CreateSchedule")
        self.shape = cast("StructureShape", operation.input_shape)

    def find(self) -> Mapping[str, Any] | None:
        """The group; None where there is none, or one that is on its way out."""
        try:
            group: Mapping[str, Any] = self.client.get_schedule_group(Name=self.name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return None
        return group

    def schedules(self) -> dict[str, dict[str, Any]]:
        """Its schedules by name, in normal form."""
        pages = self.client.get_paginator("list_schedules").paginate(GroupName=self.name)
        names = sorted(each["Name"] for page in pages for each in page["Schedules"])
        return {
            name: self.normalised(self.client.get_schedule(GroupName=self.name, Name=name)) for name in names
        }

    def tags(self, arn: str) -> dict[str, str]:
        """Its tags."""
        return from_tags(
            [
                {"key": tag["Key"], "value": tag["Value"]}
                for tag in self.client.list_tags_for_resource(ResourceArn=arn)["Tags"]
            ]
        )

    def normalised(self, schedule: Mapping[str, Any]) -> dict[str, Any]:
        """The form of a schedule in which equals are equal."""
        form = normal(coerced(schedule, self.shape), self.shape, RULES)
        return {name: value for name, value in form.items() if name not in OWN}

    def checked(self, given: Schedules) -> dict[str, dict[str, Any]]:
        """Give the schedules in the model's types, or name everything that is wrong with them.

        :raises ScheduleError: with one line for each fault
        """
        found = [
            f"{name}: expected a mapping" for name, each in given.items() if not isinstance(each, Mapping)
        ]
        typed = {name: coerced(each, self.shape) for name, each in given.items() if isinstance(each, Mapping)}
        for name, each in typed.items():
            found += [f"{name}: {own} is not a field of it here" for own in OWN if own in each]
            found += [
                f"{name}: {fault}"
                for fault in faults({**each, "Name": name, "GroupName": self.name}, self.shape)
            ]
        if found:
            lines = "\n".join(f"  {each}" for each in found)
            raise ScheduleError(f"The schedules of group {self.name} are not what AWS takes:\n{lines}")
        return typed

    def create(self, tags: Mapping[str, str]) -> None:
        """Make the group."""
        self.client.create_schedule_group(Name=self.name, **({"Tags": _to_tags(tags)} if tags else {}))

    def put(self, name: str, schedule: Mapping[str, Any], *, new: bool) -> None:
        """Make a schedule, or change one."""
        call = self.client.create_schedule if new else self.client.update_schedule
        call(GroupName=self.name, Name=name, **schedule)

    def remove(self, name: str) -> None:
        """Remove a schedule."""
        self.client.delete_schedule(GroupName=self.name, Name=name)

    def retag(self, arn: str, change: TagChange) -> None:
        """Change the group's tags."""
        if change.put:
            self.client.tag_resource(ResourceArn=arn, Tags=_to_tags(change.put))
        if change.remove:
            self.client.untag_resource(ResourceArn=arn, TagKeys=list(change.remove))

    def delete(self) -> None:
        """Remove the group with its schedules, and wait until it is gone: until then its name is taken.

        :raises ScheduleError: after the timeout
        """
        self.client.delete_schedule_group(Name=self.name)
        self.await_gone()

    def await_gone(self) -> None:
        """Wait until a group that is being deleted is gone.

        :raises ScheduleError: after the timeout
        """
        deadline = time.monotonic() + self.timeout
        while self.find():
            if time.monotonic() > deadline:
                raise ScheduleError(
                    f"Schedule group {self.name} is not gone after {self.timeout:g} s: run again, or give it "
                    "longer (timeout)"
                )
            self.sleep(1)


def _to_tags(tags: Mapping[str, str]) -> list[Any]:
    return [{"Key": tag["key"], "Value": tag["value"]} for tag in to_tags(tags)]


def converge(
    group: ScheduleGroup, given: Schedules, tags: Mapping[str, str] | None, *, check_mode: bool
) -> dict[str, Any]:
    """Make the group as described; give changed, what was written or removed, and the diff.

    :param tags: of the group; None leaves them alone
    """
    typed = group.checked(given)
    wanted = {name: group.normalised(each) for name, each in sorted(typed.items())}
    actual = group.find()
    if actual and actual["State"] == "DELETING":
        if not check_mode:
            group.await_gone()
        actual = None
    are = group.schedules() if actual else {}
    were = group.tags(actual["Arn"]) if actual and tags is not None else {}
    retagged = tag_change(tags, were)
    surplus = [name for name in are if name not in wanted]
    differing = [name for name, each in wanted.items() if each != are.get(name)]
    if not check_mode:
        if actual is None:
            group.create(tags or {})
        else:
            group.retag(actual["Arn"], retagged)
        for name in surplus:
            group.remove(name)
        for name in differing:
            group.put(name, typed[name], new=name not in are)
    updated = [*(["group"] if not actual else []), *(["tags"] if actual and retagged else [])]
    updated += [f"schedule {name}" for name in sorted([*surplus, *differing])]
    after = {"schedules": wanted, **({"tags": tags_after(tags, were)} if tags is not None else {})}
    return {
        "changed": bool(updated),
        "updated": updated,
        "diff": {
            "before": {"schedules": are, **({"tags": were} if were else {})} if actual else {},
            "after": after,
        },
    }


def remove(group: ScheduleGroup, *, check_mode: bool) -> dict[str, Any]:
    """Remove the group with its schedules."""
    actual = group.find()
    if actual is None:
        return {"changed": False}
    before = {"schedules": group.schedules()}
    leaving = actual["State"] == "DELETING"
    if not check_mode:
        if leaving:
            group.await_gone()
        else:
            group.delete()
    return {"changed": not leaving, "diff": {"before": before, "after": {}}}
