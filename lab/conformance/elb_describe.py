"""Load balancers, listeners and target groups as the API describes them."""

import re
from collections.abc import Callable
from typing import Any

from ministack.services import alb, ec2

from lab.conformance.around import Parameters, Record, Response, around
from lab.settings import Settings


def actions_have_an_order_only_if_given(_settings: Settings) -> None:
    """An action of a listener or rule shows an Order only if it was given one."""

    @around(alb, "_parse_actions")
    def as_given(
        original: Callable[..., list[Record]], p: Parameters, prefix: str = "DefaultActions"
    ) -> list[Record]:
        actions = original(p, prefix)
        for number, action in enumerate(actions, 1):
            if not alb._p(p, f"{prefix}.member.{number}.Order"):
                del action["Order"]
        return actions

    @around(alb, "_action_xml")
    def as_kept(original: Callable[[Record], str], action: Record) -> str:
        xml = original(action)
        return xml if "Order" in action else re.sub(r"<Order>\d+</Order>", "", xml)


def load_balancers_are_in_the_zones_of_their_subnets(_settings: Settings) -> None:
    """A load balancer is in the VPC and the zones of its subnets."""

    @around(alb, "_lb_xml")
    def placed(original: Callable[[Record], str], balancer: Record) -> str:
        subnets = [ec2._subnets.get(name) for name in balancer["Subnets"]]
        known = [subnet for subnet in subnets if subnet]
        if known:
            balancer["VpcId"] = known[0]["VpcId"]
        xml = original(balancer)
        for subnet in known:
            xml = re.sub(
                rf"<ZoneName>[^<]*</ZoneName><SubnetId>{subnet['SubnetId']}<",
                f"<ZoneName>{subnet['AvailabilityZone']}</ZoneName><SubnetId>{subnet['SubnetId']}<",
                xml,
            )
        return xml


def target_groups_know_the_load_balancers_that_use_them(_settings: Settings) -> None:
    """A target group names the load balancers that forward to it, and one in use is not deleted."""

    @around(alb, "_describe_tgs")
    def with_users(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        names = alb._parse_member_list(p, "Names")
        existing = {group["TargetGroupName"] for group in alb._tgs.values()}
        if names and not existing.intersection(names):
            missing: Response = alb._error("TargetGroupNotFound", "One or more target groups not found", 400)
            return missing
        for group in alb._tgs.values():
            group["LoadBalancerArns"] = users(group["TargetGroupArn"])
        return original(p)

    @around(alb, "_delete_tg")
    def unless_in_use(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        arn = alb._p(p, "TargetGroupArn")
        if users(arn):
            message = f"Target group '{arn}' is currently in use by a listener or a rule"
            refusal: Response = alb._error("ResourceInUse", message, 400)
            return refusal
        return original(p)


def users(group_arn: str) -> list[str]:
    """The ARNs of the load balancers with a rule that forwards to a target group, whatever the account."""
    listeners = {key[-1]: listener for key, listener in alb._listeners.all_items()}
    found = set()
    for rule in alb._rules.all_values():
        targets = [action.get("TargetGroupArn") for action in rule["Actions"]]
        listener = listeners.get(rule["ListenerArn"])
        if group_arn in targets and listener is not None:
            found.add(listener["LoadBalancerArn"])
    return sorted(found)


def deleting_a_load_balancer_deletes_its_listeners(_settings: Settings) -> None:
    """DeleteLoadBalancer deletes its listeners and their rules too."""

    @around(alb, "_delete_lb")
    def with_listeners(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        arn = alb._p(p, "LoadBalancerArn")
        for listener in [each for each in alb._listeners.values() if each["LoadBalancerArn"] == arn]:
            deletion: dict[str, Any] = {"ListenerArn": listener["ListenerArn"]}
            alb._delete_listener(deletion)
        return original(p)
