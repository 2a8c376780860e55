#!/usr/bin/python
"""Take, show or free the lock of an environment."""

from __future__ import annotations

import contextlib
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils import lock_renewal, release_lock
from ..module_utils.lock_renewal import Controller, Keeper
from ..module_utils.processes import Process
from ..module_utils.release_history import History
from ..module_utils.release_lock import ENDED, RETRIED, Held, Lease, Seen, Taken
from ..module_utils.release_store import Store, environment_store
from ..module_utils.s3_buckets import BucketError

DOCUMENTATION = r"""
---
module: release_lock
short_description: Take, show or free the lock of an environment
version_added: "0.4.0"
description:
  - One run at a time changes an environment. The lock is a lease, an object in the environment's own bucket.
    It is written on condition (C(If-None-Match), C(If-Match)), so of all who want it one gets it.
  - The lock of a run is renewed by a process that this module leaves behind, four times in the length of a
    lease. The callback M(slipway.core.release_lock) has it freed when the run ends. The lock of a run that
    was killed expires, and is then taken over by one of those who want it.
  - A run whose lock was taken from it, or cannot be renewed, is ended by that process with SIGTERM.
  - Ages are by S3's clock, so no machine's has to be right.
options:
  stack:
    description: Name of the application and its environment. The bucket is named after it and the account.
    type: str
    required: true
  state:
    description:
      - C(held) takes the lock. Within one run it is taken once, and asked for no more.
      - C(free) frees one that was taken by hand, or with I(force) any.
      - C(shown) changes nothing.
      - C(absent) removes the bucket with all that is in it, at the end of an environment.
    type: str
    choices: [held, free, shown, absent]
    default: shown
  hours:
    description: Take the lock by hand, for so many hours; it outlives the run, and is not renewed.
    type: float
  message:
    description: Why it is taken, for others to read.
    type: str
    default: ""
  wait:
    description:
      - Seconds to wait for a lock that somebody else holds. C(0) fails at once.
      - By default until it is known whether the run that holds it lives, which it shows by renewing it. A
        lock that was taken by hand is not waited for.
    type: float
  force:
    description: Take or free the lock also from one who holds it. A run that does is ended.
    type: bool
    default: false
  lease_seconds:
    description: How long a run's lease holds unless it is renewed. A killed run blocks others for that long.
    type: float
    default: 60
  resource_tags:
    description: Tags of the bucket.
    type: dict
    default: {}
  by:
    description: Who takes it, from where and by what. The action of this module says it.
    type: dict
    required: true
    suboptions:
      user:
        description: The user on the controller.
        type: str
        required: true
      host:
        description: The controller.
        type: str
        required: true
      pid:
        description: The process of ansible-playbook.
        type: int
        required: true
      purpose:
        description: The playbook.
        type: str
        required: true
      terminal:
        description: A path to write to before that process is ended.
        type: str
        default: ""
attributes:
  check_mode:
    support: full
    description: Nothing is taken or freed; that somebody holds the lock is a warning.
  diff_mode:
    support: none
    description: The message says who holds the lock.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Let no other run change the environment until this one ends
  slipway.core.release_lock:
    region: eu-central-1
    stack: goals-prod
    state: held

- name: Let no run change the environment for two hours
  slipway.core.release_lock:
    region: eu-central-1
    stack: goals-prod
    state: held
    hours: 2
    message: The database is being moved.
"""

RETURN = r"""
msg:
  description: Who holds the lock, since when, from where, for what and until when.
  returned: always
  type: str
  sample: >-
    The lock of goals-prod is held by anna@build-7, process 4711, since 2026-11-23T03:15:00Z (deploy.yml),
    until 2026-11-23T03:16:00Z unless it is renewed.
stack:
  description: The stack asked for.
  returned: success
  type: str
bucket:
  description: The bucket that the lock is in.
  returned: success
  type: str
lease:
  description: The lease as it is stored; after C(held) the one that was taken. Empty where there was none.
  returned: success
  type: dict
previous:
  description: The token of the lease before the one that was taken; empty where there was none.
  returned: after C(held)
  type: str
history:
  description: >-
    What is known of the releases before, for M(slipway.core.release_record): C(account), the id of the AWS
    account, and C(last), the records of the last good release and of those after it, the newest first.
  returned: after C(held) without I(hours), where it can be read
  type: dict
keeper:
  description: The process that renews the lock; 0 after C(absent).
  returned: after C(held) without I(hours), and after C(absent)
  type: int
held:
  description: Who holds the lock.
  returned: when somebody else does
  type: str
by_hand:
  description: Whether it was taken by hand.
  returned: when somebody else does
  type: bool
"""


def main() -> None:
    """Run as a module."""
    module = AnsibleAWSModule(
        argument_spec={
            "stack": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["held", "free", "shown", "absent"], "default": "shown"},
            "hours": {"type": "float"},
            "message": {"type": "str", "default": ""},
            "wait": {"type": "float"},
            "force": {"type": "bool", "default": False},
            "lease_seconds": {"type": "float", "default": 60},
            "resource_tags": {"type": "dict", "default": {}},
            "by": {
                "type": "dict",
                "required": True,
                "options": {
                    "user": {"type": "str", "required": True},
                    "host": {"type": "str", "required": True},
                    "pid": {"type": "int", "required": True},
                    "purpose": {"type": "str", "required": True},
                    "terminal": {"type": "str", "default": ""},
                },
            },
        },
        supports_check_mode=True,
    )
    stack = module.params["stack"]
    try:
        store = environment_store(module.client, stack)
        result = _run(module, store)
    except Held as error:
        held = release_lock.description(stack, error.seen, store.now)
        module.fail_json(
            msg=f"{held}\n{release_lock.remedy(error.seen)}",
            held=held,
            by_hand=error.seen.by_hand,
        )
    except BucketError as error:
        module.fail_json(msg=f"There can be no lock of {stack}: {error}")
    except (ClientError, BotoCoreError) as error:
        module.fail_json_aws(error, msg=f"The lock of {stack} cannot be had")
    module.exit_json(stack=stack, bucket=store.bucket, **result)


def _run(module: AnsibleAWSModule, store: Store) -> dict[str, Any]:
    params, stack = module.params, module.params["stack"]
    if params["state"] == "absent":
        return _absent(store, check_mode=module.check_mode)
    if params["state"] == "shown" or module.check_mode:
        return _shown(module, store)
    by = params["by"]
    if params["state"] == "free":
        was = release_lock.free(store, f"{by['user']}@{by['host']}", by["user"], force=params["force"])
        return _freed(stack, was)
    return _held(module, store)


def _held(module: AnsibleAWSModule, store: Store) -> dict[str, Any]:
    params, stack = module.params, module.params["stack"]
    by, hours = params["by"], params["hours"]
    wanted = Lease(
        state="held",
        user=by["user"],
        host=by["host"],
        pid=0 if hours else by["pid"],
        purpose="maintenance" if hours else by["purpose"],
        message=params["message"],
        lease_seconds=hours * 3600 if hours else params["lease_seconds"],
    )
    since = lock_renewal.now()
    taken = release_lock.take(
        store, wanted, _texts(params["resource_tags"]), params["wait"], force=params["force"]
    )
    seen = Seen(taken.lease, taken.etag, 0.0)
    result = {
        "changed": True,
        "msg": release_lock.description(stack, seen, store.now),
        "lease": taken.lease.body(),
        "previous": taken.previous,
    }
    if not hours:
        result["keeper"] = _keep(module, stack, store, taken, since)
        # Whoever cannot be told asks again, and says what is wrong.
        with contextlib.suppress(ClientError, BotoCoreError):
            result["history"] = {"account": store.owner, "last": History(store).last()}
    return result


def _keep(module: AnsibleAWSModule, stack: str, store: Store, taken: Taken, since: float) -> int:
    """Leave a process that renews the lock, with a client that does not wait for an answer for long."""
    by, seconds = module.params["by"], module.params["lease_seconds"] * RETRIED
    patience = {"connect_timeout": seconds, "read_timeout": seconds, "retries": {"total_max_attempts": 1}}
    client = module.client("s3", aws_config={**(module.params["aws_config"] or {}), **patience})
    keeper = Keeper(Store(client, store.bucket, store.owner), stack, taken, since)
    return lock_renewal.start(keeper, Controller(Process(by["pid"]), by["terminal"]))


def _shown(module: AnsibleAWSModule, store: Store) -> dict[str, Any]:
    seen = release_lock.look(store)
    message = release_lock.description(module.params["stack"], seen, store.now)
    if module.check_mode and module.params["state"] == "held" and seen is not None and seen.held:
        module.warn(f"{message} A run would have to wait for it.")
    return {"changed": False, "msg": message, "lease": seen.lease.body() if seen else {}}


def _freed(stack: str, was: Seen | None) -> dict[str, Any]:
    if was is None:
        return {"changed": False, "msg": f"The lock of {stack} is free."}
    message = f"The lock of {stack} was held by {was.lease.owner} since {was.lease.started}, and is free."
    if not was.by_hand:
        seconds = was.lease.lease_seconds * ENDED
        message += (
            f" That run ends when it next renews it; the next one waits for that, {seconds:.0f} s at most."
        )
    return {"changed": True, "msg": message, "lease": was.lease.body()}


def _absent(store: Store, *, check_mode: bool) -> dict[str, Any]:
    there = store.exists()
    if there and not check_mode:
        store.remove()
    return {"changed": there, "msg": f"{store.bucket} is {'removed' if there else 'not there'}."}


def _texts(tags: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in tags.items()}


if __name__ == "__main__":
    main()
