"""Application Auto Scaling, of which MiniStack has nothing: what is registered, not the scaling itself."""

import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from ministack import app
from ministack.core.persistence import load_state
from ministack.core.responses import get_account_id, get_region
from ministack.services import ecs

from lab.conformance.around import Parameters, Record, Response, around
from lab.settings import Settings

TARGET = "AnyScaleFrontendService."
STATE = "application-autoscaling"
PLACE = ("ServiceNamespace", "ResourceId", "ScalableDimension")

# By account, region and kind ("targets", "policies", "actions", "tags").
_kept: dict[str, Any] = {}


class Refusal(Exception):
    """An error of the API: its code and its text."""


def scalable_targets_are_registered(_settings: Settings) -> None:
    """Scalable targets, policies and scheduled actions are kept; services are brought within bounds."""
    _kept.update(load_state(STATE) or {})

    @around(app, "_dispatch_service_request")
    async def dispatched(
        original: Callable[..., Awaitable[Response]],
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        *more: Any,
    ) -> Response:
        action = headers.get("x-amz-target", "")
        if not action.startswith(TARGET):
            return await original(method, path, headers, body, *more)
        try:
            handler = ACTIONS.get(action.removeprefix(TARGET))
            if handler is None:
                raise Refusal("UnknownOperationException", f"The lab has no {action.removeprefix(TARGET)}.")
            return 200, _type(), json.dumps(handler(json.loads(body or b"{}"))).encode()
        except Refusal as refusal:
            code, text = refusal.args
            return 400, _type(), json.dumps({"__type": code, "Message": text, "message": text}).encode()

    @around(app, "_build_persistence_save_dict")
    def with_targets(original: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        return {**original(), STATE: lambda: json.loads(json.dumps(_kept))}


def _type() -> dict[str, str]:
    return {"Content-Type": "application/x-amz-json-1.1"}


def _of(kind: str) -> dict[str, Record]:
    found: dict[str, Record] = _kept.setdefault(f"{get_account_id()} {get_region()} {kind}", {})
    return found


def _place(data: Parameters) -> str:
    return " ".join(str(data.get(each, "")) for each in PLACE)


def _arn(kind: str) -> str:
    return f"arn:aws:application-autoscaling:{get_region()}:{get_account_id()}:{kind}"


def _target_of(data: Parameters) -> Record:
    found = _of("targets").get(_place(data))
    if found is None:
        raise Refusal(
            "ObjectNotFoundException",
            f"No scalable target registered for service namespace: {data.get('ServiceNamespace')}, "
            f"resource ID: {data.get('ResourceId')}, scalable dimension: {data.get('ScalableDimension')}",
        )
    return found


def _register(data: Parameters) -> Record:
    target = _of("targets").get(_place(data))
    if target is None:
        missing = [name for name in ("MinCapacity", "MaxCapacity") if name not in data]
        if missing:
            raise Refusal("ValidationException", f"{' and '.join(missing)} must be given for a new target")
        _kind, cluster, service = f"{data['ResourceId']}//".split("/")[:3]
        if data["ServiceNamespace"] == "ecs" and f"{cluster}/{service}" not in ecs._services:
            raise Refusal("ValidationException", f"ECS service doesn't exist: {data['ResourceId']}")
        role = "ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"
        target = {
            **{name: data[name] for name in PLACE},
            "RoleARN": f"arn:aws:iam::{get_account_id()}:role/aws-service-role/{role}",
            "CreationTime": time.time(),
            "SuspendedState": dict.fromkeys(
                ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"),
                False,
            ),
            "ScalableTargetARN": _arn(f"scalable-target/{uuid.uuid4().hex}"),
        }
    changed: Record = dict(target)
    changed |= {name: data[name] for name in ("MinCapacity", "MaxCapacity") if name in data}
    changed["SuspendedState"] = {**target["SuspendedState"], **data.get("SuspendedState", {})}
    if changed["MinCapacity"] > changed["MaxCapacity"]:
        raise Refusal("ValidationException", "Maximum capacity cannot be less than minimum capacity")
    _of("targets")[_place(data)] = changed
    _bring_within(changed)
    if data.get("Tags"):
        _of("tags").setdefault(changed["ScalableTargetARN"], {}).update(data["Tags"])
    return {"ScalableTargetARN": changed["ScalableTargetARN"]}


def _bring_within(target: Record) -> None:
    """Give the service the count within the bounds that is nearest to its own."""
    _kind, cluster, name = target["ResourceId"].split("/")
    count = ecs._services[f"{cluster}/{name}"]["desiredCount"]
    nearest = min(max(count, target["MinCapacity"]), target["MaxCapacity"])
    if nearest != count:
        ecs._update_service({"cluster": cluster, "service": name, "desiredCount": nearest})


def _deregister(data: Parameters) -> Record:
    target = _target_of(data)
    del _of("targets")[_place(data)]
    _of("tags").pop(target["ScalableTargetARN"], None)
    for kind in ("policies", "actions"):
        for key in [key for key, each in _of(kind).items() if _place(each) == _place(data)]:
            del _of(kind)[key]
    return {}


def _describe(kind: str, answer: str, names: str, field: str) -> Callable[[Parameters], Record]:
    def describe(data: Parameters) -> Record:
        filters = {each: data[each] for each in PLACE if data.get(each)}
        wanted = data.get(names) or []
        if isinstance(wanted, str):
            wanted = [wanted]
        return {
            answer: [
                each
                for each in _of(kind).values()
                if all(each[name] == value for name, value in filters.items())
                and (not wanted or each[field] in wanted)
            ]
        }

    return describe


def _put_policy(data: Parameters) -> Record:
    _target_of(data)
    key = f"{_place(data)} {data['PolicyName']}"
    before = _of("policies").get(key, {})
    path = f"resource/{data['ServiceNamespace']}/{data['ResourceId']}:policyName/{data['PolicyName']}"
    kind = data.get("PolicyType") or before.get("PolicyType") or "StepScaling"
    alarms = before.get("Alarms", [])
    if kind == "TargetTrackingScaling" and not alarms:
        for side in ("High", "Low"):
            name = f"TargetTracking-{data['ResourceId']}-Alarm{side}-{uuid.uuid4()}"
            arn = f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:{name}"
            alarms.append({"AlarmName": name, "AlarmARN": arn})
    policy = {
        **before,
        "PolicyARN": before.get("PolicyARN")
        or _arn(f"scalingPolicy:{uuid.uuid4()}:{path}").replace("application-autoscaling", "autoscaling"),
        "CreationTime": before.get("CreationTime") or time.time(),
        **{name: value for name, value in data.items() if name.endswith("Configuration")},
        **{name: data[name] for name in (*PLACE, "PolicyName")},
        "PolicyType": kind,
        "Alarms": alarms,
    }
    _of("policies")[key] = policy
    return {"PolicyARN": policy["PolicyARN"], "Alarms": alarms}


def _delete(kind: str, field: str) -> Callable[[Parameters], Record]:
    def delete(data: Parameters) -> Record:
        key = f"{_place(data)} {data[field]}"
        if key not in _of(kind):
            raise Refusal("ObjectNotFoundException", f"No {field} found: {data[field]}")
        del _of(kind)[key]
        return {}

    return delete


def _put_action(data: Parameters) -> Record:
    _target_of(data)
    key = f"{_place(data)} {data['ScheduledActionName']}"
    before = _of("actions").get(key, {})
    resource = f"resource/{data['ServiceNamespace']}/{data['ResourceId']}"
    path = f"{resource}:scheduledActionName/{data['ScheduledActionName']}"
    made = {
        "ScheduledActionARN": _arn(f"scheduledAction:{uuid.uuid4()}:{path}").replace(
            "application-autoscaling", "autoscaling"
        ),
        "CreationTime": time.time(),
    }
    _of("actions")[key] = {**made, **before, **data}
    return {}


def _tag(data: Parameters) -> Record:
    _of("tags").setdefault(_tagged(data), {}).update(data["Tags"])
    return {}


def _untag(data: Parameters) -> Record:
    tags = _of("tags").get(_tagged(data), {})
    for key in data["TagKeys"]:
        tags.pop(key, None)
    return {}


def _list_tags(data: Parameters) -> Record:
    return {"Tags": _of("tags").get(_tagged(data), {})}


def _tagged(data: Parameters) -> str:
    arn = str(data["ResourceARN"])
    if arn not in {each["ScalableTargetARN"] for each in _of("targets").values()}:
        raise Refusal("ResourceNotFoundException", f"The resource {arn} does not exist")
    return arn


ACTIONS: dict[str, Callable[[Parameters], Record]] = {
    "RegisterScalableTarget": _register,
    "DeregisterScalableTarget": _deregister,
    "DescribeScalableTargets": _describe("targets", "ScalableTargets", "ResourceIds", "ResourceId"),
    "PutScalingPolicy": _put_policy,
    "DescribeScalingPolicies": _describe("policies", "ScalingPolicies", "PolicyNames", "PolicyName"),
    "DeleteScalingPolicy": _delete("policies", "PolicyName"),
    "PutScheduledAction": _put_action,
    "DescribeScheduledActions": _describe(
        "actions", "ScheduledActions", "ScheduledActionNames", "ScheduledActionName"
    ),
    "DeleteScheduledAction": _delete("actions", "ScheduledActionName"),
    "TagResource": _tag,
    "UntagResource": _untag,
    "ListTagsForResource": _list_tags,
}
