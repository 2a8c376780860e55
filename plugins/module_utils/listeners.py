"""Rules of a load balancer's listeners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def forward_to(rules: Iterable[Mapping[str, Any]], arns: Mapping[str, str]) -> list[dict[str, Any]]:
    """Name target groups by ARN instead of by name.

    ``elb_application_lb`` looks names up, and fails in a plan (check mode) where a group does not exist yet.

    :param rules: rules with ``TargetGroupName`` in their actions
    :param arns: target group name to ARN, as ``slipway.core.target_groups`` returns them
    """
    return [{**rule, "Actions": [_by_arn(action, arns) for action in rule["Actions"]]} for rule in rules]


def group_arns(groups: Iterable[Mapping[str, Any]], arns: Mapping[str, str]) -> dict[str, str]:
    """Give the ARN of each service's target group."""
    return {group["service"]: arns[group["name"]] for group in groups}


def _by_arn(action: Mapping[str, Any], arns: Mapping[str, str]) -> dict[str, Any]:
    rest = {key: value for key, value in action.items() if key != "TargetGroupName"}
    return {**rest, "TargetGroupArn": arns[action["TargetGroupName"]]}
