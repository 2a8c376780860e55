#!/usr/bin/python
"""Get a login for ECR."""

from __future__ import annotations

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.ecr_token import login

DOCUMENTATION = r"""
---
module: ecr_login
short_description: Get a login for the registry of an AWS account
version_added: "0.1.0"
description:
  - Asks Elastic Container Registry for a login that holds for twelve hours.
  - Changes nothing, and writes nothing to a disk.
options:
  registries:
    description: >-
      Names under which the registry is reached, each with or without a prefix. By default the account's own.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: It only reads.
  diff_mode:
    support: none
    description: It changes nothing.
notes:
  - Set C(no_log) on the task, its result is a secret.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Log in to the registry
  slipway.core.ecr_login:
    region: eu-central-1
  no_log: true
  register: ecr
"""

RETURN = r"""
registry:
  description: The account's own registry.
  returned: success
  type: str
  sample: 123456789012.dkr.ecr.eu-central-1.amazonaws.com
registry_auth:
  description: The login, as C(username) and C(password), by the registry's host.
  returned: success
  type: dict
"""


def main() -> None:
    """Run as a module."""
    module = AnsibleAWSModule(
        argument_spec={"registries": {"type": "list", "elements": "str", "default": []}},
        supports_check_mode=True,
    )
    try:
        result = login(module.client("ecr"), module.params["registries"])
    except (ClientError, BotoCoreError) as error:
        module.fail_json_aws(error, msg="ECR gave no login (ecr:GetAuthorizationToken)")
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
