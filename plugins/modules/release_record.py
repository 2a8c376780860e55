#!/usr/bin/python
"""Write and read the history of an environment's releases."""

from __future__ import annotations

import itertools
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.release_history import History, ReleaseNotFound, summary
from ..module_utils.release_store import environment_store

DOCUMENTATION = r"""
---
module: release_record
short_description: Write and read the history of an environment's releases
version_added: "0.3.0"
description:
  - Keeps one record for each release of an application in an environment, in an S3 bucket of that one.
  - >-
    A record holds what is needed to make the release again (the application as it was described, images by
    digest, versions of secrets, never their values), who made it from where, what changed, and how it ended.
  - Whoever begins a release holds the environment's lock.
options:
  stack:
    description: Name of the application in the environment, whose bucket it is.
    type: str
    required: true
  account:
    description: Id of the AWS account, where it is known. Otherwise AWS is asked for it.
    type: str
    default: ""
  state:
    description:
      - >-
        V(begun) compares what is to be released with the last good release. Where it differs, it writes
        the record of a release that runs. Releases that were running when their run ended are marked as
        interrupted.
      - V(passed) notes that O(gate) has passed.
      - V(ended) writes how it ended.
      - V(found) gives the record of O(release), or that of what a rollback without a name goes to.
      - V(listed) gives the last records.
    type: str
    choices: [begun, passed, ended, found, listed]
    required: true
  facts:
    description:
      - What V(begun) records beside the release, C(application), C(environment), C(target) and C(kind).
      - With a rollback also C(of), the release that it goes to.
    type: dict
    default: {}
  document:
    description: What V(begun) releases, as the filter P(slipway.core.release_document#filter) gives it.
    type: dict
  gate:
    description: One of the gates that V(begun) returned.
    type: dict
  record:
    description: What V(ended) ends, as V(begun) returned it.
    type: dict
  ending:
    description: Its C(result), C(parts), C(failure), C(returned), C(gates), C(probe) and C(url).
    type: dict
    default: {}
  release:
    description: Id of a release. For V(found), empty means what a rollback goes to.
    type: str
    default: ""
  limit:
    description: How many records V(listed) gives.
    type: int
    default: 20
  project_dir:
    description: Where V(begun) looks up the revision of git. The action plugin does.
    type: path
  history:
    description:
      - What M(slipway.core.release_lock) returned as C(history) when this run took the lock. V(begun) then
        asks for no release again, and where it has nothing to write, it asks AWS for nothing.
    type: dict
    default: {}
attributes:
  action:
    support: full
    description: Adds to O(facts) who begins a release, from which machine and which revision of git.
  check_mode:
    support: full
    description: Writes nothing.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Begin a release
  slipway.core.release_record:
    stack: goals-prod
    state: begun
    facts:
      application: goals
      environment: prod
      target: ec2
      kind: release
    document: "{{ document }}"
  register: begun

- name: Show the last ten releases
  slipway.core.release_record:
    stack: goals-prod
    state: listed
    limit: 10
"""

RETURN = r"""
account:
  description: Id of the AWS account.
  returned: success
  type: str
release_record:
  description: The record.
  returned: unless listed
  type: dict
base_document:
  description: What the last good release released; empty where there is none.
  returned: when begun
  type: dict
recorded:
  description: Whether anything differs from the last good release, so that there is a record.
  returned: when begun
  type: bool
unfinished:
  description: Ids of releases whose run ended without a word.
  returned: when begun
  type: list
  elements: str
gates:
  description: >-
    The tasks that stand before the release and have not passed, by C(service), C(name), C(command),
    C(timeout) and C(fingerprint).
  returned: when begun
  type: list
  elements: dict
releases:
  description: The last records, the newest first, without what was released.
  returned: when listed
  type: list
  elements: dict
"""


def main() -> None:
    """Run as a module."""
    module = AnsibleAWSModule(
        argument_spec={
            "stack": {"type": "str", "required": True},
            "account": {"type": "str", "default": ""},
            "state": {
                "type": "str",
                "choices": ["begun", "passed", "ended", "found", "listed"],
                "required": True,
            },
            "facts": {"type": "dict", "default": {}},
            "document": {"type": "dict"},
            "gate": {"type": "dict"},
            "record": {"type": "dict"},
            "ending": {"type": "dict", "default": {}},
            "release": {"type": "str", "default": ""},
            "limit": {"type": "int", "default": 20},
            "history": {"type": "dict", "default": {}},
        },
        required_if=[
            ("state", "begun", ["document"]),
            ("state", "passed", ["gate"]),
            ("state", "ended", ["record"]),
        ],
        supports_check_mode=True,
    )
    try:
        account = module.params["account"] or module.params["history"].get("account", "")
        store = environment_store(module.client, module.params["stack"], account)
        result = _result(module, History(store))
        module.exit_json(**result, account=store.owner)
    except ReleaseNotFound as error:
        module.fail_json(msg=str(error))
    except (ClientError, BotoCoreError) as error:
        module.fail_json_aws(error, msg="The history of releases cannot be reached")


def _result(module: AnsibleAWSModule, history: History) -> dict[str, Any]:
    params = module.params
    if params["state"] == "begun":
        last = params["history"].get("last")
        begun = history.begin(params["facts"], params["document"], last, check_mode=module.check_mode)
        if begun.unfinished:
            module.warn(
                f"The run of release {', '.join(begun.unfinished)} ended without a word, perhaps between two "
                "hosts or services. This release brings all of them to one state."
            )
        return begun.told()
    if params["state"] == "passed":
        if not module.check_mode:
            history.passed(params["gate"])
        return {"changed": False}
    if params["state"] == "ended":
        if module.check_mode:
            return {"changed": False, "release_record": {**params["record"], **params["ending"]}}
        return {"changed": False, "release_record": history.end(params["record"], params["ending"])}
    if params["state"] == "listed":
        records = itertools.islice(history.newest_first(), params["limit"])
        return {"changed": False, "releases": [summary(record) for record in records]}
    found = history.get(params["release"]) if params["release"] else history.before()
    return {"changed": False, "release_record": found}


if __name__ == "__main__":
    main()
