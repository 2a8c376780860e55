"""VPC endpoints."""

from collections.abc import Callable

from ministack.services import ec2

from lab.conformance.around import Parameters, Record, Response, around, flag
from lab.settings import Settings


def vpc_endpoints_keep_what_they_are_given(_settings: Settings) -> None:
    """A VPC endpoint has the security groups and the private DNS that it was given; both can be modified."""

    @around(ec2, "_create_vpc_endpoint")
    def create(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        answer = original(p)
        endpoint = list(ec2._vpc_endpoints.values())[-1]
        endpoint["Groups"] = ec2._parse_member_list(p, "SecurityGroupId")
        endpoint["PrivateDnsEnabled"] = flag(ec2._p(p, "PrivateDnsEnabled"))
        return answer

    @around(ec2, "_modify_vpc_endpoint")
    def modify(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        answer = original(p)
        endpoint = ec2._vpc_endpoints.get(ec2._p(p, "VpcEndpointId"), {})
        gone = ec2._parse_member_list(p, "RemoveSecurityGroupId")
        kept = [group for group in endpoint.get("Groups", []) if group not in gone]
        endpoint["Groups"] = kept + ec2._parse_member_list(p, "AddSecurityGroupId")
        if ec2._p(p, "PrivateDnsEnabled"):
            endpoint["PrivateDnsEnabled"] = flag(ec2._p(p, "PrivateDnsEnabled"))
        return answer

    @around(ec2, "_vpce_fields_xml")
    def fields(original: Callable[..., str], endpoint: Record, tag: str = "item") -> str:
        groups = "".join(f"<item><groupId>{each}</groupId></item>" for each in endpoint.get("Groups", []))
        private_dns = "true" if endpoint.get("PrivateDnsEnabled") else "false"
        added = f"<groupSet>{groups}</groupSet><privateDnsEnabled>{private_dns}</privateDnsEnabled>"
        return original(endpoint, tag).removesuffix(f"</{tag}>") + f"{added}</{tag}>"
