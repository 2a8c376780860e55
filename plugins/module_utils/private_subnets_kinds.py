"""The calls to EC2 that make, mend and remove private subnets and their ways out: a class for each kind."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any

from .private_subnets import (
    ADDRESSES,
    BY_ROUTE,
    ENDPOINTS,
    GATEWAYS,
    SUBNETS,
    TABLES,
    PrivateSubnetError,
    State,
    differing,
    gateway_of,
    goal,
    surplus,
)
from .private_subnets_survey import Kind, Survey

NOT_MADE = "subnet-not-made-yet"
# How EC2 describes the network interface of an EFS mount target.
MOUNT_TARGET = "EFS mount target for "


class Subnets(Kind):
    """Subnets, one in each zone."""

    name = SUBNETS
    resource_type = "subnet"
    id_key = "SubnetId"

    def listed(self) -> Iterable[Mapping[str, Any]]:
        """Ask EC2 for all there are."""
        return self.client.describe_subnets(Filters=self.filters)["Subnets"]

    def described(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Give the properties of one."""
        return {"cidr": found["CidrBlock"]}

    def create(self, place: str, properties: Mapping[str, Any]) -> str:
        """Make one; give its id."""
        made = self.client.create_subnet(
            VpcId=self.survey.vpc_id,
            AvailabilityZone=place,
            CidrBlock=properties["cidr"],
            TagSpecifications=self.tag_specification(properties),
        )
        return made["Subnet"]["SubnetId"]

    def remove(self, places: Collection[str]) -> None:
        """Remove them, and wait until they are gone."""
        for place in places:
            subnet = self.survey.ids[SUBNETS][place]
            # The network interfaces of tasks that have stopped go some minutes after them.
            self.survey.when_free(
                f"the private subnet {subnet}", partial(self.client.delete_subnet, SubnetId=subnet)
            )

    def held(self) -> set[str]:
        """Zones where EFS has a mount target: a running task would lose its files if that were moved."""
        interfaces = self.client.describe_network_interfaces(Filters=self.filters)["NetworkInterfaces"]
        mounts = {
            each["SubnetId"] for each in interfaces if each.get("Description", "").startswith(MOUNT_TARGET)
        }
        return {zone for zone, subnet in self.survey.ids[SUBNETS].items() if subnet in mounts}


class Addresses(Kind):
    """Elastic IP addresses of NAT gateways."""

    name = ADDRESSES
    resource_type = "elastic-ip"
    id_key = "AllocationId"

    def listed(self) -> Iterable[Mapping[str, Any]]:
        """Ask EC2 for all there are."""
        return self.client.describe_addresses()["Addresses"]

    def create(self, place: str, properties: Mapping[str, Any]) -> str:
        """Make one; give its id."""
        made = self.client.allocate_address(
            Domain="vpc", TagSpecifications=self.tag_specification(properties)
        )
        return made["AllocationId"]

    def remove(self, places: Collection[str]) -> None:
        """Remove them, and wait until they are gone."""
        for place in places:
            address = self.survey.ids[ADDRESSES][place]
            self.survey.when_free(
                f"the address {address}", partial(self.client.release_address, AllocationId=address)
            )


class Gateways(Kind):
    """NAT gateways, in public subnets."""

    name = GATEWAYS
    resource_type = "natgateway"
    id_key = "NatGatewayId"

    def listed(self) -> Iterable[Mapping[str, Any]]:
        """Ask EC2 for all there are."""
        filters = [*self.filters, {"Name": "state", "Values": ["pending", "available"]}]
        return self.client.describe_nat_gateways(Filters=filters)["NatGateways"]

    def create(self, place: str, properties: Mapping[str, Any]) -> str:
        """Make one; give its id."""
        made = self.client.create_nat_gateway(
            SubnetId=self.survey.wanted.gateways[place],
            AllocationId=self.survey.ids[ADDRESSES][place],
            TagSpecifications=self.tag_specification(properties),
        )
        return made["NatGateway"]["NatGatewayId"]

    def settle(self, places: Collection[str]) -> None:
        """Wait until they serve."""
        self._wait(places, "available")

    def remove(self, places: Collection[str]) -> None:
        """Remove them, and wait until they are gone."""
        for place in places:
            self.client.delete_nat_gateway(NatGatewayId=self.survey.ids[GATEWAYS][place])
        self._wait(places, "deleted")

    def _wait(self, places: Collection[str], state: str) -> None:
        ids = sorted(self.survey.ids_at(GATEWAYS, places))

        def reached() -> bool:
            found = self.client.describe_nat_gateways(NatGatewayIds=ids)["NatGateways"]
            failed = [each for each in found if each["State"] == "failed" and state != "deleted"]
            if failed:
                words = ", ".join(f"{each['NatGatewayId']}: {each.get('FailureMessage')}" for each in failed)
                raise PrivateSubnetError(f"NAT gateways could not be made ({words}): mend that and run again")
            return all(each["State"] == state for each in found)

        if ids:
            self.survey.wait(f"the NAT gateways {', '.join(ids)} to be {state}", reached)


class Tables(Kind):
    """Route tables of the private subnets."""

    name = TABLES
    resource_type = "route-table"
    id_key = "RouteTableId"

    def listed(self) -> Iterable[Mapping[str, Any]]:
        """Ask EC2 for all there are."""
        return self.client.describe_route_tables(Filters=self.filters)["RouteTables"]

    def described(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Give the properties of one."""
        users = [each["SubnetId"] for each in found["Associations"] if each.get("SubnetId")]
        gateways = {identity: place for place, identity in self.survey.ids[GATEWAYS].items()}
        routes = {}
        for route in found["Routes"]:
            # Those of the VPC itself and of endpoints are neither made nor removed here.
            if route.get("Origin") == "CreateRoute" and "DestinationCidrBlock" in route:
                target = route.get("NatGatewayId") or route.get("GatewayId") or "something else"
                by = gateway_of(gateways[target]) if target in gateways else target
                routes[route["DestinationCidrBlock"]] = by
        return {"subnets": self.survey.places(SUBNETS, users), "routes": routes}

    def create(self, place: str, properties: Mapping[str, Any]) -> str:
        """Make one; give its id."""
        made = self.client.create_route_table(
            VpcId=self.survey.vpc_id, TagSpecifications=self.tag_specification(properties)
        )
        return made["RouteTable"]["RouteTableId"]

    def mend(self, place: str, was: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
        """Change what differs."""
        table = self.survey.ids[TABLES][place]
        if was.get("subnets") != properties["subnets"]:
            self._free(table)
            for subnet in sorted(self.survey.ids_at(SUBNETS, properties["subnets"])):
                self._associate(table, subnet)
        before, after = was.get("routes", {}), properties["routes"]
        for destination in sorted(set(before) - set(after)):
            self.client.delete_route(RouteTableId=table, DestinationCidrBlock=destination)
        targets = {gateway_of(zone): gateway for zone, gateway in self.survey.ids[GATEWAYS].items()}
        for destination, target in after.items():
            if before.get(destination) != target:
                put = self.client.replace_route if destination in before else self.client.create_route
                put(RouteTableId=table, DestinationCidrBlock=destination, NatGatewayId=targets[target])

    def remove(self, places: Collection[str]) -> None:
        """Remove them, and wait until they are gone."""
        for place in places:
            table = self.survey.ids[TABLES][place]
            self._free(table)
            self.client.delete_route_table(RouteTableId=table)

    def _associate(self, table: str, subnet: str) -> None:
        """Give a subnet this table, whichever it had."""
        for association in self._associations():
            if association.get("SubnetId") == subnet:
                self.client.replace_route_table_association(
                    AssociationId=association["RouteTableAssociationId"], RouteTableId=table
                )
                return
        self.client.associate_route_table(RouteTableId=table, SubnetId=subnet)

    def _free(self, table: str) -> None:
        for association in self._associations():
            if association.get("SubnetId") and association["RouteTableId"] == table:
                self.client.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])

    def _associations(self) -> list[Mapping[str, Any]]:
        return [each for table in self.listed() for each in table["Associations"]]


class Endpoints(Kind):
    """VPC endpoints of AWS's services."""

    name = ENDPOINTS
    resource_type = "vpc-endpoint"
    id_key = "VpcEndpointId"

    def listed(self) -> Iterable[Mapping[str, Any]]:
        """Ask EC2 for all there are."""
        found = self.client.describe_vpc_endpoints(Filters=self.filters)["VpcEndpoints"]
        # AWS writes the states with and without a capital.
        return [each for each in found if each["State"].lower() in {"pending", "available"}]

    def described(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Give the properties of one."""
        if found["VpcEndpointType"] == "Gateway":
            return {"route_tables": self.survey.places(TABLES, found["RouteTableIds"])}
        return {
            "subnets": self.survey.places(SUBNETS, found["SubnetIds"]),
            "security_groups": sorted(group["GroupId"] for group in found["Groups"]),
            "private_dns": found["PrivateDnsEnabled"],
        }

    def create(self, place: str, properties: Mapping[str, Any]) -> str:
        """Make one; give its id."""
        where: Any = (
            {
                "VpcEndpointType": "Gateway",
                "RouteTableIds": sorted(self.survey.ids_at(TABLES, properties["route_tables"])),
            }
            if place in BY_ROUTE
            else {
                "VpcEndpointType": "Interface",
                "SubnetIds": sorted(self.survey.ids_at(SUBNETS, properties["subnets"])),
                "SecurityGroupIds": properties["security_groups"],
                "PrivateDnsEnabled": True,
            }
        )
        made = self.client.create_vpc_endpoint(
            VpcId=self.survey.vpc_id,
            ServiceName=f"com.amazonaws.{self.client.meta.region_name}.{place}",
            TagSpecifications=self.tag_specification(properties),
            **where,
        )
        return made["VpcEndpoint"]["VpcEndpointId"]

    def mend(self, place: str, was: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
        """Change what differs."""
        changes: dict[str, Any] = {}
        for key, kind, parameter in (
            ("route_tables", TABLES, "RouteTableIds"),
            ("subnets", SUBNETS, "SubnetIds"),
            ("security_groups", "", "SecurityGroupIds"),
        ):
            before, after = (
                self.survey.ids_at(kind, each.get(key, [])) if kind else set(each.get(key, []))
                for each in (was, properties)
            )
            changes[f"Add{parameter}"] = sorted(after - before)
            changes[f"Remove{parameter}"] = sorted(before - after)
        changes = {key: value for key, value in changes.items() if value}
        if was.get("private_dns") != properties.get("private_dns"):
            changes["PrivateDnsEnabled"] = properties["private_dns"]
        # What was just made has all it needs.
        if changes and set(was) != {"tags"}:
            self.client.modify_vpc_endpoint(VpcEndpointId=self.survey.ids[ENDPOINTS][place], **changes)

    def settle(self, places: Collection[str]) -> None:
        """Wait until they serve."""
        ids = self.survey.ids_at(ENDPOINTS, places)
        self.survey.wait(
            f"the endpoints of {', '.join(places)} to be available",
            lambda: all(
                each["State"].lower() == "available"
                for each in self.client.describe_vpc_endpoints(Filters=self.filters)["VpcEndpoints"]
                if each["VpcEndpointId"] in ids
            ),
        )

    def remove(self, places: Collection[str]) -> None:
        """Remove them, and wait until they are gone."""
        ids = self.survey.ids_at(ENDPOINTS, places)
        refused = self.client.delete_vpc_endpoints(VpcEndpointIds=sorted(ids))["Unsuccessful"]
        if refused:
            raise PrivateSubnetError(f"VPC endpoints could not be removed: {refused}")
        self.survey.wait(
            f"the endpoints of {', '.join(places)} to be gone",
            lambda: (
                not any(
                    each["VpcEndpointId"] in ids and each["State"].lower() != "deleted"
                    for each in self.client.describe_vpc_endpoints(Filters=self.filters)["VpcEndpoints"]
                )
            ),
        )


def converge(survey: Survey, *, purge: bool, check_mode: bool) -> dict[str, Any]:
    """Make private subnets as wanted; give changed, the diff, their ids by zone, and whether more could go.

    Raises:
        PrivateSubnetError: something cannot be made, changed or removed.
    """
    subnets = Subnets(survey)
    kinds: list[Kind] = [subnets, Addresses(survey), Gateways(survey), Tables(survey), Endpoints(survey)]
    for kind in kinds:
        kind.find()
    before = survey.state
    unwanted = set(before[SUBNETS]) - set(survey.wanted.subnets)
    held = subnets.held() & unwanted if unwanted else set()
    least = goal(survey.wanted, before, purge=True, held=held)
    after = least if purge else goal(survey.wanted, before, purge=False)
    if after != before and not check_mode:
        _apply(kinds, before, after)
    return {
        "changed": after != before,
        "diff": {"before": before, "after": after},
        "subnets": {zone: survey.ids[SUBNETS].get(zone, NOT_MADE) for zone in survey.wanted.subnets},
        "surplus": after != least,
    }


def _apply(kinds: Collection[Kind], before: State, after: State) -> None:
    """Make and mend in the order in which resources refer to each other, then remove in the opposite one."""
    for kind in kinds:
        places = differing(before, after, kind.name)
        for place in places:
            properties = after[kind.name][place]
            was = before[kind.name].get(place)
            if was is None:
                kind.survey.ids[kind.name][place] = kind.create(place, properties)
                was = {"tags": properties["tags"]}
            kind.mend_tags(place, was, properties)
            kind.mend(place, was, properties)
        if places:
            kind.settle(places)
    for kind in reversed(list(kinds)):
        places = surplus(before, after, kind.name)
        if places:
            kind.remove(places)
