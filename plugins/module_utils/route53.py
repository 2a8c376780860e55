"""Records in public hosted zones of Route 53.

amazon.aws.route53 takes the region that AWS modules share in a play for the region of latency-based routing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]


class DnsError(Exception):
    """Something that cannot be as it is wanted, worded for the operator."""


@dataclass(frozen=True)
class Zone:
    """A hosted zone. Its name ends without a dot."""

    id: str
    name: str


def zone_of(domain: str, zones: Iterable[Zone], name: str = "") -> Zone:
    """Choose the zone with the longest name that a domain is in, or the one named.

    Raises DnsError where there is none, or several of one name.
    """
    known = list(zones)
    above = [each for each in known if f".{domain}".endswith(f".{each.name}")]
    fitting = [each for each in above if not name or each.name == name.rstrip(".")]
    longest = max((len(each.name) for each in fitting), default=0)
    found = [each for each in fitting if len(each.name) == longest]
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} of the name {found[0].name}" if found else "none"
    raise DnsError(
        f"{domain} needs one public hosted zone{f' {name}' if name else ''}, and Route 53 has {what}, of "
        f"{', '.join(sorted(each.name for each in known)) or 'no zones at all'}: make the zone, or name "
        "another in load_balancer_hosted_zone"
    )


def normal(record: Record | None) -> dict[str, Any] | None:
    """Give a record as it compares: names in lower case with a final dot, as Route 53 answers."""
    if record is None:
        return None
    shown = {"Name": _dotted(record["Name"]), "Type": record["Type"]}
    if "AliasTarget" in record:
        target = record["AliasTarget"]
        shown["AliasTarget"] = {**target, "DNSName": _dotted(target["DNSName"])}
    else:
        shown["ResourceRecords"] = sorted(_dotted(each["Value"]) for each in record["ResourceRecords"])
    return shown


def _dotted(name: str) -> str:
    return name.lower().rstrip(".") + "."


class Route53:
    """The public hosted zones of an account."""

    def __init__(self, client: Any, *, timeout: float, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._timeout = timeout
        self._sleep = sleep

    def zone_of(self, domain: str, name: str = "") -> Zone:
        """Find the zone that a domain is in."""
        pages = self._client.get_paginator("list_hosted_zones").paginate()
        zones = [
            Zone(each["Id"].rsplit("/", 1)[-1], each["Name"].rstrip("."))
            for page in pages
            for each in page["HostedZones"]
            if not each.get("Config", {}).get("PrivateZone")
        ]
        return zone_of(domain, zones, name)

    def record(self, zone: Zone, name: str, kind: str) -> Record | None:
        """Find a record; None where there is none."""
        found = self._client.list_resource_record_sets(
            HostedZoneId=zone.id, StartRecordName=name, StartRecordType=kind, MaxItems="1"
        )["ResourceRecordSets"]
        same = [each for each in found if _dotted(each["Name"]) == _dotted(name) and each["Type"] == kind]
        return same[0] if same else None

    def put(self, zone: Zone, record: Record) -> None:
        """Make or change a record, and wait until all of Route 53's servers have it."""
        self._change(zone, "UPSERT", record)

    def delete(self, zone: Zone, record: Record) -> None:
        """Delete a record, given as it was found."""
        self._change(zone, "DELETE", record)

    def _change(self, zone: Zone, action: str, record: Record) -> None:
        change = self._client.change_resource_record_sets(
            HostedZoneId=zone.id,
            ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]},
        )["ChangeInfo"]
        deadline = time.monotonic() + self._timeout
        while change["Status"] != "INSYNC":
            if time.monotonic() > deadline:
                raise DnsError(f"waited {self._timeout:.0f} s for {change['Id']} of {zone.name}: run again")
            self._sleep(2)
            change = self._client.get_change(Id=change["Id"])["ChangeInfo"]
