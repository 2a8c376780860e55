#!/usr/bin/python
"""Make an S3 bucket for the access logs of load balancers."""

from __future__ import annotations

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.log_bucket import wanted
from ..module_utils.s3_buckets import BucketError, Buckets, converge, remove

DOCUMENTATION = r"""
---
module: log_bucket
short_description: Make an S3 bucket for the access logs of load balancers
version_added: "0.2.0"
description:
  - Makes a bucket that load balancers of the account can write to, encrypted by S3 and closed to the public,
    whose objects expire, or mends what differs.
  - amazon.aws.s3_bucket has no check mode.
options:
  name:
    description: Name of the bucket, unique among all on AWS.
    type: str
    required: true
  days:
    description: Days until a log is removed.
    type: int
    default: 90
  resource_tags:
    description: Tags of the bucket. Other tags stay.
    type: dict
    default: {}
  state:
    description: C(absent) removes the bucket with all logs in it.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
    description: Says what would be made, mended or removed.
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
- name: Keep access logs for a month
  slipway.core.log_bucket:
    region: eu-central-1
    name: goals-prod-lb-logs-123456789012
    days: 30
"""

RETURN = r""" # """


def main() -> None:
    """Run as a module."""
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "days": {"type": "int", "default": 90},
            "resource_tags": {"type": "dict", "default": {}},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    params = module.params
    client = module.client("s3")
    buckets = Buckets(client, client.meta.region_name, "load_balancer_access_logs_bucket")
    try:
        if params["state"] == "absent":
            result = remove(buckets, params["name"], check_mode=module.check_mode)
        else:
            account = module.client("sts").get_caller_identity()["Account"]
            tags = {key: str(value) for key, value in params["resource_tags"].items()}
            goal = wanted(params["name"], account, params["days"], tags)
            result = converge(buckets, params["name"], goal, check_mode=module.check_mode)
    except BucketError as error:
        module.fail_json(msg=str(error))
    except (ClientError, BotoCoreError) as error:
        module.fail_json_aws(error, msg=f"The bucket {params['name']} cannot be made {params['state']}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
