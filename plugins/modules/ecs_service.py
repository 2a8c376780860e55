#!/usr/bin/python
"""Ansible module slipway.core.ecs_service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.ecs_api import EcsError, from_tags, retag, tag_change, tags_after, without_aws
from ..module_utils.ecs_service import IN_REVISION, Service, checked, compare, described, normalised, primary

DOCUMENTATION = r"""
---
module: ecs_service
short_description: Keep an ECS service as described
version_added: "0.1.0"
description:
  - >-
    Compares every field that CreateService and UpdateService take with what AWS makes of it, and mends all
    that differs by one UpdateService. It never forces a deployment: ECS starts one when a field needs it.
  - >-
    A field that is left out is to have AWS's default. Only availabilityZoneRebalancing,
    capacityProviderStrategy, desiredCount, gatewayConnectors, launchType, monitoring, networkConfiguration
    (and the securityGroups in it), role and the namespace of Service Connect stay as they are when left out.
  - Does not wait for tasks; M(slipway.core.ecs_rollout) does.
  - >-
    Stands in for community.aws.ecs_service, which does not see changed networks, deployment configurations,
    capacity providers and platform versions, and cannot change tags.
options:
  name:
    description: Name of the service.
    type: str
    required: true
  cluster:
    description: Name or ARN of its cluster.
    type: str
    required: true
  service:
    description:
      - >-
        The fields of CreateService, named as the API names them, without serviceName, cluster, tags and
        clientToken.
      - >-
        taskDefinition is needed, as C(family:revision) or ARN. The fields are checked against the API's own
        model before anything is done. Needed for O(state=present).
    type: dict
  tags:
    description:
      - Tags of the service, all of them but for those that AWS itself sets.
      - Not given leaves them alone.
    type: dict
  keep_desired_count:
    description: Whether desiredCount is for a new service only, as autoscaling owns that of an existing one.
    type: bool
    default: false
  replace:
    description:
      - >-
        Whether a service is deleted and made anew where ECS cannot change a field in place: launchType, role,
        schedulingStrategy. Nothing serves in between.
    type: bool
    default: false
  state:
    description: V(absent) deletes the service with its tasks and waits until it is gone.
    type: str
    choices: [present, absent]
    default: present
  timeout:
    description: Seconds to wait until a deleted service is gone.
    type: int
    default: 600
attributes:
  check_mode:
    support: full
    description: Says exactly what would change. The cluster and the task definition need not exist yet.
  diff_mode:
    support: full
    description: Shows service and tags before and after; AWS's defaults are left out.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Run two tasks of the API behind the load balancer
  slipway.core.ecs_service:
    name: api
    cluster: goals-prod
    service:
      taskDefinition: "{{ api.task_definition.arn }}"
      desiredCount: 2
      launchType: FARGATE
      networkConfiguration:
        awsvpcConfiguration:
          subnets: [subnet-0123456789abcdef0, subnet-0fedcba9876543210]
          securityGroups: [sg-0123456789abcdef0]
      loadBalancers:
        - targetGroupArn: "{{ target_groups.arns['goals-prod-api'] }}"
          containerName: api
          containerPort: 8080
      deploymentConfiguration:
        deploymentCircuitBreaker: {enable: true, rollback: true}
    keep_desired_count: true
    tags:
      slipway_app: goals
"""

RETURN = r"""
service:
  description: The service.
  returned: when state is present
  type: dict
  contains:
    arn:
      description: Its ARN; null in check mode where it would be made.
      type: str
    name:
      description: Its name.
      type: str
    cluster:
      description: The cluster as given.
      type: str
    definition:
      description: The service as it is compared, in the API's names and without AWS's defaults.
      type: dict
    tags:
      description: Its tags.
      type: dict
deployment:
  description: Id of the PRIMARY deployment; null in check mode where the service would be made or changed.
  returned: when state is present
  type: str
updated:
  description: Names of the fields that were (or would be) changed by UpdateService.
  returned: when state is present
  type: list
  elements: str
replaced:
  description: Names of the fields for which the service was (or would be) deleted and made anew.
  returned: when state is present
  type: list
  elements: str
"""


def present(module: AnsibleAWSModule, service: Service) -> dict[str, Any]:
    """Make, mend or replace."""
    params = module.params
    tags = None if params["tags"] is None else {key: str(value) for key, value in params["tags"].items()}
    wanted = checked(service.name, params["service"], service.create_shape)
    actual = service.find()
    if actual and actual["status"] == "DRAINING":
        if not module.check_mode:
            service.await_gone()
        actual = None
    if actual is None:
        return _created(module, service, wanted, tags or {}, {})
    if params["keep_desired_count"]:
        wanted["desiredCount"] = actual["desiredCount"]
    is_tags = from_tags(actual.get("tags", []))
    revision = service.revision(actual) if set(IN_REVISION) & set(wanted) else {}
    shown = described(actual, revision)
    change = compare(wanted, shown, service.create_shape, service.update_shape)
    before = {"service": normalised(shown, service.create_shape), "tags": is_tags}
    if change.fixed:
        _refuse_unless_allowed(module, change.fixed)
        if not module.check_mode:
            service.delete()
        result = _created(module, service, wanted, without_aws(tags_after(tags, is_tags)), before)
        return {**result, "replaced": list(change.fixed)}
    retagged = tag_change(tags, is_tags)
    if not module.check_mode:
        if change.update:
            actual = service.update(change.update)
        retag(service.client, actual["serviceArn"], retagged)
    after = {"service": dict(change.after), "tags": tags_after(tags, is_tags)}
    unknown = change.update and module.check_mode
    return {
        **_result(
            service, actual["serviceArn"], None if unknown else primary(actual).get("id"), before, after
        ),
        "changed": bool(change.update or retagged),
        "updated": list(change.update),
    }


def _created(
    module: AnsibleAWSModule,
    service: Service,
    wanted: dict[str, Any],
    tags: Mapping[str, str],
    before: dict[str, Any],
) -> dict[str, Any]:
    after = {"service": normalised(wanted, service.create_shape), "tags": dict(tags)}
    made = {} if module.check_mode else service.create(wanted, tags)
    return {
        **_result(service, made.get("serviceArn"), primary(made).get("id"), before, after),
        "changed": True,
    }


def _result(
    service: Service, arn: str | None, deployment: str | None, before: dict[str, Any], after: dict[str, Any]
) -> dict[str, Any]:
    return {
        "service": {
            "arn": arn,
            "name": service.name,
            "cluster": service.cluster,
            "definition": after["service"],
            "tags": after["tags"],
        },
        "deployment": deployment,
        "updated": [],
        "replaced": [],
        "diff": {"before": before, "after": after},
    }


def _refuse_unless_allowed(module: AnsibleAWSModule, fixed: Mapping[str, tuple[Any, Any]]) -> None:
    if module.params["replace"]:
        return
    named = ", ".join(f"{name} is {was} (wanted: {wanted})" for name, (was, wanted) in fixed.items())
    raise EcsError(
        f"Service {module.params['name']} cannot become what is wanted: {named}, which ECS never changes in "
        "place. Describe it as it is, give it another name, or set replace, which deletes it and makes it "
        "anew: nothing serves in between"
    )


def absent(module: AnsibleAWSModule, service: Service) -> dict[str, Any]:
    """Delete."""
    actual = service.find()
    if actual is None:
        return {"changed": False}
    drains = actual["status"] == "DRAINING"
    if not module.check_mode:
        if drains:
            service.await_gone()
        else:
            service.delete()
    before = {
        "service": normalised(described(actual, {}), service.create_shape),
        "tags": from_tags(actual.get("tags", [])),
    }
    return {"changed": not drains, "diff": {"before": before, "after": {}}}


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"required": True},
            "cluster": {"required": True},
            "service": {"type": "dict"},
            "tags": {"type": "dict"},
            "keep_desired_count": {"type": "bool", "default": False},
            "replace": {"type": "bool", "default": False},
            "state": {"choices": ["present", "absent"], "default": "present"},
            "timeout": {"type": "int", "default": 600},
        },
        required_if=[("state", "present", ("service",))],
        supports_check_mode=True,
    )
    cluster, name, timeout = (module.params[each] for each in ("cluster", "name", "timeout"))
    act = {"present": present, "absent": absent}[module.params["state"]]
    try:
        module.exit_json(**act(module, Service(module.client("ecs"), cluster, name, timeout)))
    except EcsError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"ECS refused service {name} in cluster {cluster}")


if __name__ == "__main__":
    main()
