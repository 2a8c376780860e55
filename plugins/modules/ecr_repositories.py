#!/usr/bin/python
"""Make ECR repositories."""

from __future__ import annotations

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.ecr_repositories import Repositories, Repository, converge, keep_newest

DOCUMENTATION = r"""
---
module: ecr_repositories
short_description: Make the ECR repositories of an application
version_added: "0.1.0"
description:
  - Makes the repositories that are missing and mends what differs in those that exist.
  - Removes nothing, and leaves tags alone that others have set.
options:
  names:
    description: Names of the repositories.
    type: list
    elements: str
    required: true
  immutable:
    description: Whether a tag, once pushed, stays what it is.
    type: bool
    default: true
  scan_on_push:
    description: Whether images are scanned for known vulnerabilities when they are pushed.
    type: bool
    default: true
  keep:
    description: How many images a repository keeps, the newest ones.
    type: int
    default: 50
  resource_tags:
    description: Tags of the repositories.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: Says which repositories would be made or mended.
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
- name: Make the repositories
  slipway.core.ecr_repositories:
    region: eu-central-1
    names: [goals/backend, goals/frontend]
    resource_tags:
      slipway_app: goals
"""

RETURN = r"""
repositories:
  description: Names of the repositories that were (or would be) made or mended.
  returned: success
  type: list
  elements: str
"""


def main() -> None:
    """Run as a module."""
    module = AnsibleAWSModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "immutable": {"type": "bool", "default": True},
            "scan_on_push": {"type": "bool", "default": True},
            "keep": {"type": "int", "default": 50},
            "resource_tags": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    params = module.params
    wanted = [
        Repository(
            name,
            params["immutable"],
            params["scan_on_push"],
            keep_newest(params["keep"]),
            {key: str(value) for key, value in params["resource_tags"].items()},
        )
        for name in params["names"]
    ]
    try:
        result = converge(Repositories(module.client("ecr")), wanted, check_mode=module.check_mode)
    except (ClientError, BotoCoreError) as error:
        module.fail_json_aws(error, msg=f"The ECR repositories {', '.join(params['names'])} cannot be made")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
