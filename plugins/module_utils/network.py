"""What the network of an application looks like: its subnets and the rules of its security groups.

Pure: CIDRs and the application model in, arguments of ``amazon.aws`` modules out. Errors are ValueError,
worded for the person who wrote the inventory.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union

from .model_containers import containers

Rule = dict[str, Any]
Source = Union[str, Mapping[str, Any]]

NFS = 2049
# What EC2 accepts in a rule's description (API reference, IpRange.Description).
DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}")


def subnet_plan(zones: Sequence[str], cidr: str, prefix: int) -> list[dict[str, str]]:
    """One subnet for each zone, counted from the start of the VPC's block.

    :return: ``[{"zone": ..., "cidr": ...}]`` in the order of ``zones``
    """
    block = ipaddress.IPv4Network(cidr)
    if not block.prefixlen <= prefix <= 28:
        raise ValueError(
            f"network_subnet_prefix is {prefix}, but a subnet of network_cidr {cidr} has a prefix length "
            f"between {block.prefixlen} and 28"
        )
    room = 2 ** (prefix - block.prefixlen)
    if len(zones) > room:
        raise ValueError(
            f"network_cidr {cidr} has room for {room} subnets of prefix length {prefix}, and there are "
            f"{len(zones)} zones: choose a longer network_subnet_prefix"
        )
    return [
        {"zone": zone, "cidr": str(subnet)} for zone, subnet in zip(zones, block.subnets(new_prefix=prefix))
    ]


def private_subnet_plan(zones: Sequence[str], cidr: str, prefix: int) -> dict[str, str]:
    """One private subnet for each zone, counted from the middle of the VPC's block: public ones come before.

    :return: zone to CIDR
    """
    block = ipaddress.IPv4Network(cidr)
    if len(zones) > 2 ** max(prefix - block.prefixlen, 0) // 2:
        raise ValueError(
            f"network_cidr {cidr} has no room for a public and a private subnet of prefix length {prefix} in "
            f"each of {len(zones)} zones: choose a longer network_subnet_prefix"
        )
    _public, private = block.subnets()
    return {each["zone"]: each["cidr"] for each in subnet_plan(zones, str(private), prefix)}


def service_endpoints(services: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What tasks ask of AWS when they have no way to the internet: their images, their logs, their secrets.

    Images come from ECR alone then, whose layers are kept in S3. Files need none: EFS has mount targets.
    """
    references = (text for each in containers(services) for text in each.options["secrets"].values())
    stores = {text.partition(":")[0] for text in references}
    return ["ecr.api", "ecr.dkr", "logs", "s3", *sorted(stores & {"secretsmanager", "ssm"})]


def ssh_rules(sources: Iterable[Source]) -> list[Rule]:
    """Port 22 from each named address and nowhere else; an open port 22 is refused.

    :param sources: CIDRs, or mappings with ``cidr`` and ``description`` (who that is)
    """
    return [_ssh_rule(position, source) for position, source in enumerate(sources)]


def _ssh_rule(position: int, source: Source) -> Rule:
    where = f"ssh_allowed_cidrs[{position}]"
    if isinstance(source, str):
        source = {"cidr": source}
    unknown = sorted(set(source) - {"cidr", "description"})
    if unknown or "cidr" not in source:
        raise ValueError(
            f"{where} is {dict(source)}: expected a CIDR, or a mapping of `cidr` and `description`"
        )
    try:
        network = ipaddress.ip_network(source["cidr"])
    except ValueError as error:
        raise ValueError(f"{where}: {error}: expected a CIDR such as 203.0.113.7/32") from error
    if network.prefixlen == 0:
        raise ValueError(
            f"{where} is {network}, the whole world: port 22 is opened to named addresses only, such as your "
            "own (curl https://checkip.amazonaws.com)"
        )
    description = f"SSH from {source.get('description') or network}"
    if not DESCRIPTION.fullmatch(description):
        raise ValueError(
            f"{where}: EC2 refuses the description {description!r}: expected up to 255 letters, digits, "
            "spaces and ._-:/()#,@[]+=&;{}!$*"
        )
    return _rule(22, description, network)


def http_rules(ports: Iterable[int], cidrs: Iterable[str]) -> list[Rule]:
    """HTTP(S) ports from blocks of addresses."""
    networks = [ipaddress.ip_network(cidr) for cidr in cidrs]
    return [_rule(port, f"HTTP on {port} from {network}", network) for port in ports for network in networks]


def group_rules(ports: Iterable[int], group_name: str, group_description: str) -> list[Rule]:
    """HTTP ports from the members of a security group.

    The group is named, not given by id, and comes with its description: so a plan (check mode) can be made on
    an account where it does not exist yet.
    """
    return [
        {
            "proto": "tcp",
            "ports": [str(port)],
            "group_name": [group_name],
            "group_desc": group_description,
            "rule_desc": f"HTTP on {port} from {group_name}",
        }
        for port in ports
    ]


def singleton_rules(services: Mapping[str, Mapping[str, Any]], group_name: str) -> list[Rule]:
    """Ports of services with volumes, which run on one host, from the group itself."""
    return [
        {
            "proto": "tcp",
            "ports": [str(service["port"])],
            "group_name": [group_name],
            "rule_desc": f"{name} from the other hosts",
        }
        for name, service in sorted(services.items())
        if service.get("volumes") and service.get("port")
    ]


def service_rules(
    services: Mapping[str, Mapping[str, Any]], group_name: str, balancer_name: str, balancer_description: str
) -> list[Rule]:
    """Ports of services that run as ECS tasks: from the load balancer where routed, and from each other.

    Volumes add NFS, by which tasks reach their files.
    """
    ports = {service["port"]: name for name, service in sorted(services.items()) if service["port"]}
    routed = sorted({service["port"] for service in services.values() if service["route"]})
    inner = dict(ports)
    if any(service["volumes"] for service in services.values()):
        inner[NFS] = "files"
    return group_rules(routed, balancer_name, balancer_description) + [
        {
            "proto": "tcp",
            "ports": [str(port)],
            "group_name": [group_name],
            "rule_desc": f"{name} from the other services",
        }
        for port, name in sorted(inner.items())
    ]


def _rule(port: int, description: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Rule:
    source = "cidr_ip" if network.version == 4 else "cidr_ipv6"
    return {"proto": "tcp", "ports": [str(port)], source: [str(network)], "rule_desc": description}
