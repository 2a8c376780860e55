"""One process that only reads, by boto3, what an unchanged deploy.yml on ECS has to look at.

    python -m bench.floors.ecs_unchanged STACK APPLICATION

Prints as JSON how many of each there are.
"""

import json
import sys
from typing import Any

from plugins.module_utils.release_store import bucket_name
from tests.e2e.environment import aws


def network(stack: str) -> dict[str, int]:
    """Read the VPC and what is in it."""
    ec2 = aws("ec2")
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [stack]}])["Vpcs"]
    inside = [{"Name": "vpc-id", "Values": [vpc["VpcId"] for vpc in vpcs]}]
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc["VpcId"] for vpc in vpcs]}]
    for vpc in vpcs:
        for attribute in ("enableDnsSupport", "enableDnsHostnames"):
            ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=attribute)
    return {
        "zones": len(ec2.describe_availability_zones()["AvailabilityZones"]),
        "vpcs": len(vpcs),
        "subnets": len(ec2.describe_subnets(Filters=inside)["Subnets"]),
        "route tables": len(ec2.describe_route_tables(Filters=inside)["RouteTables"]),
        "internet gateways": len(ec2.describe_internet_gateways(Filters=attached)["InternetGateways"]),
        "security groups": len(ec2.describe_security_groups(Filters=inside)["SecurityGroups"]),
    }


def balancer(stack: str) -> dict[str, int]:
    """Read the load balancer, its listeners, rules and target groups."""
    elb = aws("elbv2")
    (found,) = elb.describe_load_balancers(Names=[stack])["LoadBalancers"]
    arn = found["LoadBalancerArn"]
    elb.describe_load_balancer_attributes(LoadBalancerArn=arn)
    listeners = elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]
    rules = [elb.describe_rules(ListenerArn=each["ListenerArn"])["Rules"] for each in listeners]
    groups = elb.describe_target_groups(LoadBalancerArn=arn)["TargetGroups"]
    for group in groups:
        elb.describe_target_group_attributes(TargetGroupArn=group["TargetGroupArn"])
    tagged = elb.describe_tags(ResourceArns=[arn, *(group["TargetGroupArn"] for group in groups)])
    return {
        "listeners": len(listeners),
        "rules": sum(len(each) for each in rules),
        "target groups": len(groups),
        "tagged": len(tagged["TagDescriptions"]),
    }


def cluster(stack: str) -> dict[str, int]:
    """Read the cluster, its services, their revisions and how they scale."""
    ecs = aws("ecs")
    clusters = ecs.describe_clusters(clusters=[stack], include=["SETTINGS", "TAGS"])["clusters"]
    pages = ecs.get_paginator("list_services").paginate(cluster=stack)
    names = [name for page in pages for name in page["serviceArns"]]
    services: list[Any] = []
    for first in range(0, len(names), 10):
        asked = names[first : first + 10]
        services += ecs.describe_services(cluster=stack, services=asked, include=["TAGS"])["services"]
    revisions = [
        ecs.describe_task_definition(taskDefinition=each["taskDefinition"], include=["TAGS"])
        for each in services
    ]
    scaling = aws("application-autoscaling")
    scaling.describe_scalable_targets(ServiceNamespace="ecs")
    return {"clusters": len(clusters), "services": len(services), "task definitions": len(revisions)}


def around(stack: str, application: str) -> dict[str, int]:
    """Read what is beside: logs, roles, images, and the record of the releases."""
    iam, s3 = aws("iam"), aws("s3")
    roles = [iam.get_role(RoleName=f"{stack}-{role}") for role in ("execution", "task", "scheduler")]
    for role in roles:
        name = role["Role"]["RoleName"]
        iam.list_attached_role_policies(RoleName=name)
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.get_role_policy(RoleName=name, PolicyName=policy)
    images = aws("ecr").describe_images(repositoryName=application)["imageDetails"]
    groups = aws("logs").describe_log_groups(logGroupNamePrefix=f"/slipway/{stack}")["logGroups"]
    bucket = bucket_name(stack, aws("sts").get_caller_identity()["Account"])
    keys = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    for key in keys:
        s3.get_object(Bucket=bucket, Key=key["Key"])["Body"].read()
    return {"roles": len(roles), "images": len(images), "log groups": len(groups), "records": len(keys)}


def main() -> int:
    """Read all of it and print how much there is."""
    stack, application = sys.argv[1:]
    found = {**network(stack), **balancer(stack), **cluster(stack), **around(stack, application)}
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
