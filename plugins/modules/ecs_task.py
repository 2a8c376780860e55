#!/usr/bin/python
"""Ansible module slipway.core.ecs_task."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.ecs_api import EcsError
from ..module_utils.ecs_task import Order, Tasks

DOCUMENTATION = r"""
---
module: ecs_task
short_description: Run a command once, in a task like those of an ECS service
version_added: "0.2.0"
description:
  - >-
    Starts a task with the task definition, network, capacity and platform version of a service's own tasks,
    and another command in place of the image's or the definition's. Its secrets, variables and role are the
    service's.
  - Waits until it has ended, and gives its output.
  - >-
    Fails where the command ends with another code than 0 or the task does not start, with stop reason, cause,
    remedy and the last log lines.
  - >-
    The task is in no service, so no load balancer asks it, and names of Service Connect do not lead from it.
options:
  cluster:
    description: Name or ARN of the cluster.
    type: str
    required: true
  service:
    description: Name of the service that the task is to be like.
    type: str
    required: true
  command:
    description: Program and arguments. No shell splits them. An entry point of the image stays before them.
    type: list
    elements: str
    required: true
  environment:
    description: Environment variables beside and before those of the container.
    type: dict
    default: {}
  container:
    description: Whose command it is. By default the only container, or the one named like the service.
    type: str
  task_definition:
    description: Another revision than the service's, as ARN or C(family:revision).
    type: str
  description:
    description: >-
      The service as M(slipway.core.ecs_service) takes it, whose network, capacity and platform version the
      task gets, for a service that is not there yet or is about to change. O(task_definition) goes with it.
    type: dict
  share_volumes:
    description: >-
      Whether the task may mount the EFS volumes that the definition has. They are the service's own, so two
      processes may write them.
    type: bool
    default: false
  end_others:
    description: >-
      Whether tasks of the same family that this module started, and that still run, are ended before. So an
      interrupted run leaves none beside the next one's.
    type: bool
    default: false
  tags:
    description: Tags of the task.
    type: dict
    default: {}
  timeout:
    description: Seconds to wait for its end. After that the module fails, and the task runs on.
    type: int
    default: 3600
attributes:
  check_mode:
    support: full
    description: Runs nothing. Says whether it could, as far as that is known beforehand.
  diff_mode:
    support: none
    description: A task is no state.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Bring the database's schema up to date
  slipway.core.ecs_task:
    cluster: goals-prod
    service: backend
    command: [node, migrate.js, --to, latest]
    environment:
      LOG_LEVEL: debug
"""

RETURN = r"""
task:
  description: The task.
  returned: not in check mode
  type: dict
  contains:
    arn:
      description: Its ARN.
      type: str
    task_definition:
      description: The revision that it ran.
      type: str
    container:
      description: Name of the container whose command it was.
      type: str
    exit_code:
      description: Code that the command ended with; null where it never ran.
      type: int
    stopped_reason:
      description: Why the task ended, in the words of ECS.
      type: str
    seconds:
      description: From its start was asked for until its output was read.
      type: float
output:
  description: >-
    The lines that the container wrote, or those of another one where that is why the task failed.
    Empty where it logs elsewhere than to CloudWatch with a stream prefix.
  returned: not in check mode
  type: list
  elements: str
"""


def act(module: AnsibleAWSModule) -> dict[str, Any]:
    """Run the task; the result."""
    params = module.params
    order = Order(
        params["cluster"],
        params["service"],
        params["command"],
        {key: str(value) for key, value in params["environment"].items()},
        params["container"],
        params["task_definition"],
        {key: str(value) for key, value in params["tags"].items()},
        params["share_volumes"],
        params["description"],
    )
    if module.check_mode and order.description:
        # The revision may be one that is yet to be registered.
        return {"changed": True}
    tasks = Tasks(module.client("ecs"), module.client("logs"), params["timeout"])
    plan = tasks.plan(order)
    if module.check_mode:
        return {"changed": True}
    if params["end_others"]:
        tasks.end_others(plan)
    begun = time.monotonic()
    ending = tasks.wait(plan, tasks.start(plan))
    result = {
        "changed": True,
        "task": {
            "arn": ending.arn,
            "task_definition": plan.request["taskDefinition"],
            "container": plan.container,
            "exit_code": ending.exit_code,
            "stopped_reason": ending.stopped_reason,
            "seconds": round(time.monotonic() - begun, 1),
        },
        "output": list(ending.output),
    }
    if ending.exit_code != 0:
        module.fail_json(msg=ending.told(order.command), **result)
    return result


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "cluster": {"required": True},
            "service": {"required": True},
            "command": {"type": "list", "elements": "str", "required": True},
            "environment": {"type": "dict", "default": {}},
            "container": {},
            "task_definition": {},
            "description": {"type": "dict"},
            "share_volumes": {"type": "bool", "default": False},
            "end_others": {"type": "bool", "default": False},
            "tags": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 3600},
        },
        required_by={"description": "task_definition"},
        supports_check_mode=True,
    )
    try:
        module.exit_json(**act(module))
    except EcsError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(
            error, msg=f"ECS refused a task like those of service {module.params['service']}"
        )


if __name__ == "__main__":
    main()
