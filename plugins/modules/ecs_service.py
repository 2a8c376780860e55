#!/usr/bin/python
"""Ansible module slipway.core.ecs_service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.ecs_api import EcsError, from_tags, retag, tag_change, tags_after, without_aws
from ..module_utils.ecs_service import (
    IN_REVISION,
    Service,
    checked,
    compare,
    described,
    find_all,
    normalised,
    primary,
)
from ..module_utils.several import Call, SeveralModule

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
  each:
    description:
      - >-
        In place of O(name), several services: a mapping of their names to options, which count before those
        that are the same for all, as O(cluster) is. A list of names is enough where nothing differs.
      - >-
        Ten are asked for by one request, and those that differ are changed beside each other. The task fails
        where any fails, and names each that does.
    type: raw
  waves:
    description:
      - >-
        The names of O(each) in groups. A group is only begun where nothing was (or would be) changed in those
        before. Without it, all are one group.
    type: list
    elements: list
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

- name: Keep several services as described
  slipway.core.ecs_service:
    cluster: goals-prod
    each:
      api:
        service: "{{ described.api }}"
        keep_desired_count: true
      web:
        service: "{{ described.web }}"
"""

RETURN = r"""
results:
  description: What is below of each service, in the order in which they came, with its name as C(item).
  returned: with O(each)
  type: list
  elements: dict
left:
  description: The groups of O(waves) that were not begun, as something was changed in one before.
  returned: with O(each)
  type: list
  elements: list
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
in_place:
  description: Whether it was changed without a new deployment. False in check mode.
  returned: when state is present
  type: bool
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


def present(call: Call, service: Service, actual: dict[str, Any] | None) -> dict[str, Any]:
    """Make, mend or replace the service, as :meth:`Service.find` has found it."""
    params = call.params
    tags = None if params["tags"] is None else {key: str(value) for key, value in params["tags"].items()}
    wanted = checked(service.name, params["service"], service.create_shape)
    if actual and actual["status"] == "DRAINING":
        if not call.check_mode:
            service.await_gone()
        actual = None
    if actual is None:
        return _created(call, service, wanted, tags or {}, {})
    if params["keep_desired_count"]:
        wanted["desiredCount"] = actual["desiredCount"]
    is_tags = from_tags(actual.get("tags", []))
    revision = service.revision(actual) if set(IN_REVISION) & set(wanted) else {}
    shown = described(actual, revision)
    change = compare(wanted, shown, service.create_shape, service.update_shape)
    before = {"service": normalised(shown, service.create_shape), "tags": is_tags}
    if change.fixed:
        _refuse_unless_allowed(call, change.fixed)
        if not call.check_mode:
            service.delete()
        result = _created(call, service, wanted, without_aws(tags_after(tags, is_tags)), before)
        return {**result, "replaced": list(change.fixed)}
    retagged = tag_change(tags, is_tags)
    before_id = primary(actual).get("id")
    if not call.check_mode:
        if change.update:
            actual = service.update(change.update)
        retag(service.client, actual["serviceArn"], retagged)
    after = {"service": dict(change.after), "tags": tags_after(tags, is_tags)}
    unknown = change.update and call.check_mode
    return {
        **_result(
            service, actual["serviceArn"], None if unknown else primary(actual).get("id"), before, after
        ),
        "changed": bool(change.update or retagged),
        "in_place": bool(change.update) and not unknown and primary(actual).get("id") == before_id,
        "updated": list(change.update),
    }


def _created(
    call: Call,
    service: Service,
    wanted: dict[str, Any],
    tags: Mapping[str, str],
    before: dict[str, Any],
) -> dict[str, Any]:
    after = {"service": normalised(wanted, service.create_shape), "tags": dict(tags)}
    made = {} if call.check_mode else service.create(wanted, tags)
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
        "in_place": False,
        "updated": [],
        "replaced": [],
        "diff": {"before": before, "after": after},
    }


def _refuse_unless_allowed(call: Call, fixed: Mapping[str, tuple[Any, Any]]) -> None:
    if call.params["replace"]:
        return
    named = ", ".join(f"{name} is {was} (wanted: {wanted})" for name, (was, wanted) in fixed.items())
    raise EcsError(
        f"Service {call.params['name']} cannot become what is wanted: {named}, which ECS never changes in "
        "place. Describe it as it is, give it another name, or set replace, which deletes it and makes it "
        "anew: nothing serves in between"
    )


def absent(call: Call, service: Service, actual: dict[str, Any] | None) -> dict[str, Any]:
    """Delete the service, as :meth:`Service.find` has found it."""
    if actual is None:
        return {"changed": False}
    drains = actual["status"] == "DRAINING"
    if not call.check_mode:
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
    asked = SeveralModule(
        AnsibleAWSModule,
        {
            "name": {"required": True},
            "cluster": {"required": True},
            "service": {"type": "dict"},
            "tags": {"type": "dict"},
            "keep_desired_count": {"type": "bool", "default": False},
            "replace": {"type": "bool", "default": False},
            "state": {"choices": ["present", "absent"], "default": "present"},
            "timeout": {"type": "int", "default": 600},
        },
        one="name",
        label_as="name",
        more={"waves": {"type": "list", "elements": "list"}},
        required_if=[("state", "present", ("service",))],
    )
    module = asked.module
    client, cluster = module.client("ecs"), module.params["cluster"]
    names = list(asked.calls)
    waves = module.params["waves"] or [names]
    if sorted(name for wave in waves for name in wave) != sorted(names):
        module.fail_json(msg=f"waves is {waves}: expected each of {', '.join(names)} once")
    try:
        found = find_all(client, cluster, names)
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The services of cluster {cluster} cannot be read")

    def act(call: Call) -> dict[str, Any]:
        name = call.params["name"]
        make = {"present": present, "absent": absent}[call.params["state"]]
        return make(call, Service(client, cluster, name, call.params["timeout"]), found.get(name))

    results: list[dict[str, Any]] = []
    while waves and not any(result.get("changed") or result.get("failed") for result in results):
        wave, *waves = waves
        results += asked.call(
            act, lambda call: f"ECS refused service {call.params['name']} in cluster {cluster}", wave
        )
    asked.end(results, left=waves)


if __name__ == "__main__":
    main()
