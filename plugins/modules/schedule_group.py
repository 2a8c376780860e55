#!/usr/bin/python
"""Ansible module slipway.core.schedule_group."""

from __future__ import annotations

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.schedule_group import ScheduleError, ScheduleGroup, converge, remove

DOCUMENTATION = r"""
---
module: schedule_group
short_description: Keep the schedules of a group of EventBridge Scheduler as described
version_added: "0.2.0"
description:
  - >-
    Makes the group and its schedules, or mends whatever differs from the description, in whatever field.
    Schedules of the group that the description lacks are deleted.
  - A field that is left out is to have AWS's default.
options:
  name:
    description: Name of the group.
    type: str
    required: true
  schedules:
    description: >-
      Schedules by name, each with the fields of CreateSchedule, named as the API names them, without Name,
      GroupName and ClientToken. They are checked against the API's own model before anything is done.
    type: dict
    default: {}
  tags:
    description:
      - Tags of the group, all of them but for those that AWS itself sets.
      - Not given leaves them alone.
    type: dict
  state:
    description: V(absent) deletes the group with its schedules and waits until it is gone.
    type: str
    choices: [present, absent]
    default: present
  timeout:
    description: Seconds to wait until a deleted group is gone.
    type: int
    default: 300
attributes:
  check_mode:
    support: full
    description: Says exactly what would change. What the schedules start need not exist yet.
  diff_mode:
    support: full
    description: Shows schedules and tags before and after; AWS's defaults are left out.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Run a task each night
  slipway.core.schedule_group:
    name: goals-prod
    schedules:
      backend-cleanup:
        ScheduleExpression: cron(0 3 * * ? *)
        ScheduleExpressionTimezone: Europe/Berlin
        FlexibleTimeWindow: {Mode: "OFF"}
        Target:
          Arn: arn:aws:ecs:eu-central-1:123456789012:cluster/goals-prod
          RoleArn: arn:aws:iam::123456789012:role/goals-prod-scheduler
          EcsParameters:
            TaskDefinitionArn: "{{ ecs_task_definitions_made.backend }}"
            LaunchType: FARGATE
            NetworkConfiguration:
              awsvpcConfiguration: {Subnets: [subnet-0123456789abcdef0]}
          Input: '{"containerOverrides": [{"name": "backend", "command": ["node", "cleanup.js"]}]}'
"""

RETURN = r"""
updated:
  description: What was (or would be) written or removed, such as C(schedule backend-cleanup).
  returned: O(state=present)
  type: list
  elements: str
"""


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"required": True},
            "schedules": {"type": "dict", "default": {}},
            "tags": {"type": "dict"},
            "state": {"choices": ["present", "absent"], "default": "present"},
            "timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    params = module.params
    tags = None if params["tags"] is None else {key: str(value) for key, value in params["tags"].items()}
    group = ScheduleGroup(module.client("scheduler"), params["name"], params["timeout"])
    try:
        if params["state"] == "absent":
            result = remove(group, check_mode=module.check_mode)
        else:
            result = converge(group, params["schedules"], tags, check_mode=module.check_mode)
    except ScheduleError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(
            error, msg=f"The schedules of group {params['name']} cannot be made {params['state']}"
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
