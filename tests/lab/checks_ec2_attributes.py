"""What AWS does with the attributes of instances that can be changed later."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.lab.cloud import Cloud


def instance_attributes_can_be_modified(cloud: Cloud) -> None:
    instance = cloud.launch("ami-00000000", InstanceType="t3.small", DisableApiTermination=True)["InstanceId"]
    assert _protected(cloud, instance) is True
    assert _code(cloud.ec2.terminate_instances, InstanceIds=[instance]) == "OperationNotPermitted"

    larger = {"InstanceId": instance, "InstanceType": {"Value": "t3.large"}}
    assert _code(cloud.ec2.modify_instance_attribute, **larger) == "IncorrectInstanceState"
    cloud.ec2.stop_instances(InstanceIds=[instance])
    cloud.ec2.modify_instance_attribute(**larger)
    assert cloud.instance(instance)["InstanceType"] == "t3.large"

    group = cloud.ec2.create_security_group(GroupName=cloud.name(), Description="a check")["GroupId"]
    cloud.ec2.modify_instance_attribute(InstanceId=instance, Groups=[group])
    assert [each["GroupId"] for each in cloud.instance(instance)["SecurityGroups"]] == [group]

    cloud.ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})
    assert _protected(cloud, instance) is False
    cloud.ec2.terminate_instances(InstanceIds=[instance])


def _protected(cloud: Cloud, instance: str) -> Any:
    answer = cloud.ec2.describe_instance_attribute(InstanceId=instance, Attribute="disableApiTermination")
    return answer["DisableApiTermination"]["Value"]


def _code(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return str(refused.value.response["Error"]["Code"])
