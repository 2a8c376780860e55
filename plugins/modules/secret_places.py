#!/usr/bin/python
"""Find where ECS reads an application's secrets."""

from __future__ import annotations

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.secret_places import PlaceError, find, versions_of

DOCUMENTATION = r"""
---
module: secret_places
short_description: Find where ECS reads an application's secrets
version_added: "0.2.0"
description:
  - Gives the ARN and the version of every secret that services refer to, for use in task definitions.
  - Reads no value.
options:
  references:
    description: >-
      The services' secrets. By service and environment variable a reference, which is one of
      C(secretsmanager:name), C(secretsmanager:name#key) and C(ssm:name).
    type: dict
    required: true
  expected:
    description: Names of secrets that this run makes. In check mode they may be missing.
    type: list
    elements: str
    default: []
  versions:
    description: >-
      Versions of secrets of Secrets Manager to give in place of the current ones, by C(secretsmanager:name).
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: It only reads.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Find the secrets
  slipway.core.secret_places:
    region: eu-central-1
    references:
      backend:
        DATABASE_URL: secretsmanager:goals/database#url
  register: places
"""

RETURN = r"""
places:
  description: By service and environment variable, C(arn) as C(valueFrom) takes it, and C(version).
  returned: success
  type: dict
versions:
  description: The version of each, by C(secretsmanager:name) or C(ssm:name).
  returned: success
  type: dict
"""


def main() -> None:
    """Run as a module."""
    module = AnsibleAWSModule(
        argument_spec={
            "references": {"type": "dict", "required": True},
            "expected": {"type": "list", "elements": "str", "default": []},
            "versions": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    try:
        places = find(
            module.params["references"],
            lambda: module.client("secretsmanager"),
            lambda: module.client("ssm"),
            module.params["expected"] if module.check_mode else (),
            module.params["versions"],
        )
    except PlaceError as error:
        module.fail_json(msg=str(error))
    except (ClientError, BotoCoreError) as error:
        module.fail_json_aws(error, msg="The secrets cannot be looked up")
    module.exit_json(changed=False, places=places, versions=versions_of(module.params["references"], places))


if __name__ == "__main__":
    main()
