"""Security groups."""

from typing import Any

from ministack.services import ec2

from lab.conformance.around import Parameters, Record, Response
from lab.settings import Settings

RANGES = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")


def descriptions_of_security_group_rules_can_change(_settings: Settings) -> None:
    """UpdateSecurityGroupRuleDescriptions{Ingress,Egress} change a rule's description and nothing else."""
    for direction, kept_in in (("Ingress", "IpPermissions"), ("Egress", "IpPermissionsEgress")):
        action = f"UpdateSecurityGroupRuleDescriptions{direction}"

        def update(p: Parameters, action: str = action, kept_in: str = kept_in) -> Response:
            answer: Response
            group = ec2._security_groups.get(ec2._p(p, "GroupId"))
            if group is None:
                message = f"The security group '{ec2._p(p, 'GroupId')}' does not exist"
                answer = ec2._error("InvalidGroup.NotFound", message, 400)
                return answer
            for asked in ec2._parse_ip_permissions(p, "IpPermissions"):
                for rule in group[kept_in]:
                    if _ports(rule) == _ports(asked):
                        _describe(rule, asked)
            answer = ec2._xml(200, f"{action}Response", "<return>true</return>")
            return answer

        ec2._ACTION_MAP[action] = update


def _describe(rule: Record, asked: Record) -> None:
    for kind in RANGES:
        wanted = {_bare(each): each.get("Description", "") for each in asked[kind]}
        for each in rule[kind]:
            if _bare(each) in wanted:
                each["Description"] = wanted[_bare(each)]


def _ports(rule: Record) -> tuple[Any, ...]:
    return rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort")


def _bare(entry: Record) -> frozenset[tuple[str, str]]:
    """What tells two entries of a rule apart; the account and VPC of a group may be left out."""
    return frozenset(
        (name, entry[name]) for name in ("CidrIp", "CidrIpv6", "PrefixListId", "GroupId") if name in entry
    )
