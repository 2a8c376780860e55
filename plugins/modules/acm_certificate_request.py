#!/usr/bin/python
"""Have a certificate issued by ACM, proved by a record in Route 53."""

from __future__ import annotations

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.acm_certificates import CertificateError, Certificates, Wanted, converge, remove
from ..module_utils.route53 import DnsError, Route53

DOCUMENTATION = r"""
---
module: acm_certificate_request
short_description: Have a certificate issued by ACM, proved by a record in Route 53
version_added: "0.2.0"
description:
  - Asks AWS Certificate Manager for a certificate, makes the record that proves the domain, and waits until
    the certificate is issued. ACM renews it as long as the record is there.
  - The certificate is known by its domain and by the tags C(slipway_app) and C(slipway_environment).
options:
  domain:
    description: The domain.
    type: str
    required: true
  zone:
    description: >-
      Name of the public hosted zone that the domain is in. Empty takes the one with the longest name that
      fits.
    type: str
    default: ""
  resource_tags:
    description: >-
      Tags of the certificate. C(slipway_app) and C(slipway_environment) are needed, and never change.
    type: dict
    required: true
  state:
    description: >-
      C(absent) removes the certificate as soon as no load balancer uses it, and its record where no other
      certificate needs it.
    type: str
    choices: [present, absent]
    default: present
  timeout:
    description: Seconds to wait for ACM.
    type: int
    default: 900
attributes:
  check_mode:
    support: full
    description: Says what would be asked for or removed.
  diff_mode:
    support: full
    description: Shows the certificate's status, its record and its tags before and after.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Have a certificate
  slipway.core.acm_certificate_request:
    region: eu-central-1
    domain: goals.example.org
    resource_tags: {slipway_app: goals, slipway_environment: prod}
"""

RETURN = r"""
arn:
  description: ARN of the certificate; in check mode words in its place where there is none yet.
  returned: O(state=present)
  type: str
"""


def main() -> None:
    """Run as a module."""
    module = AnsibleAWSModule(
        argument_spec={
            "domain": {"type": "str", "required": True},
            "zone": {"type": "str", "default": ""},
            "resource_tags": {"type": "dict", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "timeout": {"type": "int", "default": 900},
        },
        supports_check_mode=True,
    )
    params = module.params
    tags = {key: str(value) for key, value in params["resource_tags"].items()}
    wanted = Wanted(params["domain"].lower(), params["zone"].lower(), tags)
    dns = Route53(module.client("route53"), timeout=params["timeout"])
    certificates = Certificates(module.client("acm"), timeout=params["timeout"])
    act = {"present": converge, "absent": remove}[params["state"]]
    try:
        result = act(certificates, dns, wanted, check_mode=module.check_mode)
    except (CertificateError, DnsError) as error:
        module.fail_json(msg=str(error))
    except (ClientError, BotoCoreError) as error:
        module.fail_json_aws(
            error, msg=f"The certificate of {wanted.domain} cannot be made {params['state']}"
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
