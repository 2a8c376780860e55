"""Attributes of instances that can be changed later."""

from collections.abc import Callable
from typing import Any

from ministack.services import ec2

from lab.conformance.around import (
    LAUNCH_REQUEST,
    Parameters,
    Record,
    Response,
    around,
    flag,
    numbered,
    remember_launch_requests,
)
from lab.settings import Settings


def instance_attributes_can_be_modified(_settings: Settings) -> None:
    """An instance's type (while stopped), groups and termination protection can be modified."""
    remember_launch_requests()

    @around(ec2, "_launch_instances_internal")
    def protected(original: Callable[..., list[Record]], *args: Any, **named: Any) -> list[Record]:
        created = original(*args, **named)
        for instance in created:
            instance["DisableApiTermination"] = flag(ec2._p(LAUNCH_REQUEST.get(), "DisableApiTermination"))
        return created

    ec2._ACTION_MAP["ModifyInstanceAttribute"] = _modify

    @around(ec2, "_describe_instance_attribute")
    def as_kept(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        name = ec2._p(p, "InstanceId")
        if ec2._p(p, "Attribute") != "disableApiTermination" or name not in ec2._instances:
            return original(p)
        kept = str(bool(ec2._instances[name].get("DisableApiTermination"))).lower()
        value = f"<disableApiTermination><value>{kept}</value></disableApiTermination>"
        return _answer("DescribeInstanceAttributeResponse", f"<instanceId>{name}</instanceId>{value}")

    @around(ec2, "_terminate_instances")
    def unless_protected(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        for name in numbered(p, "InstanceId"):
            if ec2._instances.get(name, {}).get("DisableApiTermination"):
                return _refusal(
                    "OperationNotPermitted",
                    f"The instance '{name}' may not be terminated. Modify its 'disableApiTermination' "
                    "instance attribute and try again.",
                )
        return original(p)


def _modify(p: Parameters) -> Response:
    name = ec2._p(p, "InstanceId")
    instance = ec2._instances.get(name)
    if instance is None:
        return _refusal("InvalidInstanceID.NotFound", f"The instance ID '{name}' does not exist")
    kind = ec2._p(p, "InstanceType.Value")
    if kind and instance["State"]["Name"] != "stopped":
        return _refusal("IncorrectInstanceState", f"The instance '{name}' is not in the 'stopped' state.")
    if kind:
        instance["InstanceType"] = kind
    groups = numbered(p, "GroupId")
    if groups:
        known = ec2._security_groups
        instance["SecurityGroups"] = [
            {"GroupId": group, "GroupName": known[group]["GroupName"] if group in known else group}
            for group in groups
        ]
    protection = ec2._p(p, "DisableApiTermination.Value")
    if protection:
        instance["DisableApiTermination"] = flag(protection)
    return _answer("ModifyInstanceAttributeResponse", "<return>true</return>")


def _answer(name: str, xml: str) -> Response:
    answer: Response = ec2._xml(200, name, xml)
    return answer


def _refusal(code: str, message: str) -> Response:
    refusal: Response = ec2._error(code, message, 400)
    return refusal
