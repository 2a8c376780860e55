"""Private subnets and their ways out, against moto: made once, mended, switched, removed without a trace."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from plugins.module_utils.private_subnets import PrivateSubnetError, Wanted, goal
from plugins.module_utils.private_subnets_kinds import converge
from plugins.module_utils.private_subnets_survey import Survey
from plugins.modules import private_subnets
from tests.unit.aws_doubles import run as run_module

A, B = "eu-central-1a", "eu-central-1b"
TAGS = {"slipway_app": "goals", "slipway_environment": "prod"}
SUBNETS = {A: "10.42.128.0/20", B: "10.42.144.0/20"}
LISTINGS = {
    "describe_subnets": "Subnets",
    "describe_addresses": "Addresses",
    "describe_nat_gateways": "NatGateways",
    "describe_route_tables": "RouteTables",
    "describe_vpc_endpoints": "VpcEndpoints",
}


class Cloud:
    """A VPC with two public subnets, and what was asked of EC2."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.vpc = client.create_vpc(CidrBlock="10.42.0.0/16")["Vpc"]["VpcId"]
        self.public = {
            zone: client.create_subnet(VpcId=self.vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
            for zone, cidr in ((A, "10.42.0.0/20"), (B, "10.42.16.0/20"))
        }
        self.group = client.create_security_group(GroupName="e", Description="e", VpcId=self.vpc)["GroupId"]
        self.before = self.everything()
        self.writes: list[str] = []
        client.meta.events.register("before-call.ec2", self._note)

    def _note(self, model: Any, **_rest: Any) -> None:
        if not model.name.startswith("Describe"):
            self.writes.append(model.name)

    def wanted(self, gateways: tuple[str, ...] = (), endpoints: tuple[str, ...] = (), **other: Any) -> Wanted:
        return Wanted(
            "goals-prod",
            other.get("tags", TAGS),
            other.get("subnets", SUBNETS),
            {zone: self.public[zone] for zone in gateways},
            endpoints,
            [self.group] if endpoints else [],
        )

    def run(self, wanted: Wanted, *, purge: bool = False, check_mode: bool = False) -> dict[str, Any]:
        self.writes.clear()
        survey = Survey(self.client, self.vpc, wanted, timeout=0, sleep=lambda _seconds: None)
        return converge(survey, purge=purge, check_mode=check_mode)

    def everything(self) -> set[str]:
        """Ids of all that exists."""
        return {
            each[key]
            for operation, answer in LISTINGS.items()
            for each in getattr(self.client, operation)()[answer]
            if each.get("State", "available") in {"available", "pending"}
            for key in ("AllocationId", "NatGatewayId", "RouteTableId", "VpcEndpointId", "SubnetId")
            if key in each
        }

    def ways_out(self) -> dict[str, str]:
        """Zone to the zone of the NAT gateway that its private subnet goes out by."""
        zones = {
            each["SubnetId"]: each["AvailabilityZone"] for each in self.client.describe_subnets()["Subnets"]
        }
        gateways = {
            each["NatGatewayId"]: zones[each["SubnetId"]]
            for each in self.client.describe_nat_gateways()["NatGateways"]
        }
        return {
            zones[association["SubnetId"]]: gateways[route["NatGatewayId"]]
            for table in self.client.describe_route_tables()["RouteTables"]
            for association in table["Associations"]
            if "SubnetId" in association
            for route in table["Routes"]
            if "NatGatewayId" in route
        }

    def endpoints(self) -> dict[str, Any]:
        found = self.client.describe_vpc_endpoints()["VpcEndpoints"]
        return {
            each["ServiceName"].removeprefix("com.amazonaws.eu-central-1."): each
            for each in found
            if each["State"] == "available"
        }


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with mock_aws():
        yield Cloud(boto3.client("ec2", region_name="eu-central-1"))


def test_one_gateway_serves_all_zones(cloud: Cloud) -> None:
    made = cloud.run(cloud.wanted(gateways=(A,)))
    assert made["changed"]
    assert set(made["subnets"]) == {A, B}
    assert cloud.ways_out() == {A: A, B: A}


def test_each_zone_can_have_its_own_gateway(cloud: Cloud) -> None:
    cloud.run(cloud.wanted(gateways=(A, B)))
    assert cloud.ways_out() == {A: A, B: B}


def test_endpoints_are_in_every_private_subnet(cloud: Cloud) -> None:
    made = cloud.run(cloud.wanted(endpoints=("ecr.api", "s3")))
    found = cloud.endpoints()
    assert sorted(found["ecr.api"]["SubnetIds"]) == sorted(made["subnets"].values())
    assert [group["GroupId"] for group in found["ecr.api"]["Groups"]] == [cloud.group]
    assert found["ecr.api"]["PrivateDnsEnabled"]
    assert found["s3"]["VpcEndpointType"] == "Gateway"
    assert len(found["s3"]["RouteTableIds"]) == 2
    assert cloud.ways_out() == {}


@pytest.mark.parametrize("choice", [{"gateways": (A, B)}, {"endpoints": ("logs", "s3")}, {}])
@pytest.mark.parametrize("purge", [False, True])
def test_a_second_run_changes_nothing(cloud: Cloud, choice: dict[str, Any], purge: bool) -> None:
    cloud.run(cloud.wanted(**choice))
    result = cloud.run(cloud.wanted(**choice), purge=purge)
    assert (result["changed"], result["surplus"], cloud.writes) == (False, False, [])


@pytest.mark.parametrize("choice", [{"gateways": (A,)}, {"endpoints": ("logs", "s3")}])
def test_check_mode_changes_nothing_and_says_all(cloud: Cloud, choice: dict[str, Any]) -> None:
    told = cloud.run(cloud.wanted(**choice), check_mode=True)
    assert cloud.writes == []
    assert set(told["subnets"].values()) == {"subnet-not-made-yet"}
    assert cloud.run(cloud.wanted(**choice))["diff"] == told["diff"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"gateways": (A,)}, {"endpoints": ("logs", "s3")}),
        ({"endpoints": ("logs", "s3")}, {"gateways": (A, B)}),
        ({"gateways": (A, B)}, {"gateways": (A,)}),
        ({"gateways": (A,)}, {"subnets": {}}),
        ({"endpoints": ("logs", "s3")}, {"subnets": {}}),
    ],
)
def test_another_choice_takes_nothing_away_until_purged_and_leaves_nothing_then(
    cloud: Cloud, first: dict[str, Any], second: dict[str, Any]
) -> None:
    cloud.run(cloud.wanted(**first))
    in_use = cloud.everything()
    ways_out = cloud.ways_out()
    added = cloud.run(cloud.wanted(**second))
    assert in_use <= cloud.everything()
    assert set(ways_out) <= set(cloud.ways_out())
    assert added["surplus"]

    told = cloud.run(cloud.wanted(**second), purge=True, check_mode=True)
    assert told["changed"]
    assert cloud.writes == []
    purged = cloud.run(cloud.wanted(**second), purge=True)
    assert purged["diff"] == told["diff"]
    assert not purged["surplus"]
    switched = {json.dumps(each, sort_keys=True) for each in purged["diff"]["after"].values()}
    cloud.run(cloud.wanted(subnets={}), purge=True)
    assert cloud.everything() == cloud.before
    made_anew = cloud.run(cloud.wanted(**second))["diff"]["after"]
    assert {json.dumps(each, sort_keys=True) for each in made_anew.values()} == switched


def test_gateways_go_before_the_addresses_and_subnets_that_they_hold(cloud: Cloud) -> None:
    cloud.run(cloud.wanted(gateways=(A,)))
    cloud.run(cloud.wanted(subnets={}), purge=True)
    order = ["DeleteRouteTable", "DeleteNatGateway", "ReleaseAddress", "DeleteSubnet"]
    assert [name for name in dict.fromkeys(cloud.writes) if name in order] == order


def test_drift_is_mended(cloud: Cloud) -> None:
    wanted = cloud.wanted(gateways=(A,), endpoints=("logs", "s3"))
    made = cloud.run(wanted)
    (gateway,) = cloud.client.describe_nat_gateways()["NatGateways"]
    cloud.client.delete_nat_gateway(NatGatewayId=gateway["NatGatewayId"])
    # With AWS the address is free then.
    (address,) = cloud.client.describe_addresses()["Addresses"]
    cloud.client.disassociate_address(AssociationId=address["AssociationId"])
    tables = [
        table
        for table in cloud.client.describe_route_tables()["RouteTables"]
        if any(tag["Key"] == "slipway_app" for tag in table["Tags"])
    ]
    association = next(each for each in tables[0]["Associations"] if "SubnetId" in each)
    cloud.client.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
    cloud.client.create_route(
        RouteTableId=tables[1]["RouteTableId"],
        DestinationCidrBlock="192.0.2.0/24",
        GatewayId=cloud.client.create_internet_gateway()["InternetGateway"]["InternetGatewayId"],
    )
    found = cloud.endpoints()
    cloud.client.modify_vpc_endpoint(
        VpcEndpointId=found["s3"]["VpcEndpointId"], RemoveRouteTableIds=[tables[0]["RouteTableId"]]
    )
    cloud.client.modify_vpc_endpoint(
        VpcEndpointId=found["logs"]["VpcEndpointId"], RemoveSubnetIds=[made["subnets"][A]]
    )
    assert cloud.run(wanted)["changed"]
    mended = cloud.run(wanted)
    assert not mended["changed"]
    assert cloud.ways_out() == {A: A, B: A}
    assert sorted(cloud.endpoints()["logs"]["SubnetIds"]) == sorted(made["subnets"].values())
    assert len(cloud.endpoints()["s3"]["RouteTableIds"]) == 2


def test_everything_is_tagged_and_other_tags_stay(cloud: Cloud) -> None:
    made = cloud.run(cloud.wanted(gateways=(A,), endpoints=("logs",)))
    subnet = made["subnets"][A]
    cloud.client.create_tags(Resources=[subnet], Tags=[{"Key": "team", "Value": "blue"}])
    tagged = cloud.wanted(gateways=(A,), endpoints=("logs",), tags={**TAGS, "cost": "7"})
    after = cloud.run(tagged)["diff"]["after"]
    assert not cloud.run(tagged)["changed"]
    names = set()
    for places in after.values():
        for properties in places.values():
            tags = dict(properties["tags"])
            names.add(tags.pop("Name"))
            assert {**TAGS, "cost": "7"}.items() <= tags.items()
    assert names == {
        f"goals-prod-{part}" for part in (f"private-{A}", f"private-{B}", f"nat-{A}", "endpoint-logs")
    }
    assert after["subnets"][A]["tags"]["team"] == "blue"


def test_what_others_made_is_left_alone(cloud: Cloud) -> None:
    foreign = cloud.client.allocate_address(Domain="vpc")["AllocationId"]
    other = Survey(
        cloud.client,
        cloud.vpc,
        Wanted("goals-prod", {**TAGS, "slipway_environment": "test"}, {A: "10.42.160.0/20"}, {}, (), ()),
        timeout=0,
    )
    theirs = set(converge(other, purge=False, check_mode=False)["subnets"].values())
    cloud.run(cloud.wanted(gateways=(A,)))
    cloud.run(cloud.wanted(subnets={}), purge=True)
    assert {foreign} | theirs <= cloud.everything()


def test_a_subnet_with_a_mount_target_stays(cloud: Cloud) -> None:
    made = cloud.run(cloud.wanted(gateways=(A,)))
    cloud.client.create_network_interface(
        SubnetId=made["subnets"][A], Description="EFS mount target for fs-1 (fsmt-1)"
    )
    nothing = cloud.wanted(subnets={})
    cloud.run(nothing, purge=True)
    left = cloud.everything() - cloud.before
    assert left == {made["subnets"][A]}
    again = cloud.run(nothing, purge=True)
    assert (again["changed"], again["surplus"]) == (False, False)


def test_other_addresses_of_a_subnet_are_refused_before_anything_changes(cloud: Cloud) -> None:
    cloud.run(cloud.wanted())
    with pytest.raises(PrivateSubnetError, match=r"10\.42\.128\.0/20, wanted 10\.42\.192\.0/20"):
        cloud.run(cloud.wanted(subnets={A: "10.42.192.0/20"}, gateways=(A,)))
    assert cloud.writes == []


def test_a_wait_that_takes_too_long_says_what_for(cloud: Cloud) -> None:
    survey = Survey(cloud.client, cloud.vpc, cloud.wanted(), timeout=0, sleep=lambda _seconds: None)
    with pytest.raises(PrivateSubnetError, match="waited 0 s for the moon: run again"):
        survey.wait("the moon", lambda: False)


def test_zones_that_are_not_wanted_keep_their_way_until_they_go() -> None:
    table = {"subnets": [B], "routes": {"0.0.0.0/0": f"NAT gateway of {A}"}, "tags": {}}
    actual: dict[str, dict[str, dict[str, Any]]] = {
        "subnets": {B: {"cidr": "10.42.144.0/20", "tags": {}}},
        "addresses": {A: {"tags": {}}},
        "nat_gateways": {A: {"tags": {}}},
        "route_tables": {B: table},
        "endpoints": {},
    }
    wanted = Wanted("goals-prod", TAGS, {A: "10.42.128.0/20"}, {}, ("logs",), ("sg-1",))
    after = goal(wanted, actual, purge=False)
    assert after["route_tables"][B] == table
    # Tasks in the zone that goes must find the endpoints too: private DNS leads everybody there.
    assert after["endpoints"]["logs"]["subnets"] == [A, B]
    assert goal(wanted, actual, purge=True)["endpoints"]["logs"]["subnets"] == [A]


def test_the_whole_module(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    params: dict[str, Any] = {
        "vpc_id": cloud.vpc,
        "name": "goals-prod",
        "resource_tags": TAGS,
        "subnets": SUBNETS,
        "gateways": {A: cloud.public[A]},
    }
    assert run_module(private_subnets, capsys, check_mode=True, **params)["changed"]
    made = run_module(private_subnets, capsys, **params)
    assert made["changed"]
    assert set(made["subnets"]) == {A, B}
    assert not run_module(private_subnets, capsys, **params)["changed"]
    refused = run_module(private_subnets, capsys, **{**params, "subnets": {A: "10.42.0.0/16"}})
    assert "AWS never changes the addresses" in refused["msg"]
