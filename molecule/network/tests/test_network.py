"""The network as AWS describes it."""

from typing import Any

import pytest

from tests.e2e.environment import aws

STACK = "goals-network"


def only(things: list[Any]) -> Any:
    assert len(things) == 1, things
    return things[0]


def named(name: str) -> list[dict[str, Any]]:
    return [{"Name": "tag:Name", "Values": [name]}]


@pytest.fixture(scope="module")
def ec2() -> Any:
    return aws("ec2")


@pytest.fixture(scope="module")
def vpc(ec2: Any) -> Any:
    return only(ec2.describe_vpcs(Filters=named(STACK))["Vpcs"])


@pytest.fixture(scope="module")
def subnets(ec2: Any, vpc: Any) -> Any:
    found = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
    return sorted(found, key=lambda subnet: str(subnet["AvailabilityZone"]))


def group(ec2: Any, vpc: Any, name: str) -> Any:
    filters = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}, {"Name": "group-name", "Values": [name]}]
    return only(ec2.describe_security_groups(Filters=filters)["SecurityGroups"])


def entrances(security_group: Any) -> set[tuple[int, str, str]]:
    """Port, source and description of everything that is let in."""
    return {
        (permission["FromPort"], source, entry.get("Description", ""))
        for permission in security_group["IpPermissions"]
        for key, address in (
            ("IpRanges", "CidrIp"),
            ("Ipv6Ranges", "CidrIpv6"),
            ("UserIdGroupPairs", "GroupId"),
        )
        for entry in permission.get(key, [])
        for source in [entry[address]]
    }


def tags(resource: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource["Tags"]}


def test_vpc_resolves_names(ec2: Any, vpc: Any) -> None:
    assert vpc["CidrBlock"] == "10.42.0.0/16"
    for attribute, key in (
        ("enableDnsSupport", "EnableDnsSupport"),
        ("enableDnsHostnames", "EnableDnsHostnames"),
    ):
        answer = ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=attribute)
        assert answer[key]["Value"] is True


def test_there_is_a_subnet_in_each_of_two_zones(subnets: Any) -> None:
    assert [(subnet["AvailabilityZone"], subnet["CidrBlock"]) for subnet in subnets] == [
        ("eu-central-1a", "10.42.0.0/20"),
        ("eu-central-1b", "10.42.16.0/20"),
    ]


def test_subnets_reach_the_internet(ec2: Any, vpc: Any, subnets: Any) -> None:
    table = only(ec2.describe_route_tables(Filters=named(STACK))["RouteTables"])
    assert {entry["SubnetId"] for entry in table["Associations"]} == {
        subnet["SubnetId"] for subnet in subnets
    }
    gateway = only(ec2.describe_internet_gateways(Filters=named(STACK))["InternetGateways"])
    assert only(gateway["Attachments"])["VpcId"] == vpc["VpcId"]
    out = [route for route in table["Routes"] if route["DestinationCidrBlock"] == "0.0.0.0/0"]
    assert only(out)["GatewayId"] == gateway["InternetGatewayId"]


def test_the_world_reaches_the_load_balancer_on_port_80_alone(ec2: Any, vpc: Any) -> None:
    balancer = group(ec2, vpc, f"{STACK}-lb")
    assert entrances(balancer) == {(80, "0.0.0.0/0", "HTTP on 80 from 0.0.0.0/0")}


def test_hosts_are_reached_by_the_load_balancer_the_office_and_each_other(ec2: Any, vpc: Any) -> None:
    balancer, hosts = group(ec2, vpc, f"{STACK}-lb"), group(ec2, vpc, f"{STACK}-hosts")
    assert entrances(hosts) == {
        (22, "203.0.113.7/32", "SSH from office"),
        (80, balancer["GroupId"], f"HTTP on 80 from {STACK}-lb"),
        (27017, hosts["GroupId"], "mongodb from the other hosts"),
    }


@pytest.mark.parametrize("name", ["lb", "hosts"])
def test_everything_may_go_out(ec2: Any, vpc: Any, name: str) -> None:
    permission = only(group(ec2, vpc, f"{STACK}-{name}")["IpPermissionsEgress"])
    assert (permission["IpProtocol"], [each["CidrIp"] for each in permission["IpRanges"]]) == (
        "-1",
        ["0.0.0.0/0"],
    )


def test_everything_is_tagged(ec2: Any, vpc: Any, subnets: Any) -> None:
    groups = [group(ec2, vpc, f"{STACK}-{name}") for name in ("lb", "hosts")]
    tables = ec2.describe_route_tables(Filters=named(STACK))["RouteTables"]
    gateways = ec2.describe_internet_gateways(Filters=named(STACK))["InternetGateways"]
    for resource in [vpc, *subnets, *groups, *tables, *gateways]:
        shown = tags(resource)
        assert shown.pop("Name").startswith(STACK)
        assert shown == {"slipway_app": "goals", "slipway_environment": "network"}


@pytest.fixture(scope="module")
def private(ec2: Any) -> Any:
    zones = ("eu-central-1a", "eu-central-1b")
    return [
        only(ec2.describe_subnets(Filters=named(f"{STACK}-services-private-{zone}"))["Subnets"])
        for zone in zones
    ]


def test_private_subnets_have_no_way_to_the_internet(ec2: Any, private: Any) -> None:
    assert [subnet["CidrBlock"] for subnet in private] == ["10.42.128.0/20", "10.42.144.0/20"]
    for subnet in private:
        filters = [{"Name": "association.subnet-id", "Values": [subnet["SubnetId"]]}]
        table = only(ec2.describe_route_tables(Filters=filters)["RouteTables"])
        assert [route for route in table["Routes"] if route["DestinationCidrBlock"] == "0.0.0.0/0"] == []


def test_endpoints_are_reached_from_them_by_the_services_alone(ec2: Any, private: Any) -> None:
    everything = ec2.describe_vpc_endpoints()["VpcEndpoints"]
    here = {
        each["ServiceName"].removeprefix("com.amazonaws.eu-central-1."): each
        for each in everything
        if each["VpcId"] == private[0]["VpcId"]
    }
    assert sorted(here) == ["ecr.api", "ecr.dkr", "logs", "s3"]
    assert sorted(here["logs"]["SubnetIds"]) == sorted(subnet["SubnetId"] for subnet in private)
    groups = ec2.describe_security_groups(GroupIds=[each["GroupId"] for each in here["logs"]["Groups"]])
    endpoints = only(groups["SecurityGroups"])
    filters = [{"Name": "group-name", "Values": [f"{STACK}-services-services"]}]
    services = only(ec2.describe_security_groups(Filters=filters)["SecurityGroups"])
    assert {port_and_source[:2] for port_and_source in entrances(endpoints)} == {(443, services["GroupId"])}


def test_nothing_is_left_of_the_other_choice(ec2: Any) -> None:
    gateways = ec2.describe_nat_gateways(Filters=named(f"{STACK}-services-nat-eu-central-1a"))["NatGateways"]
    assert [gateway["State"] for gateway in gateways] == ["deleted"]
    names = [tag["Value"] for each in ec2.describe_addresses()["Addresses"] for tag in each.get("Tags", [])]
    assert not [name for name in names if name.startswith(f"{STACK}-services-")]
