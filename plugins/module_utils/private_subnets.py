"""Private subnets and their ways out: what is wanted, what is there, what there should be.

Pure. Every resource belongs to a kind and has a place in it: the zone of a subnet, of its route table, of a
NAT gateway and its address; the service of a VPC endpoint. Resources refer to each other by place, so that a
plan needs no ids, which only exist once something was made.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

# Kind to place to properties, `tags` among them.
State = dict[str, dict[str, dict[str, Any]]]

# In the order in which they are made; they are removed in the opposite one.
SUBNETS, ADDRESSES, GATEWAYS, TABLES, ENDPOINTS = KINDS = (
    "subnets",
    "addresses",
    "nat_gateways",
    "route_tables",
    "endpoints",
)
# A resource's Name is the environment's, this, and its place.
NAMES = {
    SUBNETS: "-private-",
    ADDRESSES: "-nat-",
    GATEWAYS: "-nat-",
    TABLES: "-private-",
    ENDPOINTS: "-endpoint-",
}
# The tags that tell an environment's resources from others, beside the Name.
OWNERS = ("slipway_app", "slipway_environment")

EVERYWHERE = "0.0.0.0/0"
# Services whose endpoints are routes and cost nothing; those of all others are network interfaces.
BY_ROUTE = frozenset({"s3", "dynamodb"})


class PrivateSubnetError(Exception):
    """Something that cannot be made as it is wanted, worded for the operator."""


@dataclass(frozen=True)
class Wanted:
    """Private subnets as they are wanted."""

    name: str
    tags: Mapping[str, str]
    # Zone to CIDR.
    subnets: Mapping[str, str]
    # Zone of a NAT gateway to the public subnet that it stands in.
    gateways: Mapping[str, str]
    # Services such as ecr.api, and the security groups of their network interfaces.
    endpoints: Collection[str]
    security_groups: Collection[str]

    def routes(self, zone: str) -> dict[str, str]:
        """Destinations and targets: the zone's own NAT gateway, or else the first one."""
        if not self.gateways:
            return {}
        return {EVERYWHERE: gateway_of(zone if zone in self.gateways else min(self.gateways))}

    def name_of(self, kind: str, place: str) -> str:
        """Give a resource's Name."""
        return f"{self.name}{NAMES[kind]}{place}"


def gateway_of(zone: str) -> str:
    """Name a route's target without its id."""
    return f"NAT gateway of {zone}"


def goal(wanted: Wanted, actual: State, *, purge: bool, held: Collection[str] = ()) -> State:
    """What there should be.

    :param purge: whether what is not wanted goes; otherwise it stays as it is, because tasks may still use it
    :param held: zones whose subnets cannot go
    Raises PrivateSubnetError where a subnet would have to change its addresses.
    """
    moved = [
        f"{zone} has {actual[SUBNETS][zone]['cidr']}, wanted {cidr}"
        for zone, cidr in wanted.subnets.items()
        if actual[SUBNETS].get(zone, {}).get("cidr", cidr) != cidr
    ]
    if moved:
        raise PrivateSubnetError(
            f"AWS never changes the addresses of a subnet: the private one of {', of '.join(moved)}. Set "
            "network_cidr, network_subnet_prefix and the order of the zones back, or destroy the environment"
        )
    kept = {kind: {} if purge else actual[kind] for kind in KINDS}
    described = _described(wanted, kept)
    after = {kind: {**kept[kind], **described[kind]} for kind in KINDS}
    for kind, places in described.items():
        for place, properties in places.items():
            tags = actual[kind].get(place, {}).get("tags", {})
            properties["tags"] = {**tags, **wanted.tags, "Name": wanted.name_of(kind, place)}
    for zone in held:
        after[SUBNETS].setdefault(zone, actual[SUBNETS][zone])
    return after


def _described(wanted: Wanted, kept: State) -> State:
    """Give the properties of all that is wanted, tags excepted."""
    zones = sorted({*kept[SUBNETS], *wanted.subnets})
    return {
        SUBNETS: {zone: {"cidr": cidr} for zone, cidr in wanted.subnets.items()},
        ADDRESSES: {zone: {} for zone in wanted.gateways},
        GATEWAYS: {zone: {} for zone in wanted.gateways},
        TABLES: {
            zone: {"subnets": [zone], "routes": wanted.routes(zone) or _way_out(kept[TABLES].get(zone, {}))}
            for zone in wanted.subnets
        },
        ENDPOINTS: {
            service: {"route_tables": zones}
            if service in BY_ROUTE
            else {"subnets": zones, "security_groups": sorted(wanted.security_groups), "private_dns": True}
            for service in wanted.endpoints
        },
    }


def _way_out(table: Mapping[str, Any]) -> dict[str, str]:
    """Give the way out that a table has, which tasks use until they have another one."""
    return {to: by for to, by in table.get("routes", {}).items() if to == EVERYWHERE}


def differing(before: State, after: State, kind: str) -> list[str]:
    """Places of one kind that have to be made or mended."""
    return [place for place, properties in after[kind].items() if before[kind].get(place) != properties]


def surplus(before: State, after: State, kind: str) -> list[str]:
    """Places of one kind that have to go."""
    return [place for place in before[kind] if place not in after[kind]]
