#!/usr/bin/python
"""Ansible module slipway.core.alarms."""

from __future__ import annotations

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.alarms import AlarmError, Alarms, converge

DOCUMENTATION = r"""
---
module: alarms
short_description: Keep the CloudWatch alarms of a stack as described, and whom they tell
version_added: "0.3.0"
description:
  - >-
    Makes the alarms, or mends whatever differs from the description, in whatever field. Alarms whose names
    begin with the stack's and a slash, and which the description lacks, are deleted.
  - >-
    Makes an SNS topic C(<stack>-alarms) that tells the e-mail addresses given; without any, there is none.
    Each address gets a mail of AWS with a link, and is told nothing until that link was followed.
  - Without alarms and anybody to tell, all is removed.
options:
  stack:
    description: What the names begin with.
    type: str
    required: true
  alarms:
    description: >-
      Alarms by the rest of their names, each with the fields of PutMetricAlarm, named as the API names them,
      without AlarmName, Tags and actions. They are checked against the API's own model before anything is
      done. A field that is left out is to have AWS's default.
    type: dict
    default: {}
  notify:
    description: >-
      E-mail addresses, and ARNs of SNS topics, that are told when an alarm rings and when it is over; and,
      where its TreatMissingData is C(missing), when nothing is measured any more.
    type: list
    elements: str
    default: []
  resource_tags:
    description:
      - Tags of alarms and topic, all of them but for those that AWS itself sets.
      - Not given leaves them alone.
    type: dict
attributes:
  check_mode:
    support: full
    description: Says exactly what would change. What the alarms look at need not exist yet.
  diff_mode:
    support: full
    description: Shows alarms, addresses and tags before and after; AWS's defaults are left out.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Tell when a service uses much of its CPU
  slipway.core.alarms:
    stack: goals-prod
    notify: [ops@example.com]
    alarms:
      backend/cpu:
        Namespace: AWS/ECS
        MetricName: CPUUtilization
        Dimensions:
          - {Name: ClusterName, Value: goals-prod}
          - {Name: ServiceName, Value: backend}
        Statistic: Average
        Period: 60
        EvaluationPeriods: 3
        ComparisonOperator: GreaterThanOrEqualToThreshold
        Threshold: 90
        TreatMissingData: notBreaching
"""

RETURN = r"""
updated:
  description: What was (or would be) written or removed, names of alarms and C(topic).
  returned: success
  type: list
  elements: str
"""


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "stack": {"required": True},
            "alarms": {"type": "dict", "default": {}},
            "notify": {"type": "list", "elements": "str", "default": []},
            "resource_tags": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    params = module.params
    given = params["resource_tags"]
    tags = None if given is None else {key: str(value) for key, value in given.items()}
    try:
        account = module.client("sts").get_caller_identity()["Account"]
        alarms = Alarms(module.client("cloudwatch"), module.client("sns"), params["stack"], account)
        result = converge(alarms, params["alarms"], params["notify"], tags, check_mode=module.check_mode)
    except AlarmError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The alarms of {params['stack']} cannot be made as described")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
