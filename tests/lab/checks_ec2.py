"""What AWS does with instances, keys, images and groups: one check for each patch of the EC2 service."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.lab.cloud import Cloud

# By this Ansible's reboot module sees that a host has rebooted.
BOOT_ID = ["cat", "/proc/sys/kernel/random/boot_id"]


def run_instances_places_by_network_interface(cloud: Cloud) -> None:
    subnet = cloud.subnet("b")
    group = cloud.ec2.create_security_group(GroupName=cloud.name(), Description="x", VpcId=subnet["VpcId"])
    interface = {"DeviceIndex": 0, "SubnetId": subnet["SubnetId"], "Groups": [group["GroupId"]]}
    launched = cloud.launch("ami-00000000", NetworkInterfaces=[interface])
    assert launched["SubnetId"] == subnet["SubnetId"]
    assert launched["VpcId"] == subnet["VpcId"]
    assert launched["SecurityGroups"][0]["GroupId"] == group["GroupId"]
    assert launched["Placement"]["AvailabilityZone"] == f"{cloud.settings.region}b"


def run_instances_launches_up_to_max_count(cloud: Cloud) -> None:
    launched = cloud.ec2.run_instances(ImageId="ami-00000000", MinCount=1, MaxCount=3)
    assert len(launched["Instances"]) == 3


def instances_have_metadata_options(cloud: Cloud) -> None:
    wanted = {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}
    launched = cloud.launch("ami-00000000", MetadataOptions=wanted)
    shown = cloud.instance(launched["InstanceId"])
    assert shown.get("MetadataOptions", {}).get("HttpTokens") == "required"
    assert shown["MetadataOptions"]["HttpPutResponseHopLimit"] == 2
    cloud.ec2.modify_instance_metadata_options(InstanceId=launched["InstanceId"], HttpTokens="optional")
    assert cloud.instance(launched["InstanceId"])["MetadataOptions"]["HttpTokens"] == "optional"


def instances_have_the_block_devices_asked_for(cloud: Cloud) -> None:
    root = {"VolumeSize": 20, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
    data = {"VolumeSize": 30, "DeleteOnTermination": True}
    mappings = [{"DeviceName": "/dev/xvda", "Ebs": root}, {"DeviceName": "/dev/sdb", "Ebs": data}]
    launched = cloud.launch("ami-00000000", BlockDeviceMappings=mappings)
    volumes = _volumes(cloud, launched["InstanceId"])
    assert [(each["Size"], each["Encrypted"]) for each in volumes] == [(20, True), (30, False)]
    cloud.ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])
    assert _volumes(cloud, launched["InstanceId"]) == []


def _volumes(cloud: Cloud, instance: str) -> list[dict[str, Any]]:
    volumes = cloud.ec2.describe_volumes()["Volumes"]
    attached = [each for each in volumes if any(to["InstanceId"] == instance for to in each["Attachments"])]
    return sorted(attached, key=lambda volume: int(volume["Size"]))


def instances_have_a_network_interface(cloud: Cloud) -> None:
    launched = cloud.launch("ami-00000000")
    interfaces = cloud.instance(launched["InstanceId"]).get("NetworkInterfaces", [])
    assert [each["SubnetId"] for each in interfaces] == [launched["SubnetId"]]
    assert interfaces[0]["Groups"] == launched["SecurityGroups"]


def instances_are_filtered_by_id(cloud: Cloud) -> None:
    wanted, other = (cloud.launch("ami-00000000")["InstanceId"] for _ in range(2))
    found = cloud.ec2.describe_instances(Filters=[{"Name": "instance-id", "Values": [wanted]}])
    ids = [each["InstanceId"] for reservation in found["Reservations"] for each in reservation["Instances"]]
    assert ids == [wanted]
    assert other not in ids


def images_have_a_creation_date(cloud: Cloud) -> None:
    image = cloud.image()
    described = cloud.ec2.describe_images(ImageIds=[image])["Images"][0]
    assert described.get("CreationDate", "")[:2] == "20"


def registered_images_are_ebs_backed(cloud: Cloud) -> None:
    image = cloud.image()
    assert cloud.ec2.describe_images(ImageIds=[image])["Images"][0]["RootDeviceType"] == "ebs"
    launched = cloud.launch(image)
    try:
        assert launched["RootDeviceType"] == "ebs"
        assert [each["DeviceName"] for each in launched["BlockDeviceMappings"]] == ["/dev/xvda"]
        assert len(_volumes(cloud, launched["InstanceId"])) == 1
    finally:
        cloud.ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])


def key_pairs_are_real_keys(cloud: Cloud) -> None:
    name = cloud.name()
    tags = [{"ResourceType": "key-pair", "Tags": [{"Key": "a", "Value": "b"}]}]
    made = cloud.ec2.create_key_pair(KeyName=name, KeyType="ed25519", TagSpecifications=tags)
    public = _public_half(made["KeyMaterial"])
    described = cloud.ec2.describe_key_pairs(KeyNames=[name])["KeyPairs"][0]
    assert (described["KeyType"], described["Tags"]) == ("ed25519", [{"Key": "a", "Value": "b"}])
    copy = cloud.name()
    imported = cloud.ec2.import_key_pair(KeyName=copy, PublicKeyMaterial=public.encode())
    assert imported["KeyFingerprint"] == described["KeyFingerprint"] == made["KeyFingerprint"]


def _public_half(private: str) -> str:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "key"
        file.touch(mode=0o600)
        file.write_text(private)
        done = subprocess.run(["ssh-keygen", "-y", "-f", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"not a private key: {done.stderr}"
    return done.stdout


def descriptions_of_security_group_rules_can_change(cloud: Cloud) -> None:
    group = cloud.ec2.create_security_group(GroupName=cloud.name(), Description="x")["GroupId"]
    cloud.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[_rule("before")])
    cloud.ec2.update_security_group_rule_descriptions_ingress(GroupId=group, IpPermissions=[_rule("after")])
    rules = cloud.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert [each["IpRanges"] for each in rules] == [[{"CidrIp": "0.0.0.0/0", "Description": "after"}]]


def _rule(description: str) -> dict[str, Any]:
    ranges = [{"CidrIp": "0.0.0.0/0", "Description": description}]
    return {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": ranges}


def instances_boot_their_own_init(cloud: Cloud) -> None:
    launched = cloud.launch(cloud.host_image())
    try:
        container = cloud.container(launched["InstanceId"])

        def has_booted() -> bool:
            container.reload()
            assert container.status == "running", f"the machine is {container.status}"
            said = container.exec_run(["systemctl", "is-system-running"]).output
            return bool(said.strip() in (b"running", b"degraded"))

        cloud.eventually(has_booted, "systemd runs", 120)
        assert container.exec_run(["systemctl", "--failed", "--no-legend"]).output == b""
        assert container.exec_run(["cat", "/proc/1/comm"]).output.strip() == b"systemd"
        boot, started = container.exec_run(BOOT_ID).output, container.attrs["State"]["StartedAt"]
        container.exec_run(["systemctl", "reboot"])

        def is_up_again() -> bool:
            container.reload()
            return bool(container.status == "running" and container.attrs["State"]["StartedAt"] != started)

        cloud.eventually(is_up_again, "the machine is up again after it rebooted itself", 120)
        cloud.eventually(has_booted, "systemd runs again", 120)
        assert container.exec_run(BOOT_ID).output != boot
    finally:
        cloud.ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])


def instances_get_their_key_pair_and_user_data(cloud: Cloud) -> None:
    name = cloud.name()
    public = _public_half(cloud.ec2.create_key_pair(KeyName=name)["KeyMaterial"]).split()[1]
    script = "#!/bin/sh\necho it ran > /root/marker\n"
    launched = cloud.launch(cloud.host_image(), KeyName=name, UserData=script)
    try:
        container = cloud.container(launched["InstanceId"])

        def read(path: str) -> str:
            return str(container.exec_run(["cat", path]).output.decode())

        def done() -> bool:
            status = container.exec_run(["cloud-init", "status", "--format=json"]).output
            return json.loads(status.partition(b"{")[1] + status.partition(b"{")[2] or b"{}").get(
                "status"
            ) in (
                "done",
                "disabled",
            )

        cloud.eventually(done, "cloud-init has ended", 120)
        assert public in read("/home/admin/.ssh/authorized_keys")
        assert read("/root/marker") == "it ran\n"
    finally:
        cloud.ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])


def instances_stop_and_start_again(cloud: Cloud) -> None:
    instance = cloud.launch(cloud.image())["InstanceId"]
    address = cloud.instance(instance)["PrivateIpAddress"]
    try:
        cloud.ec2.stop_instances(InstanceIds=[instance])
        container = cloud.container(instance)
        assert container.status == "exited"
        assert cloud.instance(instance)["State"]["Name"] == "stopped"
        cloud.ec2.start_instances(InstanceIds=[instance])
        container.reload()
        assert container.status == "running"
        shown = cloud.instance(instance)
        assert (shown["State"]["Name"], shown["PrivateIpAddress"]) == ("running", address)
        container.stop(timeout=1)
        assert cloud.instance(instance)["State"]["Name"] == "stopped"
    finally:
        cloud.ec2.terminate_instances(InstanceIds=[instance])


def terminated_instances_leave_no_volume(cloud: Cloud) -> None:
    instance = cloud.launch(cloud.image())["InstanceId"]
    mounts = cloud.container(instance).attrs["Mounts"]
    volumes = {each["Name"] for each in mounts if each["Type"] == "volume"}
    assert volumes
    cloud.ec2.terminate_instances(InstanceIds=[instance])
    left = {each.name for each in cloud.engine.volumes.list()} & volumes
    for name in left:
        cloud.engine.volumes.get(name).remove()
    assert not left


def instances_outlive_the_control_plane(cloud: Cloud) -> None:
    instance = cloud.launch(cloud.image())["InstanceId"]
    container = cloud.container(instance).id
    try:
        cloud.control.restart()
        shown = cloud.instance(instance)
        assert shown["State"]["Name"] == "running"
        assert cloud.container(instance).id == container
    finally:
        cloud.ec2.terminate_instances(InstanceIds=[instance])
    there = cloud.engine.containers.list(all=True, ignore_removed=True)
    assert all(instance not in str(each.name) for each in there)


def vpc_endpoints_keep_what_they_are_given(cloud: Cloud) -> None:
    subnet = cloud.subnet()
    first, second = (
        cloud.ec2.create_security_group(GroupName=cloud.name(), Description="x", VpcId=subnet["VpcId"])[
            "GroupId"
        ]
        for _ in range(2)
    )
    made = cloud.ec2.create_vpc_endpoint(
        VpcId=subnet["VpcId"],
        VpcEndpointType="Interface",
        ServiceName=f"com.amazonaws.{cloud.settings.region}.logs",
        SubnetIds=[subnet["SubnetId"]],
        SecurityGroupIds=[first],
        PrivateDnsEnabled=True,
    )["VpcEndpoint"]["VpcEndpointId"]
    assert _endpoint(cloud, made) == ([first], True)
    cloud.ec2.modify_vpc_endpoint(
        VpcEndpointId=made,
        AddSecurityGroupIds=[second],
        RemoveSecurityGroupIds=[first],
        PrivateDnsEnabled=False,
    )
    assert _endpoint(cloud, made) == ([second], False)
    cloud.ec2.delete_vpc_endpoints(VpcEndpointIds=[made])


def _endpoint(cloud: Cloud, endpoint: str) -> tuple[list[str], bool | None]:
    (found,) = cloud.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    return [group["GroupId"] for group in found.get("Groups", [])], found.get("PrivateDnsEnabled")
