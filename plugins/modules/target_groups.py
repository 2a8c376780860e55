#!/usr/bin/python
"""Ansible module slipway.core.target_groups."""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.target_groups import Change, TargetGroup, TargetGroupError, TargetGroups, compare, merged

DOCUMENTATION = r"""
module: target_groups
short_description: Manage the target groups of an environment exactly
description:
  - >-
    Makes the target groups of Application Load Balancers that are wanted, mends what differs in their
    health checks, attributes, tags and registered targets, and names those of the environment that are wanted
    no more.
  - >-
    Stands in for community.aws.elb_target_group and community.aws.elb_target, which have no check mode and no
    diff, and of which the former deregisters by default what it was not told of.
  - Attributes and tags that are not named are left alone.
options:
  state:
    description:
      - V(present) makes and mends the groups; others of the environment stay and are returned as RV(stale).
      - V(absent) removes the groups named, or all of the environment when O(groups) is not given.
    type: str
    choices: [present, absent]
    default: present
  vpc_id:
    description: Id of their VPC. Needed to make them; without it O(state=absent) looks in every VPC.
    type: str
  environment_tags:
    description: Tags that every group gets, and by which the environment's own are known. Name is added.
    type: dict
    required: true
  groups:
    description: The groups.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name, unique in the region, of up to 32 characters.
        type: str
        required: true
      service:
        description: Service that it sends requests to; becomes the tag C(slipway_service).
        type: str
      health_check_path:
        description: Path that is asked. Needed for O(state=present).
        type: str
      health_check_interval:
        description: Seconds between questions.
        type: int
        default: 30
      health_check_timeout:
        description: Seconds to wait for an answer.
        type: int
        default: 5
      healthy_threshold_count:
        description: Good answers in a row that bring a target in.
        type: int
        default: 2
      unhealthy_threshold_count:
        description: Bad answers in a row that take it out.
        type: int
        default: 2
  target_type:
    description: What targets are.
    type: str
    choices: [instance, ip]
    default: instance
  port:
    description: Port of the targets.
    type: int
    default: 80
  success_codes:
    description: HTTP codes of a good answer.
    type: str
    default: 200-399
  attributes:
    description: Attributes of each group, such as C(deregistration_delay.timeout_seconds).
    type: dict
    default: {}
  targets:
    description:
      - Ids of the instances, or addresses, that are registered with each group, and no others.
      - Not given leaves targets alone, as for groups that an ECS service registers its tasks with.
    type: list
    elements: str
  drain_timeout:
    description: Seconds to wait until targets that are taken out have finished their requests.
    type: int
    default: 360
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Says exactly what would change.
    support: full
  diff_mode:
    description: Shows each group that changes, before and after.
    support: full
author: Slipway
"""

EXAMPLES = r"""
- name: One group with two instances
  slipway.core.target_groups:
    vpc_id: vpc-0123456789abcdef0
    environment_tags:
      slipway_app: goals
      slipway_environment: prod
    groups:
      - name: goals-prod-backend
        health_check_path: /-/health/backend
    attributes:
      deregistration_delay.timeout_seconds: 30
    targets: [i-0123456789abcdef0, i-0fedcba9876543210]
"""

RETURN = r"""
arns:
  description: ARN of each group by name. In check mode that of a group to be made is a placeholder.
  type: dict
  returned: when state is present
load_balancers:
  description: ARNs of the load balancers that used the groups before, as far as these were there.
  type: list
  elements: str
  returned: when state is present
stale:
  description:
    - Groups of this environment that are not wanted any more, as O(groups) takes them.
    - They can be removed once no listener uses them.
  type: list
  elements: dict
  returned: when state is present
"""

NOT_MADE_YET = "arn-not-made-yet"


def wanted_groups(params: dict[str, Any]) -> list[TargetGroup]:
    """Give the groups as the parameters describe them."""
    return [
        TargetGroup(
            name=group["name"],
            target_type=params["target_type"],
            protocol="HTTP",
            port=params["port"],
            health_check={
                "path": group["health_check_path"],
                "interval": group["health_check_interval"],
                "timeout": group["health_check_timeout"],
                "healthy_threshold": group["healthy_threshold_count"],
                "unhealthy_threshold": group["unhealthy_threshold_count"],
            },
            matcher=params["success_codes"],
            attributes={key: _text(value) for key, value in params["attributes"].items()},
            tags=_tags(params["environment_tags"], group),
            targets=None if params["targets"] is None else tuple(sorted(set(params["targets"]))),
        )
        for group in params["groups"] or []
    ]


def _tags(tags: dict[str, str], group: dict[str, Any]) -> dict[str, str]:
    service = {"slipway_service": group["service"]} if group["service"] else {}
    return {**tags, **service, "Name": group["name"]}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def present(module: AnsibleAWSModule, groups: TargetGroups) -> dict[str, Any]:
    """Make and mend."""
    wanted = wanted_groups(module.params)
    actual = groups.find([group.name for group in wanted])
    # Everything is compared before anything is changed: a group that cannot be mended stops the run here.
    changes = {group.name: _change(group, actual) for group in wanted}
    arns = {group.name: actual[group.name].arn if group.name in actual else NOT_MADE_YET for group in wanted}
    before, after = {}, {}
    for group in wanted:
        known = actual.get(group.name)
        if known is None:
            after[group.name] = group.shown()
        elif changes[group.name]:
            before[group.name], after[group.name] = known.shown(), merged(group, known).shown()
    if not module.check_mode:
        for group in wanted:
            if group.name not in actual:
                arns[group.name] = groups.create(group)
            else:
                groups.update(group, arns[group.name], changes[group.name])
        for group in wanted:
            leaving = changes[group.name].deregister
            groups.await_drained(arns[group.name], leaving, group.port, module.params["drain_timeout"])
    return {
        "changed": bool(after),
        "arns": arns,
        "load_balancers": sorted({arn for group in actual.values() for arn in group.load_balancers}),
        "stale": [{"name": name} for name in sorted(set(actual) - set(changes))],
        "diff": {"before": before, "after": after},
    }


def _change(group: TargetGroup, actual: dict[str, TargetGroup]) -> Change:
    return compare(group, actual[group.name]) if group.name in actual else Change()


def absent(module: AnsibleAWSModule, groups: TargetGroups) -> dict[str, Any]:
    """Remove."""
    actual = groups.find()
    named = module.params["groups"]
    doomed = set(actual) if named is None else set(actual) & {group["name"] for group in named}
    if not module.check_mode:
        for name in sorted(doomed):
            groups.delete(actual[name].arn)
    before = {name: actual[name].shown() for name in sorted(doomed)}
    return {"changed": bool(doomed), "diff": {"before": before, "after": {}}}


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "state": {"choices": ["present", "absent"], "default": "present"},
            "vpc_id": {},
            "environment_tags": {"type": "dict", "required": True},
            "groups": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"required": True},
                    "service": {},
                    "health_check_path": {},
                    "health_check_interval": {"type": "int", "default": 30},
                    "health_check_timeout": {"type": "int", "default": 5},
                    "healthy_threshold_count": {"type": "int", "default": 2},
                    "unhealthy_threshold_count": {"type": "int", "default": 2},
                },
            },
            "target_type": {"choices": ["instance", "ip"], "default": "instance"},
            "port": {"type": "int", "default": 80},
            "success_codes": {"default": "200-399"},
            "attributes": {"type": "dict", "default": {}},
            "targets": {"type": "list", "elements": "str"},
            "drain_timeout": {"type": "int", "default": 360},
        },
        required_if=[("state", "present", ("vpc_id", "groups"))],
        supports_check_mode=True,
    )
    act = {"present": present, "absent": absent}[module.params["state"]]
    try:
        groups = TargetGroups(
            module.client("elbv2"),
            module.params["vpc_id"],
            module.params["environment_tags"],
            targeted=module.params["targets"] is not None,
        )
        module.exit_json(**act(module, groups))
    except TargetGroupError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg="Elastic Load Balancing refused")


if __name__ == "__main__":
    main()
