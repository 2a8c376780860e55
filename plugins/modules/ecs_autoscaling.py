#!/usr/bin/python
"""Ansible module slipway.core.ecs_autoscaling."""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.ecs_api import EcsError
from ..module_utils.ecs_autoscaling import (
    Autoscaling,
    Scaling,
    converge,
    registered,
    remove,
    resource_label,
)
from ..module_utils.several import Call, SeveralModule

DOCUMENTATION = r"""
---
module: ecs_autoscaling
short_description: Keep the autoscaling of an ECS service as described
version_added: "0.2.0"
description:
  - >-
    Registers the service with Application Auto Scaling, or mends whatever differs from the description, in
    whatever field. Scaling policies and scheduled actions that the description lacks are deleted.
  - >-
    A field that is left out is to have AWS's default. Where AWS would keep the old value of a field that is
    left out, the policy or scheduled action is deleted and put anew.
  - >-
    A scheduled action sets the bounds of the scalable target when it runs. Bounds that one of the scheduled
    actions sets are therefore left as they are, all others are mended.
  - >-
    A scheduled action whose time is over counts as left out, as AWS takes none that can never run.
  - >-
    The desired count of the service is autoscaling's from then on, and C(keep_desired_count) of
    M(slipway.core.ecs_service) leaves it alone. AWS itself brings it within the bounds when the service is
    registered.
options:
  service:
    description: Name of the service.
    type: str
  each:
    description:
      - >-
        In place of O(service), several services: a mapping of their names to options, which count before
        those that are the same for all, as O(cluster) is. A list of names is enough where nothing differs.
      - >-
        Fifty are asked for by one request, and those that differ are changed beside each other. The task
        fails where any fails, and names each that does.
    type: raw
  cluster:
    description: Name or ARN of its cluster.
    type: str
    required: true
  target:
    description: >-
      The fields of RegisterScalableTarget that say how far the service scales, MinCapacity, MaxCapacity and
      if need be SuspendedState, named as the API names them. Needed for O(state=present).
    type: dict
  policies:
    description: >-
      Scaling policies by name, each with the fields of PutScalingPolicy that are not its name or its target.
    type: dict
    default: {}
  scheduled_actions:
    description: >-
      Scheduled actions by name, each with the fields of PutScheduledAction that are not its name or its
      target. A time without a zone is in UTC.
    type: dict
    default: {}
  target_group:
    description: >-
      ARN of the target group of the service. Of it and its load balancer the ResourceLabel is made that
      policies of C(ALBRequestCountPerTarget) need, where they have none.
    type: str
  tags:
    description:
      - Tags of the scalable target, all of them but for those that AWS itself sets.
      - Not given leaves them alone.
    type: dict
  state:
    description: >-
      V(absent) deregisters the service, with all policies and scheduled actions. Its tasks run on, as many as
      there are.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
    description: Says exactly what would change. Cluster, service and target group need not exist yet.
  diff_mode:
    support: full
    description: Shows all that is registered, before and after; AWS's defaults are left out.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Keep the processors of the API at 60 percent by day, and few tasks by night
  slipway.core.ecs_autoscaling:
    cluster: goals-prod
    service: api
    target: {MinCapacity: 2, MaxCapacity: 10}
    policies:
      cpu:
        PolicyType: TargetTrackingScaling
        TargetTrackingScalingPolicyConfiguration:
          TargetValue: 60
          PredefinedMetricSpecification: {PredefinedMetricType: ECSServiceAverageCPUUtilization}
    scheduled_actions:
      night:
        Schedule: cron(0 22 * * ? *)
        Timezone: Europe/Berlin
        ScalableTargetAction: {MinCapacity: 1, MaxCapacity: 2}
      day:
        Schedule: cron(0 6 * * ? *)
        Timezone: Europe/Berlin
        ScalableTargetAction: {MinCapacity: 2, MaxCapacity: 10}

- name: Keep each task at 500 requests a minute
  slipway.core.ecs_autoscaling:
    cluster: goals-prod
    service: api
    target: {MinCapacity: 2, MaxCapacity: 10}
    policies:
      requests:
        PolicyType: TargetTrackingScaling
        TargetTrackingScalingPolicyConfiguration:
          TargetValue: 500
          PredefinedMetricSpecification: {PredefinedMetricType: ALBRequestCountPerTarget}
    target_group: "{{ load_balancer_made.target_groups.api }}"

- name: Let two services scale no longer
  slipway.core.ecs_autoscaling:
    cluster: goals-prod
    each: [api, web]
    state: absent
"""

RETURN = r"""
results:
  description: What is below of each service, in the order given, with its name as C(item).
  returned: with O(each)
  type: list
  elements: dict
scaling:
  description: Bounds, policies and scheduled actions as they are now, or would be, without AWS's defaults.
  returned: O(state=present)
  type: dict
  contains:
    target:
      description: The scalable target.
      type: dict
    policies:
      description: Scaling policies by name.
      type: dict
    scheduled_actions:
      description: Scheduled actions by name.
      type: dict
updated:
  description: What was (or would be) written or removed, such as C(scaling policy cpu).
  returned: O(state=present)
  type: list
  elements: str
"""


def label(call: Call, client: Any) -> str:
    """The resource label of the service's target group; in a plan also of one that is not there yet."""
    group = call.params["target_group"]
    try:
        answer = client.describe_target_groups(TargetGroupArns=[group]) if group else {"TargetGroups": []}
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("TargetGroupNotFound", "ValidationError"):
            raise
        answer = {"TargetGroups": []}
    balancers = [arn for each in answer["TargetGroups"] for arn in each.get("LoadBalancerArns", [])]
    if balancers:
        return resource_label(balancers[0], group)
    if call.check_mode:
        return "known once the load balancer forwards to the target group"
    raise EcsError(
        f"Service {call.params['service']} cannot scale by requests: target_group is {group}, expected the "
        "ARN of a target group to which a load balancer forwards. Give the service a route, or the policy "
        "its ResourceLabel"
    )


def main() -> None:
    """Run the module."""
    asked = SeveralModule(
        AnsibleAWSModule,
        {
            "service": {"required": True},
            "cluster": {"required": True},
            "target": {"type": "dict"},
            "policies": {"type": "dict", "default": {}},
            "scheduled_actions": {"type": "dict", "default": {}},
            "target_group": {},
            "tags": {"type": "dict"},
            "state": {"choices": ["present", "absent"], "default": "present"},
        },
        one="service",
        label_as="service",
        required_if=[("state", "present", ("target",))],
    )
    module, names = asked.module, list(asked.calls)
    client, cluster = module.client("application-autoscaling"), module.params["cluster"]
    balancers = module.client("elbv2") if any(call["target_group"] for call in asked.calls.values()) else None
    try:
        targets = registered(client, cluster, names)
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The scaling of cluster {cluster} cannot be read")

    def act(call: Call) -> dict[str, Any]:
        params, check_mode = call.params, call.check_mode
        scaling = Autoscaling(client, cluster, params["service"])
        target = targets.get(params["service"])
        if params["state"] == "absent":
            return remove(scaling, target, check_mode=check_mode)
        tags = None if params["tags"] is None else {key: str(value) for key, value in params["tags"].items()}
        given = Scaling(params["target"], params["policies"], params["scheduled_actions"])
        return converge(scaling, given, tags, lambda: label(call, balancers), target, check_mode=check_mode)

    def refused(call: Call) -> str:
        return f"The scaling of service {call.params['service']} cannot be made {call.params['state']}"

    asked.end(asked.call(act, refused, names))


if __name__ == "__main__":
    main()
