#!/usr/bin/python
"""Let a domain lead to a load balancer."""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.load_balancer_alias import converge, remove
from ..module_utils.route53 import DnsError, Route53

DOCUMENTATION = r"""
---
module: load_balancer_alias
short_description: Let a domain lead to a load balancer
version_added: "0.2.0"
description:
  - Makes an alias record in Route 53 for a load balancer, or mends it. A record that leads elsewhere is left
    alone and is an error.
  - amazon.aws.route53 takes the region that modules share in a play for the region of latency-based routing.
options:
  domain:
    description: The domain.
    type: str
    required: true
  load_balancer:
    description: Name of the load balancer.
    type: str
    required: true
  zone:
    description: >-
      Name of the public hosted zone that the domain is in. Empty takes the one with the longest name that
      fits.
    type: str
    default: ""
  overwrite:
    description: Whether a record that leads elsewhere gives way.
    type: bool
    default: false
  state:
    description: C(absent) removes the record if it leads to a load balancer of that name.
    type: str
    choices: [present, absent]
    default: present
  timeout:
    description: Seconds to wait until all of Route 53's servers have the record.
    type: int
    default: 300
attributes:
  check_mode:
    support: full
    description: Says what would be made or removed.
  diff_mode:
    support: full
    description: Shows the record before and after.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Let the domain lead to the load balancer
  slipway.core.load_balancer_alias:
    region: eu-central-1
    domain: goals.example.org
    load_balancer: goals-prod
"""

RETURN = r""" # """


def main() -> None:
    """Run as a module."""
    module = AnsibleAWSModule(
        argument_spec={
            "domain": {"type": "str", "required": True},
            "load_balancer": {"type": "str", "required": True},
            "zone": {"type": "str", "default": ""},
            "overwrite": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    params = module.params
    dns = Route53(module.client("route53"), timeout=params["timeout"])
    place = (dns, params["domain"].lower(), params["zone"].lower())
    same: dict[str, Any] = {"name": params["load_balancer"], "check_mode": module.check_mode}
    try:
        if params["state"] == "absent":
            result = remove(*place, **same)
        else:
            balancers = module.client("elbv2").get_paginator("describe_load_balancers").paginate()
            every = [each for page in balancers for each in page["LoadBalancers"]]
            named = [each for each in every if each["LoadBalancerName"] == params["load_balancer"]]
            result = converge(*place, named[0] if named else None, overwrite=params["overwrite"], **same)
    except DnsError as error:
        module.fail_json(msg=str(error))
    except (ClientError, BotoCoreError) as error:
        module.fail_json_aws(error, msg=f"The record of {params['domain']} cannot be made {params['state']}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
