"""The record by which a domain leads to a load balancer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .route53 import DnsError, Record, Route53, normal


def alias(domain: str, balancer: Mapping[str, Any]) -> Record:
    """Give the record that leads to a load balancer, as DescribeLoadBalancers describes it."""
    return {
        "Name": domain,
        "Type": "A",
        "AliasTarget": {
            "HostedZoneId": balancer["CanonicalHostedZoneId"],
            "DNSName": balancer["DNSName"],
            "EvaluateTargetHealth": False,
        },
    }


def leads_to(record: Record, name: str) -> bool:
    """Tell whether a record leads to a load balancer of a name, this one or one that had it before."""
    target = record.get("AliasTarget", {}).get("DNSName", "").lower()
    host = target[len("dualstack.") :] if target.startswith("dualstack.") else target
    # AWS names it NAME-NUMBER.REGION.elb.amazonaws.com.
    return host.split(".")[0].rpartition("-")[0] == name.lower() and ".elb." in host


def converge(
    dns: Route53,
    domain: str,
    zone_name: str,
    balancer: Mapping[str, Any] | None,
    *,
    name: str,
    overwrite: bool,
    check_mode: bool,
) -> dict[str, Any]:
    """Let a domain lead to a load balancer; None of that name yet is a plan's.

    Raises:
        DnsError: there is no zone, or the domain leads elsewhere.
    """
    zone = dns.zone_of(domain, zone_name)
    there = dns.record(zone, domain, "A")
    if there and not overwrite and not leads_to(there, name):
        raise DnsError(
            f"{domain} leads elsewhere: {normal(there)} in the hosted zone {zone.name}. Remove that record, "
            "or let this one take its place with load_balancer_domain_overwrite: true"
        )
    record = alias(domain, balancer) if balancer else None
    after = normal(record) if record else {"Name": domain, "AliasTarget": f"load balancer {name}"}
    changed = normal(there) != after
    if record and changed and not check_mode:
        dns.put(zone, record)
    return {"changed": changed, "diff": {"before": normal(there) or {}, "after": after}}


def remove(dns: Route53, domain: str, zone_name: str, *, name: str, check_mode: bool) -> dict[str, Any]:
    """Remove the record if it leads to the load balancer of a name. A zone that is gone took it along."""
    try:
        zone = dns.zone_of(domain, zone_name)
    except DnsError:
        return {"changed": False, "diff": {"before": {}, "after": {}}}
    there = dns.record(zone, domain, "A")
    if there is None or not leads_to(there, name):
        return {"changed": False, "diff": {"before": {}, "after": {}}}
    if not check_mode:
        dns.delete(zone, there)
    return {"changed": True, "diff": {"before": normal(there), "after": {}}}
