#!/usr/bin/python
"""Ansible module slipway.core.ecs_task_definition."""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils.ecs_api import retag, tags_after, without_aws
from ..module_utils.ecs_task_definition import TaskDefinitions, checked, normalised, number, plan, surplus
from ..module_utils.several import Call, SeveralModule

DOCUMENTATION = r"""
---
module: ecs_task_definition
short_description: Keep an ECS task definition as described
version_added: "0.1.0"
description:
  - >-
    Registers a new revision if, and only if, something differs from the latest active one and from the one
    that O(service) runs.
  - >-
    Compares what AWS makes of a definition: defaults that it fills in, lists whose order means nothing, sizes
    written as numbers or texts. The order of commands, entry points, links and DNS servers counts.
  - Deregisters old revisions that no service and no task of the account in the region uses.
  - >-
    Stands in for community.aws.ecs_taskdefinition, which sees no change inside a list of equal length, nor in
    CPU, memory, roles and platform.
options:
  family:
    description: Name of the family.
    type: str
  each:
    description:
      - >-
        In place of O(family), the families of several services: a mapping of O(service) to options, which
        count before those that are the same for all.
      - >-
        They are looked at, and those that differ registered, beside each other. The task fails where any
        fails, and names each that does.
    type: raw
  definition:
    description:
      - The fields of RegisterTaskDefinition, named as the API names them, without family and tags.
      - They are checked against the API's own model before anything is done. Needed for O(state=present).
    type: dict
  tags:
    description:
      - Tags of the latest revision, all of them but for those that AWS itself sets.
      - Not given leaves them alone; a new revision then takes those of the one before.
      - When nothing else differs they are changed in place.
    type: dict
  keep:
    description: >-
      Active revisions that are kept, at least 1, whenever one more is registered. One that is in use is kept
      besides.
    type: int
    default: 10
  cluster:
    description: The cluster of O(service).
    type: str
  service:
    description:
      - Name of a service that runs the family. Its revision is taken where it is as described and the latest
        is not, as after a release that failed and went back, so that no task is replaced for nothing.
      - A service or cluster that is not there is no error.
    type: str
  state:
    description: V(absent) deregisters every active revision of the family.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
    description: Says whether a revision would be registered, and which would go.
  diff_mode:
    support: full
    description: Shows definition, tags and active revisions before and after; AWS's defaults are left out.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Describe the API's tasks
  slipway.core.ecs_task_definition:
    family: goals-prod-api
    definition:
      requiresCompatibilities: [FARGATE]
      networkMode: awsvpc
      cpu: 256
      memory: 512
      executionRoleArn: arn:aws:iam::123456789012:role/goals-prod-execution
      containerDefinitions:
        - name: api
          image: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/goals/api@sha256:0123
          portMappings:
            - containerPort: 8080
          secrets:
            - name: MONGODB_URI
              valueFrom: arn:aws:secretsmanager:eu-central-1:123456789012:secret:goals/prod/mongodb
    tags:
      slipway_app: goals
"""

RETURN = r"""
results:
  description: What is below of each service, in the order given, with its name as C(item).
  returned: with O(each)
  type: list
  elements: dict
task_definition:
  description: The revision that is as described.
  returned: when state is present
  type: dict
  contains:
    arn:
      description: Its ARN. In check mode, of a revision that would be registered, C(FAMILY:new).
      type: str
    family:
      description: Its family.
      type: str
    revision:
      description: Its number; null in check mode where it would be registered.
      type: int
    definition:
      description: The definition as it is compared, in the API's names and without AWS's defaults.
      type: dict
    tags:
      description: Its tags.
      type: dict
deregistered:
  description: ARNs of the revisions that were (or would be) deregistered.
  returned: success
  type: list
  elements: str
"""


def present(call: Call, definitions: TaskDefinitions) -> dict[str, Any]:
    """Register, tag and tidy up."""
    family, tags = definitions.family, _tags(call.params["tags"])
    definition = checked(family, call.params["definition"], definitions.shape)
    wanted = normalised(definition, definitions.shape)
    known = definitions.newest()
    active: list[str] = []
    if known is not None and known.definition != wanted:
        # Which others there are matters only here.
        active = definitions.active()
        running = definitions.run_by(call.params["cluster"], call.params["service"])
        if running in active[1:] and (revision := definitions.describe(running)).definition == wanted:
            known = revision
    known_tags = known.tags if known else {}
    todo = plan(wanted, tags, known)
    new_tags = tags_after(tags, known_tags)
    arn = f"{family}:new" if known is None or todo.register else known.arn
    if not call.check_mode:
        if todo.register:
            arn = definitions.register(definition, without_aws(new_tags))
        retag(definitions.client, arn, todo.tags)
    after = [arn, *active] if todo.register else active
    going = _unused(definitions, surplus(after, call.params["keep"])) if todo.register else []
    if not call.check_mode:
        definitions.deregister(going)
    before = {"definition": known.definition, "tags": known_tags} if known else {}
    shown = {"definition": wanted, "tags": new_tags}
    return {
        "changed": bool(todo.register or todo.tags or going),
        "task_definition": {"arn": arn, "family": family, "revision": _revision(arn), **shown},
        "deregistered": going,
        "diff": {
            "before": {**before, "active_revisions": _shown(active, ())},
            "after": {**shown, "active_revisions": _shown(after, going)},
        },
    }


def absent(call: Call, definitions: TaskDefinitions) -> dict[str, Any]:
    """Deregister everything."""
    active = definitions.active()
    if not call.check_mode:
        definitions.deregister(active)
    return {
        "changed": bool(active),
        "deregistered": active,
        "diff": {"before": {"active_revisions": _shown(active, ())}, "after": {"active_revisions": []}},
    }


def _tags(tags: dict[str, Any] | None) -> dict[str, str] | None:
    return None if tags is None else {key: str(value) for key, value in tags.items()}


def _unused(definitions: TaskDefinitions, arns: list[str]) -> list[str]:
    """What is in use is looked up only where it matters: it takes a look at every service there is."""
    if not arns:
        return []
    used = definitions.in_use()
    return [arn for arn in arns if arn not in used]


def _revision(arn: str) -> int | None:
    return None if arn.endswith(":new") else number(arn)


def _shown(arns: list[str], going: list[str] | tuple[()]) -> list[int | str]:
    return [_revision(arn) or "new" for arn in arns if arn not in going]


def main() -> None:
    """Run the module."""
    asked = SeveralModule(
        AnsibleAWSModule,
        {
            "family": {"required": True},
            "definition": {"type": "dict"},
            "tags": {"type": "dict"},
            "keep": {"type": "int", "default": 10},
            "cluster": {},
            "service": {},
            "state": {"choices": ["present", "absent"], "default": "present"},
        },
        one="family",
        label_as="service",
        required_if=[("state", "present", ("definition",))],
        required_together=[("cluster", "service")],
    )
    module = asked.module
    if module.params["keep"] < 1:
        module.fail_json(msg=f"keep is {module.params['keep']}: expected 1 or more, the newest always stays")
    client = module.client("ecs")

    def act(call: Call) -> dict[str, Any]:
        make = {"present": present, "absent": absent}[call.params["state"]]
        return make(call, TaskDefinitions(client, call.params["family"]))

    def refused(call: Call) -> str:
        return f"ECS refused the task definition {call.params['family']}"

    asked.end(asked.call(act, refused, list(asked.calls)))


if __name__ == "__main__":
    main()
