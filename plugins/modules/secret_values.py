#!/usr/bin/python
"""Read the values of an application's secrets."""

from __future__ import annotations

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.faults import Fault, Faults, render
from ..module_utils.release_failure import Failure
from ..module_utils.secret_store import ParameterStore, SecretError, SecretsManager
from ..module_utils.secret_values import SECRETS_MANAGER, Stores, collect

DOCUMENTATION = r"""
---
module: secret_values
short_description: Read the values of an application's secrets
version_added: "0.1.0"
description:
  - Reads every value that services refer to, from Secrets Manager, Parameter Store and vaulted variables.
  - Makes those of O(generate) that do not exist, with a random value, and never overwrites one.
  - Names everything that is missing at once, and makes nothing then.
  - Its result is never shown, at any verbosity. Its errors are, they hold no value.
options:
  references:
    description: >-
      The services' secrets. By service and environment variable a reference, which is one of
      C(secretsmanager:name), C(secretsmanager:name#key), C(ssm:name) and C(vault:variable).
    type: dict
    required: true
  generate:
    description: Secrets of Secrets Manager to make where they are missing, by name a mapping of C(length).
    type: dict
    default: {}
  resource_tags:
    description: Tags of the secrets that are made.
    type: dict
    default: {}
  versions:
    description: >-
      Versions to read in place of the current ones, by C(secretsmanager:name) or C(ssm:name), as RV(versions)
      of an earlier run gave them.
    type: dict
    default: {}
  undefined_variables:
    description: Variables that C(vault:) references name and that do not exist. The action fills this in.
    type: list
    elements: str
    default: []
attributes:
  action:
    support: full
    description: Adds the values of vaulted variables on the controller and hides the result.
  check_mode:
    support: full
    description: Makes nothing. Values of secrets that would be made are a placeholder.
  diff_mode:
    support: full
    description: Shows the names of secrets that are made.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Read the secrets
  slipway.core.secret_values:
    region: eu-central-1
    references:
      backend:
        DATABASE_URL: secretsmanager:goals/database#url
        SESSION_KEY: secretsmanager:goals/session
        MAIL_PASSWORD: vault:mail_password
    generate:
      goals/session:
        length: 48
  register: secret_values
"""

RETURN = r"""
values:
  description: By service and environment variable, the value.
  returned: success
  type: dict
versions:
  description: The version that each value is of, by C(secretsmanager:name) or C(ssm:name).
  returned: success
  type: dict
made:
  description: Names of the secrets that were (or would be) made.
  returned: success
  type: list
  elements: str
msg:
  description: Everything that is missing, numbered.
  returned: failure
  type: str
failure:
  description: The same in the shape that M(slipway.core.host_release) fails with.
  returned: failure
  type: dict
"""

DEFAULT_LENGTH = 32


def main() -> None:
    """Run as a module."""
    module = AnsibleAWSModule(
        argument_spec={
            "references": {"type": "dict", "required": True},
            "generate": {"type": "dict", "default": {}},
            "resource_tags": {"type": "dict", "default": {}},
            "versions": {"type": "dict", "default": {}},
            "undefined_variables": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params = module.params
    stores = Stores(
        lambda: SecretsManager(module.client("secretsmanager")), lambda: ParameterStore(module.client("ssm"))
    )
    try:
        result = collect(
            params["references"],
            {
                name: int((how or {}).get("length", DEFAULT_LENGTH))
                for name, how in params["generate"].items()
            },
            stores,
            tags={key: str(value) for key, value in params["resource_tags"].items()},
            versions=params["versions"],
            undefined=params["undefined_variables"],
            check_mode=module.check_mode,
        )
    except Faults as found:
        cause = "secret_denied" if "AccessDenied" in str(found) else "secret_missing"
        failure = Failure(cause, "Secrets are missing", evidence=str(found).splitlines())
        module.fail_json(msg=f"Secrets are missing:\n{found}", failure=failure.as_dict())
    except SecretError as error:
        fault = Fault(SECRETS_MANAGER, "secrets_generate", error.problem, "a secret", error.remedy)
        module.fail_json(msg=f"A secret cannot be made:\n{render([fault])}")
    except (ClientError, BotoCoreError) as error:
        module.fail_json_aws(error, msg="The secrets cannot be read")
    module.exit_json(
        changed=bool(result.made),
        values=result.values,
        versions=result.versions,
        made=result.made,
        diff={"before": "", "after": "".join(f"secret {name} (random)\n" for name in result.made)},
    )


if __name__ == "__main__":
    main()
