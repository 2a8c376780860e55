#!/usr/bin/python
"""Ansible module slipway.core.ecs_rollout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.ecs_evidence import Evidence
from ..module_utils.ecs_rollout import Rollout, Watch, summary
from ..module_utils.release_failure import from_aws, from_ecs, likeliest
from ..module_utils.release_progress import teller

DOCUMENTATION = r"""
---
module: ecs_rollout
short_description: Wait for rollouts of ECS services to their true end
version_added: "0.1.0"
description:
  - >-
    Watches all services at once until each rollout is completed, failed, rolled back, superseded or out of
    time.
  - >-
    Succeeds only if every service runs the revision asked for: its deployment is the PRIMARY and only one
    and is complete, the desired count of tasks runs, and as many targets are healthy.
  - >-
    Such an end is believed at once where health checks vouch for the tasks: those of target groups, or of
    containers. Every other end has to hold for O(stable_for).
  - >-
    Otherwise fails, with cause, evidence and remedy for each service: stop reasons, exit codes, service
    events, target health and the last log lines.
  - >-
    Stands in for the wait of community.aws.ecs_service, which is for deleted services only, and for the
    waiter services_stable, which takes a rollback for success.
options:
  cluster:
    description: Name or ARN of the cluster.
    type: str
    required: true
  services:
    description: What is waited for.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the service.
        type: str
        required: true
      task_definition:
        description: Revision that it shall run, as ARN or C(family:revision).
        type: str
        required: true
      deployment:
        description:
          - Id of the deployment that shall bring it, as M(slipway.core.ecs_service) returns it.
          - Without it, any deployment of the revision counts.
        type: str
      begun:
        description:
          - Whether something was asked of ECS just now.
          - Where nothing was, and ECS has had nothing to say of the service for O(stable_for), an end is
            believed at once.
        type: bool
        default: true
      in_place:
        description:
          - >-
            Whether what was asked of ECS made no new deployment, as a new count does not. ECS may show the
            service as it was before for a moment, so that every end has to hold for O(stable_for).
        type: bool
        default: false
  timeout:
    description: Seconds for all rollouts together.
    type: int
    default: 900
  interval:
    description:
      - The most seconds between questions. At first they are 0.1, later a twentieth of the time gone by.
      - DescribeServices is never called more than ten times a second.
    type: float
    default: 1.0
  stable_for:
    description: Seconds that an end has to hold until it is believed where no health check vouches for it.
    type: float
    default: 3.0
  progress:
    description:
      - File on the controller to which every change is appended when it is seen, as a line of JSON with
        service, state, detail and seconds. The callback P(slipway.core.release_report#callback) shows them.
    type: path
attributes:
  check_mode:
    support: full
    description: Waits for nothing, since nothing was deployed.
  diff_mode:
    support: none
    description: Changes nothing.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Wait for the release
  slipway.core.ecs_rollout:
    cluster: goals-prod
    timeout: 600
    services:
      - name: api
        task_definition: "{{ api_task_definition.task_definition.arn }}"
        deployment: "{{ api_service.deployment }}"
"""

RETURN = r"""
services:
  description: How each rollout ended, in the order given.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the service.
      type: str
    state:
      description: C(completed), C(failed), C(rolled_back), C(superseded), C(missing) or C(timed_out).
      type: str
    detail:
      description: Counts, or the words of ECS.
      type: str
    task_definition:
      description: The revision asked for.
      type: str
    deployment:
      description: The deployment asked for, otherwise the PRIMARY one.
      type: str
    seconds:
      description: How long it was watched.
      type: float
    cause:
      description: >-
        Class of the cause (module_utils/release_causes.py), unless completed.
      type: str
    because:
      description: The words that tell of the cause, unless completed.
      type: str
    remedy:
      description: What to do, in a sentence, unless completed.
      type: str
    evidence:
      description: >-
        What AWS knows, unless completed: tasks (id, status, stop_code, stopped_reason, containers with
        exit_code, reason and health), events, targets (id, port, state, reason, description), log (group,
        stream and at most 20 lines), and what was unreadable.
      type: dict
    failure:
      description: >-
        The same in the shape that M(slipway.core.host_release) fails with, unless completed: cause, summary,
        service, container, host, exit_code, evidence, log, serving and remedy.
      type: dict
failure:
  description: The likeliest of the services' failures, or why the rollouts could not be watched.
  returned: failure
  type: dict
timeline:
  description: Every change that was seen, with the second, the service, its state and the detail.
  returned: always
  type: list
  elements: dict
"""


def told(services: Sequence[Mapping[str, Any]], total: int) -> str:
    """The message of a failure: a paragraph for each service."""
    parts = [from_ecs(each).message() for each in services]
    return "\n".join([f"{len(services)} of {total} services do not run what was released.", *parts])


def watch(module: AnsibleAWSModule, rollouts: Sequence[Rollout]) -> None:
    """Wait, and end the module."""
    params = module.params
    ecs, elbv2 = module.client("ecs"), module.client("elbv2")
    watching = Watch(
        ecs,
        elbv2,
        params["cluster"],
        interval=params["interval"],
        stable_for=params["stable_for"],
        timeout=params["timeout"],
        tell=teller(params["progress"]),
    )
    outcomes = watching.run(rollouts)
    evidence = Evidence(ecs, elbv2, module.client("logs"), params["cluster"])
    services = [
        summary(outcome) if outcome.verdict.state == "completed" else evidence.report(outcome)
        for outcome in outcomes
    ]
    failed = [each for each in services if each["state"] != "completed"]
    if failed:
        module.fail_json(
            msg=told(failed, len(services)),
            failure=likeliest([each["failure"] for each in failed]),
            services=services,
            timeline=watching.timeline,
        )
    module.exit_json(changed=False, services=services, timeline=watching.timeline)


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "cluster": {"required": True},
            "services": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"required": True},
                    "task_definition": {"required": True},
                    "deployment": {},
                    "begun": {"type": "bool", "default": True},
                    "in_place": {"type": "bool", "default": False},
                },
            },
            "timeout": {"type": "int", "default": 900},
            "interval": {"type": "float", "default": 1.0},
            "stable_for": {"type": "float", "default": 3.0},
            "progress": {"type": "path"},
        },
        supports_check_mode=True,
    )
    rollouts = [Rollout(**service) for service in module.params["services"]]
    names = [rollout.name for rollout in rollouts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        module.fail_json(msg=f"services names {', '.join(twice)} more than once: expected each service once")
    if module.check_mode:
        module.exit_json(changed=False, services=[], timeline=[])
    try:
        watch(module, rollouts)
    except (BotoCoreError, ClientError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
        what = f"The rollouts in cluster {module.params['cluster']} cannot be watched"
        failure = from_aws(code, f"{what}: {error}")
        module.fail_json_aws(error, msg=what, failure=failure.as_dict())


if __name__ == "__main__":
    main()
