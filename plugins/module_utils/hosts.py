"""Which instances an environment has: their names, places, and those that are too many.

Pure: counts, subnets and what DescribeInstances answered in, lists for the ec2_hosts role out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# ec2_instance looks at the groups within the subnet's VPC, and fails where check mode knows no subnet yet.
MISSING_SUBNET = re.compile(r"subnet-(?![0-9a-f]+$)")


def wanted_hosts(
    count: int, name: str, subnets: Mapping[str, str], security_groups: Sequence[str]
) -> list[dict[str, Any]]:
    """The hosts ``<name>-1`` to ``<name>-<count>``, dealt to the zones in turn.

    :param subnets: zone to subnet id
    :return: for each host its name, zone, subnet id and security groups (none where it has no subnet yet)
    """
    if count < 1:
        raise ValueError(
            f"ec2_hosts_count is {count}, but the first host keeps the data of services with volumes: "
            "expected 1 or more; playbooks/destroy.yml removes an environment"
        )
    places = list(subnets.items())
    if not places:
        raise ValueError("ec2_hosts_subnets is empty: expected a mapping of zones to subnet ids")
    return [
        _host(f"{name}-{number}", *places[(number - 1) % len(places)], security_groups)
        for number in range(1, count + 1)
    ]


def _host(name: str, zone: str, subnet: str, groups: Sequence[str]) -> dict[str, Any]:
    known = not MISSING_SUBNET.match(subnet)
    return {
        "name": name,
        "zone": zone,
        "subnet_id": subnet,
        "security_groups": [group for group in groups if group] if known else [],
    }


def numbered_hosts(instances: Iterable[Mapping[str, Any]], name: str) -> dict[int, Mapping[str, Any]]:
    """Instances by the number in their Name tag, in the order of their numbers; others are not ours.

    :param instances: as ``amazon.aws.ec2_instance_info`` returns them
    """
    pattern = re.compile(rf"{re.escape(name)}-([1-9]\d*)")
    found: dict[int, Mapping[str, Any]] = {}
    for instance in instances:
        match = pattern.fullmatch(instance.get("tags", {}).get("Name", ""))
        if not match:
            continue
        number = int(match[1])
        if number in found:
            raise ValueError(
                f"two instances are named {match[0]}: {found[number]['instance_id']} and "
                f"{instance['instance_id']}: expected one; terminate or rename the one that is not in use"
            )
        found[number] = instance
    return dict(sorted(found.items()))


def missing_hosts(instances: Iterable[Mapping[str, Any]], name: str, count: int) -> list[str]:
    """Names of the hosts that have to be launched."""
    present = numbered_hosts(instances, name)
    return [f"{name}-{number}" for number in range(1, count + 1) if number not in present]


def surplus_hosts(instances: Iterable[Mapping[str, Any]], name: str, count: int) -> list[dict[str, str]]:
    """Name and id of the hosts with numbers above the count, highest first; never the first host."""
    return [
        {"name": f"{name}-{number}", "id": instance["instance_id"]}
        for number, instance in reversed(numbered_hosts(instances, name).items())
        if number > max(count, 1)
    ]


def resized_hosts(instances: Iterable[Mapping[str, Any]], name: str, instance_type: str) -> list[str]:
    """Names of the hosts whose instance type is not the one wanted, with the type they have."""
    return [
        f"{name}-{number} ({instance['instance_type']})"
        for number, instance in numbered_hosts(instances, name).items()
        if instance["instance_type"] != instance_type
    ]


def host_addresses(instances: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Name, id and the address that ssh reaches, of instances that run."""
    return [
        {
            "name": instance["tags"]["Name"],
            "id": instance["instance_id"],
            "address": instance.get("public_ip_address") or instance["private_ip_address"],
        }
        for instance in instances
    ]
