#!/usr/bin/python
"""Make private subnets with NAT gateways or VPC endpoints."""

from __future__ import annotations

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.private_subnets import PrivateSubnetError, Wanted
from ..module_utils.private_subnets_kinds import converge
from ..module_utils.private_subnets_survey import Survey

DOCUMENTATION = r"""
---
module: private_subnets
short_description: Make private subnets with NAT gateways or VPC endpoints
version_added: "0.2.0"
description:
  - Makes a private subnet with a route table in each zone named, NAT gateways with their addresses, and VPC
    endpoints, or mends what differs; waits until gateways and endpoints serve.
  - Resources are known by their names and by the tags C(slipway_app) and C(slipway_environment). Others in
    the VPC are left alone.
  - What is not wanted any more stays until O(purge), because tasks may still use it.
  - A private subnet with a mount target of EFS is never removed.
  - "amazon.aws.ec2_vpc_nat_gateway leaves the address of a gateway without tags, and
    amazon.aws.ec2_vpc_endpoint sees no change of subnets, groups or route tables."
options:
  vpc_id:
    description: Id of the VPC.
    type: str
    required: true
  name:
    description: Beginning of the name of every resource.
    type: str
    required: true
  resource_tags:
    description: >-
      Tags of every resource. C(slipway_app) and C(slipway_environment) are needed, and never change.
    type: dict
    required: true
  subnets:
    description: Zones and the CIDRs of their private subnets. None removes everything, with O(purge).
    type: dict
    default: {}
  gateways:
    description: >-
      Zones of NAT gateways and the ids of the public subnets that they stand in. A zone without one uses the
      first one.
    type: dict
    default: {}
  endpoints:
    description: >-
      Services with a VPC endpoint, such as C(ecr.api). Those of C(s3) and C(dynamodb) are routes, all others
      network interfaces in every private subnet, with private DNS.
    type: list
    elements: str
    default: []
  security_groups:
    description: Ids of the security groups of the endpoints' network interfaces.
    type: list
    elements: str
    default: []
  purge:
    description: Whether what is not wanted any more is removed.
    type: bool
    default: false
  timeout:
    description: Seconds to wait for each kind of resource to serve, or to be gone.
    type: int
    default: 900
attributes:
  check_mode:
    support: full
    description: Says what would be made, mended or removed.
  diff_mode:
    support: full
    description: Shows everything before and after, with zones in the place of ids.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Let tasks reach the internet, and nobody reach them
  slipway.core.private_subnets:
    region: eu-central-1
    vpc_id: vpc-1
    name: goals-prod
    resource_tags: {slipway_app: goals, slipway_environment: prod}
    subnets:
      eu-central-1a: 10.42.128.0/20
      eu-central-1b: 10.42.144.0/20
    gateways:
      eu-central-1a: subnet-1
"""

RETURN = r"""
subnets:
  description: Zones and the ids of their private subnets; in check mode words where there is no id yet.
  returned: success
  type: dict
surplus:
  description: Whether there is more than is wanted, which O(purge) would remove.
  returned: success
  type: bool
"""


def main() -> None:
    """Run as a module."""
    module = AnsibleAWSModule(
        argument_spec={
            "vpc_id": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "resource_tags": {"type": "dict", "required": True},
            "subnets": {"type": "dict", "default": {}},
            "gateways": {"type": "dict", "default": {}},
            "endpoints": {"type": "list", "elements": "str", "default": []},
            "security_groups": {"type": "list", "elements": "str", "default": []},
            "purge": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 900},
        },
        supports_check_mode=True,
    )
    params = module.params
    wanted = Wanted(
        params["name"],
        {key: str(value) for key, value in params["resource_tags"].items()},
        params["subnets"],
        params["gateways"],
        params["endpoints"],
        params["security_groups"],
    )
    survey = Survey(module.client("ec2"), params["vpc_id"], wanted, params["timeout"])
    try:
        result = converge(survey, purge=params["purge"], check_mode=module.check_mode)
    except PrivateSubnetError as error:
        module.fail_json(msg=str(error))
    except (ClientError, BotoCoreError) as error:
        module.fail_json_aws(error, msg=f"The private subnets of {params['name']} cannot be made as wanted")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
