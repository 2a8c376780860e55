"""Run the module release_lock with what only the controller knows: who runs it, and what it holds already."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..plugin_utils import held_locks


class ActionModule(ActionBase):
    """The action of slipway.core.release_lock."""

    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module where the task runs; a lock that this run holds already is not asked for again."""
        arguments = self._task.args
        stack, state = arguments["stack"], arguments.get("state", "shown")
        ours = held_locks.keepers.get(stack)
        if state == "held" and not arguments.get("hours"):
            if ours and not ours.ended():
                return {
                    "changed": False,
                    "msg": f"The lock of {stack} is held by this run.",
                    "previous": held_locks.previous[stack],
                }
            if held_locks.terminal is None:
                return {
                    "failed": True,
                    "msg": "Nothing would free the lock when the run ends: "
                    "add slipway.core.release_lock to callbacks_enabled in ansible.cfg.",
                }
        if state == "absent" and not self._task.check_mode:
            # What renewed it would take the end of the bucket for the loss of the lock.
            held_locks.abandon(stack)
        module_args = {
            **arguments,
            "by": {
                "user": getpass.getuser(),
                "host": socket.gethostname(),
                "pid": os.getppid(),
                "purpose": " ".join(Path(name).name for name in context.CLIARGS["args"]),
                "terminal": held_locks.terminal or "",
            },
        }
        result: dict[str, Any] = self._execute_module(
            module_args={**module_args, "wait": 0}, task_vars=task_vars
        )
        if self._worth_waiting(result):
            Display().display(f"{result['held']} Waiting for it ...", color="yellow")
            result = self._execute_module(module_args=module_args, task_vars=task_vars)
        if state == "absent":
            result["keeper"] = 0
        return result

    def _worth_waiting(self, result: dict[str, Any]) -> bool:
        wait = self._task.args.get("wait")
        return "held" in result and (not result["by_hand"] if wait is None else float(wait) > 0)
