"""What the benchmarks deploy is valid; what they take for the least effort does the work, or fails."""

import json
from typing import Any

import boto3
import pytest

from bench import ecs_release as ecs_new
from bench import ecs_unchanged as ecs_same
from bench import environments, hosts_release, hosts_unchanged
from bench.floors import aws_unchanged, ecs_release, ecs_unchanged
from plugins.module_utils.model import validate


def client(service: str) -> Any:
    return boto3.client(service, region_name="eu-central-1")  # type: ignore[call-overload]


@pytest.fixture(autouse=True)
def aws(moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for floor in (aws_unchanged, ecs_release, ecs_unchanged):
        monkeypatch.setattr(floor, "aws", client)


def group(vpc: str, number: int, port: int) -> None:
    ec2 = client("ec2")
    name = aws_unchanged.name_of(number)
    made = ec2.create_security_group(GroupName=name, Description="Of a benchmark", VpcId=vpc)["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[rule])


def test_groups_are_looked_at_one_by_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vpc = client("ec2").create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    group(vpc, 1, 443)
    group(vpc, 2, 443)
    monkeypatch.setattr("sys.argv", ["", vpc, "2"])
    assert aws_unchanged.main() == 0
    assert capsys.readouterr().out == "2\n"
    group(vpc, 3, 22)
    monkeypatch.setattr("sys.argv", ["", vpc, "3"])
    with pytest.raises(AssertionError):
        aws_unchanged.main()


def service(image: str) -> dict[str, Any]:
    """Make a service of a cluster and return its description."""
    ecs = client("ecs")
    ecs.create_cluster(clusterName="shop")
    ecs.register_task_definition(
        family="shop-web",
        networkMode="awsvpc",
        containerDefinitions=[{"name": "web", "image": image, "memory": 128, "essential": True}],
    )
    made: dict[str, Any] = ecs.create_service(
        cluster="shop", serviceName="web", taskDefinition="shop-web:1", desiredCount=1
    )["service"]
    return made


def test_a_service_gets_a_revision_that_differs_in_its_image_alone() -> None:
    ecs = client("ecs")
    revision = ecs_release.update(ecs, "shop", service("shop:1"), "shop:2")
    assert revision.endswith("shop-web:2")
    (found,) = ecs_release.described(ecs, "shop", ["web"])
    assert found["taskDefinition"] == revision
    definitions = [
        ecs.describe_task_definition(taskDefinition=f"shop-web:{number}")["taskDefinition"]
        for number in (1, 2)
    ]
    before, after = (each["containerDefinitions"][0] for each in definitions)
    assert after == {**before, "image": "shop:2"}
    assert definitions[1]["networkMode"] == "awsvpc"


def deployment(state: str, status: str = "PRIMARY", revision: str = "new") -> dict[str, str]:
    return {"status": status, "rolloutState": state, "taskDefinition": revision}


@pytest.mark.parametrize(
    ("deployments", "running", "steady"),
    [
        ([deployment("IN_PROGRESS")], 1, False),
        ([deployment("COMPLETED"), deployment("COMPLETED", "ACTIVE", "old")], 1, False),
        ([deployment("COMPLETED")], 0, False),
        ([deployment("COMPLETED")], 1, True),
    ],
)
def test_a_service_is_steady_when_nothing_else_runs(
    deployments: list[dict[str, str]], running: int, steady: bool
) -> None:
    described = {
        "serviceName": "web",
        "deployments": deployments,
        "runningCount": running,
        "desiredCount": 1,
    }
    assert ecs_release.steady(described, "new") is steady


@pytest.mark.parametrize(
    "primary", [deployment("FAILED"), deployment("COMPLETED", revision="old")], ids=["failed", "rolled back"]
)
def test_a_deployment_that_fails_is_no_release(primary: dict[str, str]) -> None:
    with pytest.raises(RuntimeError, match="web"):
        ecs_release.steady({"serviceName": "web", "deployments": [primary]}, "new")


def test_what_is_in_place_is_read_and_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ec2, elb, iam = client("ec2"), client("elbv2"), client("iam")
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Name", "Value": "shop"}])
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.99.{number}.0/24", AvailabilityZone=f"eu-central-1{zone}")
        for number, zone in enumerate("ab")
    ]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    places = [each["Subnet"]["SubnetId"] for each in subnets]
    balancer = elb.create_load_balancer(Name="shop", Subnets=places)["LoadBalancers"][0]["LoadBalancerArn"]
    target = elb.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]
    forward = [{"Type": "forward", "TargetGroupArn": target["TargetGroupArn"]}]
    elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward)
    service("shop:1")
    for role in ("execution", "task", "scheduler"):
        iam.create_role(RoleName=f"shop-{role}", AssumeRolePolicyDocument="{}")
    client("ecr").create_repository(repositoryName="shop-app")
    client("logs").create_log_group(logGroupName="/slipway/shop")
    place = {"LocationConstraint": "eu-central-1"}
    bucket = "shop-releases-123456789012"
    client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    client("s3").put_object(Bucket=bucket, Key="lock.json", Body=b"{}")
    monkeypatch.setattr("sys.argv", ["", "shop", "shop-app"])
    assert ecs_unchanged.main() == 0
    found = json.loads(capsys.readouterr().out)
    ones = ("vpcs", "internet gateways", "listeners", "target groups", "services", "task definitions")
    assert {found[kind] for kind in (*ones, "clusters", "log groups", "records")} == {1}
    assert (found["subnets"], found["roles"], found["images"]) == (2, 3, 0)


DESCRIBED = {
    "ecs": environments.ecs_services({f"s{number}": "slipway-bench/app:0a1b2c-1" for number in range(1, 31)}),
    "hosts_unchanged": hosts_unchanged.services(),
    "hosts_release": dict(hosts_release.services("slipway-bench/app:0a1b2c-1")),
}


@pytest.mark.parametrize("name", DESCRIBED)
def test_what_the_benchmarks_deploy_is_a_valid_application(name: str) -> None:
    target = "ecs" if name == "ecs" else "ec2"
    assert validate(DESCRIBED[name], production=True, deploy_target=target, origins={}) == []


def test_no_two_benchmarks_share_an_environment() -> None:
    apps = [ecs_same.APP, ecs_new.APP, hosts_unchanged.APP, hosts_release.APP]
    assert len(set(apps)) == len(apps)
