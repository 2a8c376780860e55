#!/usr/bin/python
"""Make an ECS cluster."""

from __future__ import annotations

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.ecs_api import EcsError
from ..module_utils.ecs_cluster import Cluster, Clusters, converge, remove

DOCUMENTATION = r"""
---
module: ecs_cluster
short_description: Make an ECS cluster for Fargate
version_added: "0.2.0"
description:
  - Makes a cluster with the capacity providers C(FARGATE) and C(FARGATE_SPOT), or mends what differs.
  - Leaves tags alone that others have set.
options:
  name:
    description: Name of the cluster.
    type: str
    required: true
  container_insights:
    description: What CloudWatch measures of the cluster. Anything but C(disabled) is billed by metric.
    type: str
    choices: [disabled, enabled, enhanced]
    default: enabled
  namespace:
    description:
      - Name of the Cloud Map namespace in which services find each other by Service Connect. ECS makes it
        where it is missing. By default the cluster's name.
    type: str
  cluster_tags:
    description: Tags of the cluster.
    type: dict
    default: {}
  state:
    description: C(present) makes or mends the cluster, C(absent) removes it once its tasks have ended.
    type: str
    choices: [present, absent]
    default: present
  timeout:
    description: Seconds to wait for the end of tasks when the cluster is removed.
    type: int
    default: 600
attributes:
  check_mode:
    support: full
    description: Says whether the cluster would be made, mended or removed.
  diff_mode:
    support: full
    description: Shows the settings before and after.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Make the cluster
  slipway.core.ecs_cluster:
    region: eu-central-1
    name: goals-prod
    container_insights: enhanced
    cluster_tags:
      slipway_app: goals
"""

RETURN = r"""
arn:
  description: ARN of the cluster; empty in check mode where there is none yet.
  returned: O(state=present)
  type: str
"""


def main() -> None:
    """Run as a module."""
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "container_insights": {
                "type": "str",
                "choices": ["disabled", "enabled", "enhanced"],
                "default": "enabled",
            },
            "namespace": {"type": "str"},
            "cluster_tags": {"type": "dict", "default": {}},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    params = module.params
    clusters = Clusters(module.client("ecs"))
    try:
        if params["state"] == "absent":
            result = remove(clusters, params["name"], timeout=params["timeout"], check_mode=module.check_mode)
        else:
            wanted = Cluster(
                params["name"],
                params["container_insights"],
                params["namespace"] or params["name"],
                {key: str(value) for key, value in params["cluster_tags"].items()},
            )
            result = converge(clusters, wanted, check_mode=module.check_mode)
    except EcsError as error:
        module.fail_json(msg=str(error))
    except (ClientError, BotoCoreError) as error:
        module.fail_json_aws(error, msg=f"The ECS cluster {params['name']} cannot be made {params['state']}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
