"""Autoscaling of an ECS service: what differs from the description, and the calls that mend it.

Rests on Application Auto Scaling: RegisterScalableTarget, PutScalingPolicy, PutScheduledAction, their
Describe and Delete, and the tags of a scalable target. A member that the description leaves out is to have
AWS's default.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from botocore import xform_name
from botocore.exceptions import ClientError

from .aws_shapes import Rules, coerced, faults, normal, restoring
from .ecs_api import EcsError, TagChange, batches, tag_change, tags_after

if TYPE_CHECKING:
    from botocore.model import StructureShape

NAMESPACE = "ecs"
DIMENSION = "ecs:service:DesiredCount"
# DescribeScalableTargets takes at most this many services.
TARGETS_AT_ONCE = 50
# Members of every request that say which service is meant.
PLACE = ("ServiceNamespace", "ResourceId", "ScalableDimension")
REQUESTS_PER_TARGET = "ALBRequestCountPerTarget"
TRACKING = "TargetTrackingScalingPolicyConfiguration"
PREDICTIVE = "PredictiveScalingPolicyConfiguration"
PREDICTIVE_QUERIES = [
    f"{PREDICTIVE}.MetricSpecifications.Customized{each}MetricSpecification.MetricDataQueries"
    for each in ("Scaling", "Load", "Capacity")
]
# A target that was registered just now is not known everywhere at once, and two changes cannot overlap.
PASSING = ("ObjectNotFoundException", "ConcurrentUpdateException")
PAUSES = (1, 2, 4, 8)


@dataclass(frozen=True)
class Kind:
    """What a scalable target has several of, known by name."""

    title: str
    put: str
    delete: str
    describe: str
    answer: str
    name: str
    rules: Rules


POLICY = Kind(
    title="scaling policy",
    put="PutScalingPolicy",
    delete="DeleteScalingPolicy",
    describe="DescribeScalingPolicies",
    answer="ScalingPolicies",
    name="PolicyName",
    rules=Rules(
        sets={
            f"{TRACKING}.CustomizedMetricSpecification.Dimensions": "Name",
            f"{TRACKING}.CustomizedMetricSpecification.Metrics": "Id",
            f"{TRACKING}.CustomizedMetricSpecification.Metrics.MetricStat.Metric.Dimensions": "Name",
            "StepScalingPolicyConfiguration.StepAdjustments": "MetricIntervalLowerBound",
            **dict.fromkeys(PREDICTIVE_QUERIES, "Id"),
            **{f"{each}.MetricStat.Metric.Dimensions": "Name" for each in PREDICTIVE_QUERIES},
        },
        defaults={
            "PolicyType": "StepScaling",
            f"{TRACKING}.DisableScaleIn": False,
            f"{TRACKING}.ScaleInCooldown": 300,
            f"{TRACKING}.ScaleOutCooldown": 300,
            "StepScalingPolicyConfiguration.Cooldown": 300,
            "StepScalingPolicyConfiguration.MetricAggregationType": "Average",
            f"{PREDICTIVE}.MaxCapacityBreachBehavior": "HonorMaxCapacity",
            f"{PREDICTIVE}.Mode": "ForecastOnly",
            f"{PREDICTIVE}.SchedulingBufferTime": 300,
        },
    ),
)
SCHEDULED_ACTION = Kind(
    title="scheduled action",
    put="PutScheduledAction",
    delete="DeleteScheduledAction",
    describe="DescribeScheduledActions",
    answer="ScheduledActions",
    name="ScheduledActionName",
    rules=Rules(sets={}, defaults={"Timezone": "UTC"}),
)
TARGET_RULES = Rules(
    sets={},
    defaults={
        "SuspendedState.DynamicScalingInSuspended": False,
        "SuspendedState.DynamicScalingOutSuspended": False,
        "SuspendedState.ScheduledScalingSuspended": False,
    },
)
# Members of the scalable target that are options of their own, or mean nothing for ECS.
NOT_OF_TARGET = (*PLACE, "RoleARN", "Tags")

Named = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Scaling:
    """How a service scales: members of RegisterScalableTarget, and by name those of policies and actions."""

    target: Mapping[str, Any] = field(default_factory=dict)
    policies: Named = field(default_factory=dict)
    scheduled_actions: Named = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        """Give all of it for a diff; empty where nothing is registered."""
        parts = {
            "target": self.target,
            "policies": self.policies,
            "scheduled_actions": self.scheduled_actions,
        }
        return {name: dict(part) for name, part in parts.items() if part}


@dataclass(frozen=True)
class Shapes:
    """Inputs of the API, by operation."""

    of: Callable[[str], StructureShape]

    def target(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """The form of a scalable target in which equals are equal."""
        shape = self.of("RegisterScalableTarget")
        form = normal(coerced(members, shape), shape, TARGET_RULES)
        return {name: value for name, value in form.items() if name not in NOT_OF_TARGET}

    def item(self, kind: Kind, members: Mapping[str, Any]) -> dict[str, Any]:
        """The form of a policy or scheduled action in which equals are equal."""
        shape = self.of(kind.put)
        form = normal(coerced(members, shape), shape, kind.rules)
        return {name: value for name, value in form.items() if name not in (*PLACE, kind.name)}

    def scaling(self, given: Scaling) -> Scaling:
        """All of it in that form."""
        return Scaling(
            self.target(given.target),
            {name: self.item(POLICY, each) for name, each in sorted(given.policies.items())},
            {
                name: self.item(SCHEDULED_ACTION, each)
                for name, each in sorted(given.scheduled_actions.items())
            },
        )


@dataclass(frozen=True)
class Change:
    """What makes the scaling of a service as described."""

    # Members for RegisterScalableTarget; None where nothing differs.
    target: Mapping[str, Any] | None
    # For each kind what to delete, then what to put.
    delete: Mapping[str, tuple[str, ...]]
    put: Mapping[str, Named]
    after: Scaling

    def named(self) -> list[str]:
        """What is written or removed, in words."""
        found = ["scalable target"] if self.target is not None else []
        for kind in (POLICY, SCHEDULED_ACTION):
            touched = sorted({*self.delete[kind.title], *self.put[kind.title]})
            found += [f"{kind.title} {name}" for name in touched]
        return found


def checked(service: str, given: Scaling, shapes: Shapes) -> Scaling:
    """Give the description in the model's types, or name everything that is wrong with it.

    :raises EcsError: with one line for each fault
    """
    place = {
        "ServiceNamespace": NAMESPACE,
        "ResourceId": f"service/x/{service}",
        "ScalableDimension": DIMENSION,
    }
    shape = shapes.of("RegisterScalableTarget")
    target = coerced(given.target, shape)
    found = [f"target: {name} is not a member of it here" for name in NOT_OF_TARGET if name in target]
    found += [
        f"target: {name} is missing" for name in ("MinCapacity", "MaxCapacity") if target.get(name) is None
    ]
    found += [f"target: {fault}" for fault in faults({**target, **place}, shape)]
    if not found and target["MinCapacity"] > target["MaxCapacity"]:
        found.append(
            f"target: MinCapacity {target['MinCapacity']} is more than MaxCapacity {target['MaxCapacity']}"
        )
    typed: dict[str, dict[str, Any]] = {}
    for kind, items in ((POLICY, given.policies), (SCHEDULED_ACTION, given.scheduled_actions)):
        shape = shapes.of(kind.put)
        wrong = [name for name, members in items.items() if not isinstance(members, Mapping)]
        found += [f"{kind.title} {name}: expected a mapping of its fields" for name in wrong]
        typed[kind.title] = {
            str(name): coerced(members, shape) for name, members in items.items() if name not in wrong
        }
        for name, members in typed[kind.title].items():
            own = {**place, kind.name: name}
            found += [
                f"{kind.title} {name}: {each} is not a member of it here" for each in own if each in members
            ]
            found += [f"{kind.title} {name}: {fault}" for fault in faults({**members, **own}, shape)]
    found += [
        f"scheduled action {name}: Schedule is missing"
        for name, members in typed[SCHEDULED_ACTION.title].items()
        if not members.get("Schedule")
    ]
    if found:
        raise EcsError(
            f"The scaling of service {service} is not what AWS takes:\n"
            + "\n".join(f"  {each}" for each in found)
        )
    return Scaling(target, typed[POLICY.title], typed[SCHEDULED_ACTION.title])


def without_past(given: Scaling, now: datetime) -> Scaling:
    """Leave out the scheduled actions whose time is over, which AWS refuses and forgets."""
    left = {name: each for name, each in given.scheduled_actions.items() if not _over(each, now)}
    return Scaling(given.target, given.policies, left)


def _over(action: Mapping[str, Any], now: datetime) -> bool:
    once = re.fullmatch(r"at\((.+)\)", action["Schedule"])
    ends = [action["EndTime"]] if "EndTime" in action else []
    if once:
        zone = ZoneInfo(action.get("Timezone", "UTC"))
        ends.append(datetime.fromisoformat(once[1]).replace(tzinfo=zone))
    return any(end < now for end in ends)


def compare(wanted: Scaling, actual: Scaling, shapes: Shapes) -> Change:
    """What differs.

    Bounds that a scheduled action sets are as right as those of the target: the action has run.

    :param wanted: as :func:`checked` gives it
    :param actual: as :meth:`Autoscaling.find` gives it
    """
    form = shapes.scaling(wanted)
    target = _reached(form, actual.target)
    sent: Mapping[str, Any] | None = None
    if target != actual.target:
        shape = shapes.of("RegisterScalableTarget")
        sent = restoring(target, actual.target, shape, TARGET_RULES.defaults)
    delete: dict[str, tuple[str, ...]] = {}
    put: dict[str, Named] = {}
    for kind, are, were in (
        (POLICY, form.policies, actual.policies),
        (SCHEDULED_ACTION, form.scheduled_actions, actual.scheduled_actions),
    ):
        requests = {
            name: restoring(each, were.get(name, {}), shapes.of(kind.put), kind.rules.defaults)
            for name, each in are.items()
            if each != were.get(name)
        }
        put[kind.title] = requests
        delete[kind.title] = tuple(
            name
            for name in were
            if name not in are or (name in requests and not _covers(requests[name], were[name]))
        )
    return Change(sent, delete, put, Scaling(target, form.policies, form.scheduled_actions))


def _reached(form: Scaling, actual: Mapping[str, Any]) -> Mapping[str, Any]:
    """The target as wanted, with the bounds of the actual one where scheduled actions set them."""
    bounds = {}
    for name in ("MinCapacity", "MaxCapacity"):
        set_by_actions = [
            each.get("ScalableTargetAction", {}).get(name) for each in form.scheduled_actions.values()
        ]
        if actual.get(name) not in (form.target[name], *filter(_given, set_by_actions)):
            return form.target
        bounds[name] = actual[name]
    return {**form.target, **bounds}


def _given(value: int | None) -> bool:
    return value is not None


def _covers(request: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Tell whether a request names every member that AWS has, as one that it does not name may stay."""
    return all(
        name in request and (not isinstance(value, Mapping) or _covers(request[name], value))
        for name, value in known.items()
    )


def labelled(given: Scaling, label: Callable[[], str]) -> Scaling:
    """Give policies of requests per target the label of their target group where they have none."""
    policies = dict(given.policies)
    for name, policy in given.policies.items():
        tracking = policy.get(TRACKING, {})
        metric = tracking.get("PredefinedMetricSpecification", {})
        if metric.get("PredefinedMetricType") == REQUESTS_PER_TARGET and not metric.get("ResourceLabel"):
            metric = {**metric, "ResourceLabel": label()}
            policies[name] = {**policy, TRACKING: {**tracking, "PredefinedMetricSpecification": metric}}
    return Scaling(given.target, policies, given.scheduled_actions)


def resource_label(load_balancer: str, target_group: str) -> str:
    """The label of the requests that a load balancer sends to a target group, by their ARNs.

    >>> resource_label("arn:aws:elb:r:1:loadbalancer/app/goals/50dc", "arn:aws:elb:r:1:targetgroup/api/6d0e")
    'app/goals/50dc/targetgroup/api/6d0e'
    """
    return f"{load_balancer.partition(':loadbalancer/')[2]}/{target_group.rpartition(':')[2]}"


def _resource(cluster: str, service: str) -> str:
    return f"service/{cluster.rpartition('/')[2]}/{service}"


def registered(client: Any, cluster: str, services: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The scalable targets of services by their names; without those that do not scale."""
    found = {
        target["ResourceId"]: target
        for some in batches(services, TARGETS_AT_ONCE)
        for target in client.describe_scalable_targets(
            ServiceNamespace=NAMESPACE,
            ResourceIds=[_resource(cluster, name) for name in some],
            ScalableDimension=DIMENSION,
        )["ScalableTargets"]
    }
    places = {name: _resource(cluster, name) for name in services}
    return {name: found[place] for name, place in places.items() if place in found}


class Autoscaling:
    """The scaling of one service.

    :param client: of Application Auto Scaling
    """

    def __init__(
        self,
        client: Any,
        cluster: str,
        service: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self.service = service
        self.place: dict[str, Any] = {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": _resource(cluster, service),
            "ScalableDimension": DIMENSION,
        }
        self.sleep = sleep
        model = client.meta.service_model
        self.shapes = Shapes(lambda name: cast("StructureShape", model.operation_model(name).input_shape))
        self.arn = ""

    def find(self, target: Mapping[str, Any] | None) -> Scaling:
        """What is registered, in normal form; empty where nothing is.

        :param target: what :func:`registered` gives of the service
        """
        if target is None:
            return Scaling()
        self.arn = target.get("ScalableTargetARN", "")
        return self.shapes.scaling(Scaling(target, self._named(POLICY), self._named(SCHEDULED_ACTION)))

    def _named(self, kind: Kind) -> dict[str, Any]:
        pages = self.client.get_paginator(xform_name(kind.describe)).paginate(**self.place)
        return {each[kind.name]: each for page in pages for each in page[kind.answer]}

    def write(self, change: Change, tags: Mapping[str, str]) -> None:
        """Carry out a change.

        :param tags: those of a target that is registered now
        """
        if change.target is not None:
            new = {} if self.arn or not tags else {"Tags": dict(tags)}
            self.arn = self._ask("RegisterScalableTarget", **change.target, **new)["ScalableTargetARN"]
        for kind in (POLICY, SCHEDULED_ACTION):
            for name in change.delete[kind.title]:
                self._ask(kind.delete, **{kind.name: name})
            for name, members in change.put[kind.title].items():
                self._ask(kind.put, **{kind.name: name}, **members)

    def deregister(self) -> None:
        """Remove the scalable target with its policies and scheduled actions; the service keeps its count."""
        self._ask("DeregisterScalableTarget")

    def tags(self) -> dict[str, str]:
        """The tags of the scalable target; none where nothing is registered."""
        if not self.arn:
            return {}
        return dict(self.client.list_tags_for_resource(ResourceARN=self.arn)["Tags"])

    def retag(self, change: TagChange) -> None:
        """Change its tags."""
        if change.put:
            self.client.tag_resource(ResourceARN=self.arn, Tags=dict(change.put))
        if change.remove:
            self.client.untag_resource(ResourceARN=self.arn, TagKeys=list(change.remove))

    def _ask(self, operation: str, **members: Any) -> Any:
        """Call it, again and again for some seconds while AWS is not ready for it."""
        call = getattr(self.client, xform_name(operation))
        for pause in PAUSES:
            try:
                return call(**self.place, **members)
            except ClientError as error:
                if error.response["Error"]["Code"] not in PASSING:
                    raise
            self.sleep(pause)
        return call(**self.place, **members)


def converge(
    scaling: Autoscaling,
    given: Scaling,
    tags: Mapping[str, str] | None,
    label: Callable[[], str],
    target: Mapping[str, Any] | None,
    *,
    check_mode: bool,
) -> dict[str, Any]:
    """Make the scaling as described; give changed, what was updated, the scaling and the diff.

    :param tags: of the scalable target; None leaves them alone
    :param label: gives the resource label of the service's target group; asked only where one is needed
    :param target: what :func:`registered` gives of the service
    """
    typed = checked(scaling.service, given, scaling.shapes)
    wanted = labelled(without_past(typed, datetime.now(timezone.utc)), label)
    actual = scaling.find(target)
    change = compare(wanted, actual, scaling.shapes)
    were = scaling.tags() if tags is not None else {}
    retagged = tag_change(tags, were)
    known = bool(scaling.arn)
    if not check_mode:
        scaling.write(change, tags or {})
        if known:
            scaling.retag(retagged)
    updated = change.named() + (["tags"] if known and retagged else [])
    return {
        "changed": bool(updated),
        "updated": updated,
        "scaling": change.after.shown(),
        "diff": {
            "before": {**actual.shown(), **({"tags": were} if known and tags is not None else {})},
            "after": {**change.after.shown(), **({} if tags is None else {"tags": tags_after(tags, were)})},
        },
    }


def remove(scaling: Autoscaling, target: Mapping[str, Any] | None, *, check_mode: bool) -> dict[str, Any]:
    """Deregister it."""
    actual = scaling.find(target)
    if target and not check_mode:
        scaling.deregister()
    return {"changed": bool(target), "diff": {"before": actual.shown(), "after": {}}}
