"""The target groups of an environment: what they should be, what they are, the calls that make them equal.

The comparison is pure; :class:`TargetGroups` talks to Elastic Load Balancing v2 through a boto3 client.
Groups are ours when they carry our tags. Two faults of community.aws.elb_target_group are why this exists: it
has no check mode, and by default it deregisters targets that somebody else (an ECS service) registered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client

# DescribeTags takes at most this many ARNs.
TAGS_AT_ONCE = 20
HEALTH_CHECK = {
    "path": "HealthCheckPath",
    "interval": "HealthCheckIntervalSeconds",
    "timeout": "HealthCheckTimeoutSeconds",
    "healthy_threshold": "HealthyThresholdCount",
    "unhealthy_threshold": "UnhealthyThresholdCount",
}
IMMUTABLE = ("target_type", "protocol", "port")


class TargetGroupError(Exception):
    """Something that cannot be made as it is wanted, worded for the operator."""


@dataclass(frozen=True)
class TargetGroup:
    """One target group, as wanted or as it is."""

    name: str
    target_type: str
    protocol: str
    port: int
    health_check: Mapping[str, Any]
    # HTTP codes that count as healthy.
    matcher: str
    attributes: Mapping[str, str]
    tags: Mapping[str, str]
    # Ids registered on the group's port. None: somebody else's business, an ECS service's for instance.
    targets: tuple[str, ...] | None = None
    arn: str = field(default="", compare=False)
    # ARNs of those whose rules lead to it.
    load_balancers: tuple[str, ...] = field(default=(), compare=False)

    def shown(self) -> dict[str, Any]:
        """The group as a diff shows it."""
        values = asdict(self)
        del values["arn"], values["load_balancers"]
        values["targets"] = None if self.targets is None else list(self.targets)
        return values


@dataclass(frozen=True)
class Change:
    """What makes one existing group equal to the one wanted; empty parts need no call."""

    settings: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    register: tuple[str, ...] = ()
    deregister: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there is anything to do."""
        return self != Change()


def compare(wanted: TargetGroup, actual: TargetGroup) -> Change:
    """What differs. Attributes and tags that are not named stay as they are."""
    fixed = [name for name in IMMUTABLE if getattr(wanted, name) != getattr(actual, name)]
    if fixed:
        was = ", ".join(f"{name} {getattr(actual, name)} (wanted: {getattr(wanted, name)})" for name in fixed)
        raise TargetGroupError(
            f"target group {wanted.name} has {was}, which AWS never changes: rename the service, or remove "
            "its route, deploy, and add it again"
        )
    before, after = set(actual.targets or ()), set(wanted.targets or ())
    managed = wanted.targets is not None
    return Change(
        settings=dict(wanted.health_check) != dict(actual.health_check) or wanted.matcher != actual.matcher,
        attributes=_additions(wanted.attributes, actual.attributes),
        tags=_additions(wanted.tags, actual.tags),
        register=tuple(sorted(after - before)),
        deregister=tuple(sorted(before - after)) if managed else (),
    )


def merged(wanted: TargetGroup, actual: TargetGroup) -> TargetGroup:
    """The group after the change: as wanted, with what is left alone as it is."""
    return TargetGroup(
        **{
            **_fields(wanted),
            "attributes": {**actual.attributes, **wanted.attributes},
            "tags": {**actual.tags, **wanted.tags},
            "targets": actual.targets if wanted.targets is None else wanted.targets,
            "arn": actual.arn,
        }
    )


def registered(descriptions: Iterable[Mapping[str, Any]], port: int) -> tuple[str, ...]:
    """Ids of the targets on the group's port, but for those that drain, from DescribeTargetHealth."""
    return tuple(
        sorted(
            entry["Target"]["Id"]
            for entry in descriptions
            if entry["Target"].get("Port", port) == port and not _leaving(entry["TargetHealth"])
        )
    )


def _leaving(health: Mapping[str, Any]) -> bool:
    return health["State"] == "draining" or health.get("Reason") == "Target.NotRegistered"


def _additions(wanted: Mapping[str, str], actual: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in wanted.items() if actual.get(key) != value}


def _pairs(values: Mapping[str, str]) -> list[Any]:
    return [{"Key": key, "Value": value} for key, value in sorted(values.items())]


def _fields(group: TargetGroup) -> dict[str, Any]:
    return {name: getattr(group, name) for name in TargetGroup.__dataclass_fields__}


class TargetGroups:
    """The target groups of one environment.

    :param vpc_id: the VPC they are in; None looks in every one, and makes nothing
    :param ours: tags that tell our groups from others
    :param targeted: whether it is asked which targets they have
    """

    def __init__(
        self,
        client: ElasticLoadBalancingv2Client,
        vpc_id: str | None,
        ours: Mapping[str, str],
        sleep: Callable[[float], None] = time.sleep,
        *,
        targeted: bool = True,
    ) -> None:
        self.client = client
        self.vpc_id = vpc_id
        self.ours = ours
        self.sleep = sleep
        self.targeted = targeted

    def find(self, wanted: Sequence[str] = ()) -> dict[str, TargetGroup]:
        """Our groups by name. Names are unique in a region: a wanted one that is not ours is an error."""
        pages = self.client.get_paginator("describe_target_groups").paginate()
        everything = [group for page in pages for group in page["TargetGroups"]]
        here = [group for group in everything if self.vpc_id in (None, group.get("VpcId"))]
        tags = self._tags([group["TargetGroupArn"] for group in here])
        ours = [group for group in here if self.ours.items() <= tags[group["TargetGroupArn"]].items()]
        names = {group["TargetGroupName"] for group in ours}
        foreign = [group for group in everything if group["TargetGroupName"] in set(wanted) - names]
        if foreign:
            described = ", ".join(f"{group['TargetGroupName']} in {group.get('VpcId')}" for group in foreign)
            raise TargetGroupError(
                f"target group {described} exists and is not ours: expected VPC {self.vpc_id} and the tags "
                f"{dict(self.ours)}; delete it, or choose another app_name or app_environment"
            )
        return {
            group["TargetGroupName"]: self._describe(group, tags[group["TargetGroupArn"]]) for group in ours
        }

    def create(self, group: TargetGroup) -> str:
        """Make a group with everything in it; its ARN."""
        if self.vpc_id is None:
            raise TargetGroupError(f"target group {group.name} needs a VPC to be made in: expected vpc_id")
        answer = self.client.create_target_group(
            Name=group.name,
            Protocol=group.protocol,  # type: ignore[arg-type]
            Port=group.port,
            VpcId=self.vpc_id,
            TargetType=group.target_type,  # type: ignore[arg-type]
            Tags=_pairs(group.tags),
            **self._health_check(group),
        )
        arn = answer["TargetGroups"][0]["TargetGroupArn"]
        self.update(group, arn, Change(attributes=group.attributes, register=group.targets or ()))
        return arn

    def update(self, group: TargetGroup, arn: str, change: Change) -> None:
        """Carry out a change. Targets come in before others go out."""
        if change.settings:
            self.client.modify_target_group(TargetGroupArn=arn, **self._health_check(group))
        if change.attributes:
            attributes = _pairs(change.attributes)
            self.client.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes)
        if change.tags:
            self.client.add_tags(ResourceArns=[arn], Tags=_pairs(change.tags))
        if change.register:
            self.client.register_targets(TargetGroupArn=arn, Targets=self._targets(group, change.register))
        if change.deregister:
            self.client.deregister_targets(
                TargetGroupArn=arn, Targets=self._targets(group, change.deregister)
            )

    def await_drained(self, arn: str, targets: Iterable[str], port: int, timeout: float) -> None:
        """Wait until targets that were taken out have finished their requests."""
        waiting = set(targets)
        deadline = time.monotonic() + timeout
        while waiting:
            answer = self.client.describe_target_health(TargetGroupArn=arn)
            waiting &= {
                entry["Target"]["Id"]
                for entry in answer["TargetHealthDescriptions"]
                if entry["Target"].get("Port", port) == port and entry["TargetHealth"]["State"] != "unused"
            }
            if waiting and time.monotonic() > deadline:
                raise TargetGroupError(
                    f"{', '.join(sorted(waiting))} still drains from {arn} after {timeout:g} s: requests are "
                    "in flight. Run again, or give it longer (drain_timeout, which must exceed the group's "
                    "deregistration delay)"
                )
            if waiting:
                self.sleep(1)

    def delete(self, arn: str) -> None:
        """Remove a group; one that a listener still uses is refused by AWS (ResourceInUse)."""
        self.client.delete_target_group(TargetGroupArn=arn)

    def _describe(self, group: Mapping[str, Any], tags: Mapping[str, str]) -> TargetGroup:
        arn = group["TargetGroupArn"]
        attributes = self.client.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        return TargetGroup(
            name=group["TargetGroupName"],
            target_type=group["TargetType"],
            protocol=group["Protocol"],
            port=group["Port"],
            health_check={key: group.get(name) for key, name in HEALTH_CHECK.items()},
            matcher=group.get("Matcher", {}).get("HttpCode", ""),
            attributes={entry["Key"]: entry["Value"] for entry in attributes},
            tags=tags,
            targets=self._registered(arn, group["Port"]) if self.targeted else None,
            arn=arn,
            load_balancers=tuple(group.get("LoadBalancerArns", ())),
        )

    def _registered(self, arn: str, port: int) -> tuple[str, ...]:
        answer = self.client.describe_target_health(TargetGroupArn=arn)
        return registered(answer["TargetHealthDescriptions"], port)

    def _tags(self, arns: Sequence[str]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {arn: {} for arn in arns}
        for start in range(0, len(arns), TAGS_AT_ONCE):
            answer = self.client.describe_tags(ResourceArns=arns[start : start + TAGS_AT_ONCE])
            for entry in answer["TagDescriptions"]:
                found[entry["ResourceArn"]] = {tag["Key"]: tag["Value"] for tag in entry["Tags"]}
        return found

    @staticmethod
    def _health_check(group: TargetGroup) -> dict[str, Any]:
        settings = {name: group.health_check[key] for key, name in HEALTH_CHECK.items()}
        return {**settings, "Matcher": {"HttpCode": group.matcher}}

    @staticmethod
    def _targets(group: TargetGroup, ids: Iterable[str]) -> list[Any]:
        return [{"Id": target, "Port": group.port} for target in ids]
