#!/usr/bin/python
"""Ask AWS what was asked before; the action does the rest."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
---
module: aws_reads
short_description: See whether roles would find all on AWS as they left it
version_added: "0.7.0"
description:
  - Whether roles would change anything follows from what they are, from what they are told, and from what AWS
    answers them. This keeps all three of a run in which they changed nothing, and compares.
  - C(compared) asks AWS again everything that was asked in that run, at once. Where each answer is the same,
    and so are the roles and what they are told, they would again change nothing, and can be passed over.
    Otherwise it says where to record what they ask.
  - C(kept) keeps what was recorded, unless something was changed or a secret was read.
  - It is the warm process that records (see the callback C(warm_modules)), in the file that the environment
    variable E(SLIPWAY_READS) of a task names. Without that process, everything counts as changed.
  - No answer is kept, but a digest of each, without what changes by itself and concerns no role
    (C(plugin_utils/warm_aws.py) names it).
options:
  state:
    description: Whether to compare and begin to record, or to keep.
    type: str
    choices: [compared, kept]
    default: compared
  path:
    description: Where to keep it, a file on the controller. Where there is none, all is gone through.
    type: path
    required: true
  recorded:
    description: With O(state=kept), the file in which the roles recorded, as C(compared) returned it.
    type: path
  roles:
    description: Names of the roles. What they are told is each option of the entry point C(main).
    type: list
    elements: str
    required: true
  inputs:
    description: What else decides what they do.
    type: dict
    default: {}
  files:
    description:
      - Those of their options that name a file on the controller, which they read or write, as they may
        others whose names begin with its name.
    type: list
    elements: str
    default: []
  facts:
    description: Names of the facts that they set, which are set again where they are passed over.
    type: list
    elements: str
    default: []
  seen:
    description:
      - With O(state=compared), what M(slipway.core.preflight) has seen by comparing. AWS is not asked again
        then; whoever gives it knows that nothing has changed there since. The roles, and what they are told,
        are compared in any case. Empty has AWS asked.
    type: dict
    default: {}
  reads:
    description: Set by the action; what to ask, each as service, operation and parameters.
    type: list
    elements: list
    default: []
attributes:
  check_mode:
    support: full
    description: What a plan would do is not kept.
  diff_mode:
    support: none
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: See whether anything differs from what the last run left
  slipway.core.aws_reads:
    path: .cache/reads/goals-prod.json
    roles: [network]
    facts: [network_made]
  register: compared

- name: Provision
  ansible.builtin.import_role:
    name: network
  environment:
    SLIPWAY_READS: "{{ compared.recorded }}"
  when: not compared.unchanged

- name: Keep what the run has seen
  slipway.core.aws_reads:
    state: kept
    path: .cache/reads/goals-prod.json
    recorded: "{{ compared.recorded }}"
    roles: [network]
    facts: [network_made]
  when: compared.recorded | length > 0
"""

RETURN = r"""
unchanged:
  description:
    - With O(state=compared), whether the roles would find everything as it was, and change nothing. Then
      O(facts) are set.
    - With O(state=kept), whether they have changed nothing, by all that they asked of AWS; false in a plan.
  returned: always
  type: bool
recorded:
  description: The file in which roles are to record; empty where they are passed over or cannot record.
  returned: when O(state=compared)
  type: str
msg:
  description: What differs, or why nothing is kept.
  returned: always
  type: str
"""

#: How many questions are asked at a time.
AT_ONCE = 8


def main() -> None:
    """Run as a module."""
    module = AnsibleAWSModule(
        argument_spec={"reads": {"type": "list", "elements": "list", "default": []}},
        supports_check_mode=True,
    )
    # By the last, the action sees that what is asked is recorded.
    reads = [*module.params["reads"], ["sts", "GetCallerIdentity", {}]]

    def ask(service: str, operation: str, parameters: dict[str, object]) -> None:
        # An error, too, is an answer.
        with contextlib.suppress(ClientError):
            getattr(clients[service], xform_name(operation))(**parameters)

    try:
        clients = {service: module.client(service) for service in {read[0] for read in reads}}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for asked in [pool.submit(ask, *read) for read in reads]:
                asked.result()
    except (BotoCoreError, AttributeError) as error:
        module.fail_json_aws(error, msg="What was asked before cannot be asked again")
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
