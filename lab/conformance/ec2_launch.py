"""RunInstances: what it is asked for is what the instance has."""

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

METADATA_DEFAULTS = {
    "HttpTokens": "optional",
    "HttpPutResponseHopLimit": "1",
    "HttpEndpoint": "enabled",
    "HttpProtocolIpv6": "disabled",
    "InstanceMetadataTags": "disabled",
}


def run_instances_places_by_network_interface(_settings: Settings) -> None:
    """RunInstances takes subnet and groups from a network interface too, and the zone from the subnet."""

    @around(ec2, "_run_instances")
    def placed(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        asked = dict(p)
        subnet = ec2._p(p, "SubnetId") or ec2._p(p, "NetworkInterface.1.SubnetId")
        if subnet and subnet not in ec2._subnets:
            message = f"The subnet ID '{subnet}' does not exist"
            refusal: Response = ec2._error("InvalidSubnetID.NotFound", message, 400)
            return refusal
        if subnet:
            asked["SubnetId"] = subnet
        for number, group in enumerate(numbered(p, "NetworkInterface.1.SecurityGroupId"), 1):
            asked[f"SecurityGroupId.{number}"] = group
        return original(asked)

    @around(ec2, "_launch_instances_internal")
    def in_the_zone_of_the_subnet(
        original: Callable[..., list[Record]], *args: Any, **named: Any
    ) -> list[Record]:
        created = original(*args, **named)
        for instance in created:
            subnet = ec2._subnets.get(instance["SubnetId"])
            if subnet:
                instance["Placement"]["AvailabilityZone"] = subnet["AvailabilityZone"]
                for mapping in instance["BlockDeviceMappings"]:
                    ec2._volumes[mapping["Ebs"]["VolumeId"]]["AvailabilityZone"] = subnet["AvailabilityZone"]
        return created


def run_instances_launches_up_to_max_count(_settings: Settings) -> None:
    """RunInstances launches as many instances as MaxCount says where there is room, not MinCount."""

    @around(ec2, "_run_instances")
    def up_to_max(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        most = ec2._p(p, "MaxCount") or "1"
        least = ec2._p(p, "MinCount") or "1"
        return original({**p, "MinCount": most if int(least) <= int(most) else least})


def instances_have_metadata_options(_settings: Settings) -> None:
    """An instance has the metadata options that it was launched with; they can be modified."""
    remember_launch_requests()

    @around(ec2, "_launch_instances_internal")
    def with_options(original: Callable[..., list[Record]], *args: Any, **named: Any) -> list[Record]:
        created = original(*args, **named)
        for instance in created:
            instance["MetadataOptions"] = dict(METADATA_DEFAULTS)
            _change_options(instance, LAUNCH_REQUEST.get(), "MetadataOptions.")
        return created

    @around(ec2, "_instance_xml")
    def showing_options(original: Callable[[Record], str], instance: Record) -> str:
        return inside_item(original(instance), f"<metadataOptions>{_options_xml(instance)}</metadataOptions>")

    def modify(p: Parameters) -> Response:
        instance = ec2._instances.get(ec2._p(p, "InstanceId"))
        if instance is None:
            message = f"The instance ID '{ec2._p(p, 'InstanceId')}' does not exist"
            missing: Response = ec2._error("InvalidInstanceID.NotFound", message, 400)
            return missing
        _change_options(instance, p, "")
        inner = (
            f"<instanceId>{instance['InstanceId']}</instanceId>"
            f"<instanceMetadataOptions>{_options_xml(instance)}</instanceMetadataOptions>"
        )
        changed: Response = ec2._xml(200, "ModifyInstanceMetadataOptionsResponse", inner)
        return changed

    ec2._ACTION_MAP["ModifyInstanceMetadataOptions"] = modify


def _change_options(instance: Record, p: Parameters, prefix: str) -> None:
    for name in METADATA_DEFAULTS:
        value = ec2._p(p, f"{prefix}{name}")
        if value:
            instance["MetadataOptions"][name] = value


def _options_xml(instance: Record) -> str:
    options = instance.get("MetadataOptions", METADATA_DEFAULTS)
    return "<state>applied</state>" + "".join(
        f"<{name[0].lower()}{name[1:]}>{value}</{name[0].lower()}{name[1:]}>"
        for name, value in options.items()
    )


def instances_have_the_block_devices_asked_for(_settings: Settings) -> None:
    """A volume has the size, type and encryption that RunInstances asked for and goes with its instance."""
    remember_launch_requests()

    @around(ec2, "_launch_instances_internal")
    def with_volumes(original: Callable[..., list[Record]], *args: Any, **named: Any) -> list[Record]:
        created = original(*args, **named)
        p = LAUNCH_REQUEST.get()
        number = 1
        while device := ec2._p(p, f"BlockDeviceMapping.{number}.DeviceName"):
            for instance in created:
                _ask_for_volume(instance, device, p, f"BlockDeviceMapping.{number}.Ebs.")
            number += 1
        return created

    @around(ec2, "_terminate_instances")
    def with_its_volumes(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        answer = original(p)
        if answer[0] == 200:
            for name in numbered(p, "InstanceId"):
                for mapping in ec2._instances.get(name, {}).pop("BlockDeviceMappings", []):
                    if mapping["Ebs"]["DeleteOnTermination"]:
                        ec2._volumes.pop(mapping["Ebs"]["VolumeId"], None)
        return answer


def _ask_for_volume(instance: Record, device: str, p: Parameters, prefix: str) -> None:
    root = instance["BlockDeviceMappings"][0]
    if device == root["DeviceName"]:
        mapping = root
    else:
        identifier = ec2._new_volume_id()
        volume = {**ec2._volumes[root["Ebs"]["VolumeId"]], "VolumeId": identifier, "Encrypted": False}
        volume["Attachments"] = [{**volume["Attachments"][0], "VolumeId": identifier, "Device": device}]
        ec2._volumes[identifier] = volume
        mapping = {"DeviceName": device, "Ebs": {**root["Ebs"], "VolumeId": identifier}}
        instance["BlockDeviceMappings"].append(mapping)
    volume = ec2._volumes[mapping["Ebs"]["VolumeId"]]
    for name, cast in (("Size", int), ("Iops", int), ("Throughput", int), ("Encrypted", flag)):
        value = ec2._p(p, f"{prefix}Volume{name}" if name == "Size" else f"{prefix}{name}")
        if value:
            volume[name] = cast(value)
    volume["VolumeType"] = ec2._p(p, f"{prefix}VolumeType") or volume["VolumeType"]
    keep = ec2._p(p, f"{prefix}DeleteOnTermination")
    if keep:
        mapping["Ebs"]["DeleteOnTermination"] = flag(keep)
        volume["Attachments"][0]["DeleteOnTermination"] = flag(keep)


def instances_have_a_network_interface(_settings: Settings) -> None:
    """DescribeInstances shows the network interface through which an instance is in its subnet and groups."""

    @around(ec2, "_instance_xml")
    def showing_interface(original: Callable[[Record], str], instance: Record) -> str:
        groups = "".join(
            f"<item><groupId>{group['GroupId']}</groupId><groupName>{group['GroupName']}</groupName></item>"
            for group in instance["SecurityGroups"]
        )
        identifier = instance["InstanceId"].replace("i-", "eni-", 1)
        address = instance["PrivateIpAddress"]
        return inside_item(
            original(instance),
            f"<networkInterfaceSet><item><networkInterfaceId>{identifier}</networkInterfaceId>"
            f"<subnetId>{instance['SubnetId']}</subnetId><vpcId>{instance['VpcId']}</vpcId>"
            f"<ownerId>{ec2.get_account_id()}</ownerId><status>in-use</status>"
            f"<privateIpAddress>{address}</privateIpAddress>"
            f"<sourceDestCheck>{str(instance['SourceDestCheck']).lower()}</sourceDestCheck>"
            f"<groupSet>{groups}</groupSet><attachment>"
            f"<attachmentId>{identifier.replace('eni-', 'eni-attach-')}</attachmentId>"
            "<deviceIndex>0</deviceIndex><status>attached</status>"
            "<deleteOnTermination>true</deleteOnTermination></attachment>"
            f"<privateIpAddressesSet><item><privateIpAddress>{address}</privateIpAddress><primary>true</primary>"
            "</item></privateIpAddressesSet><interfaceType>interface</interfaceType></item></networkInterfaceSet>"
            "<ebsOptimized>false</ebsOptimized>",
        )


def inside_item(xml: str, more: str) -> str:
    """The XML of an item with more elements at its end."""
    return f"{xml.rstrip().removesuffix('</item>')}{more}</item>"
