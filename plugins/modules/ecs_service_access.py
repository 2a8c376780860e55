#!/usr/bin/python
"""Ansible module slipway.core.ecs_service_access."""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.ecs_access_states import CLOSED, OPEN, STOPPED
from ..module_utils.ecs_api import EcsError
from ..module_utils.ecs_service import primary
from ..module_utils.ecs_service_access import ServiceAccess, access, address, change, start_seconds

DOCUMENTATION = r"""
---
module: ecs_service_access
short_description: Let an ECS service be found by its name, or by nobody, or stop it
version_added: "0.2.0"
description:
  - >-
    Publishes the name of a service in Service Connect, withdraws it, or runs no task of the service.
    Everything else about the service stays as it is.
  - >-
    Where a name is published or withdrawn, ECS replaces the task. Its address is another one then, so that no
    connection stays. Follow it with M(slipway.core.ecs_rollout).
  - Without O(access), it only looks.
options:
  cluster:
    description: Name or ARN of the cluster.
    type: str
    required: true
  name:
    description: Name of the service.
    type: str
    required: true
  access:
    description:
      - C(open) lets others find it by its name.
      - C(closed) keeps it running, found by nobody who is not told the address of its task.
      - C(stopped) runs no task of it. Service and files stay.
    type: str
    choices: [open, closed, stopped]
  port:
    description: Port that others reach it at.
    type: int
  deployment:
    description: Id of the deployment that it must have, so that a change by somebody else is not overwritten.
    type: str
attributes:
  check_mode:
    support: full
    description: Changes nothing.
  diff_mode:
    support: full
    description: Shows the access.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Let nobody write to the database
  slipway.core.ecs_service_access:
    cluster: goals-prod
    name: mongodb
    port: 27017
    access: closed
"""

RETURN = r"""
access:
  description: C(absent), C(stopped), C(closed) or C(open), as it was found.
  returned: always
  type: str
deployment:
  description: Id of the PRIMARY deployment; null where there is no service.
  returned: always
  type: str
task_definition:
  description: ARN of the revision that it runs; null where there is no service.
  returned: always
  type: str
address:
  description: Private address of its task, as it was found; empty unless exactly one runs.
  returned: always
  type: str
start_seconds:
  description: Seconds that the slowest of its tasks needed from its creation until it ran.
  returned: always
  type: float
"""


def act(module: AnsibleAWSModule) -> dict[str, Any]:
    """Look, and change what is asked for; the result."""
    params = module.params
    reached = ServiceAccess(module.client("ecs"), params["cluster"], params["name"])
    found = reached.find()
    service, was = found.service, access(found.service)
    update: dict[str, Any] = {}
    if params["access"]:
        service = reached.check(service, params["deployment"])
        update = change(service, params["port"], params["access"])
    if update and not module.check_mode:
        service = reached.service.update(update)
    now = params["access"] or was
    return {
        "changed": bool(update),
        "access": was,
        "deployment": primary(service).get("id") if service else None,
        "task_definition": service["taskDefinition"] if service else None,
        "address": address(found.tasks),
        "start_seconds": start_seconds(found.tasks),
        "diff": {"before": {"access": was}, "after": {"access": now}},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "cluster": {"required": True},
            "name": {"required": True},
            "access": {"choices": [OPEN, CLOSED, STOPPED]},
            "port": {"type": "int"},
            "deployment": {},
        },
        required_if=[("access", OPEN, ("port",)), ("access", CLOSED, ("port",))],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**act(module))
    except EcsError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(
            error, msg=f"ECS refused a look at, or a change of, service {module.params['name']}"
        )


if __name__ == "__main__":
    main()
