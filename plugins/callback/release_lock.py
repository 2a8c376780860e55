"""Frees the locks that a run holds when the run ends."""

import atexit
import os
import signal
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

from ..module_utils.processes import Process
from ..plugin_utils import held_locks

DOCUMENTATION = """
name: release_lock
type: aggregate
short_description: Free an environment's lock when the run that took it ends
description:
  - The module M(slipway.core.release_lock) leaves a process that renews the lock it took. When the run ends,
    well or badly or by Ctrl-C, this callback tells that process to free the lock, and waits until it has.
  - Where C(ansible-playbook) itself is killed, the lock expires.
  - Where that process was killed, the lock is not renewed: this callback ends the run at its next task.
  - It keeps which lease a run from here had last, so that the next one knows whether anybody else has had
    the lock meanwhile.
options:
  folder:
    description: Where to keep that; a relative path is beside C(ansible.cfg). Without it, nothing is kept.
    type: path
    ini:
      - section: release_lock
        key: folder
"""

MODULE = "slipway.core.release_lock"


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Hears of locks in the results of the module that takes them."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "slipway.core.release_lock"

    def v2_playbook_on_start(self, playbook: object) -> None:
        """Let the action know that somebody listens, and where the run's errors go."""
        errors = f"/proc/{os.getpid()}/fd/2"
        terminal = os.ttyname(2) if os.isatty(2) else ""
        held_locks.terminal = errors if os.path.exists(errors) else terminal
        folder = self.get_option("folder")
        held_locks.folder = Path(folder) if folder else None

    def v2_runner_on_ok(self, result: Any) -> None:
        """Remember what was taken."""
        keeper = result.result.get("keeper") if result.task.resolved_action == MODULE else None
        if keeper:
            atexit.register(free, os.getpid())
            stack = result.result["stack"]
            held_locks.keepers[stack] = Process(keeper)
            held_locks.tokens[stack] = result.result["lease"]["token"]
            held_locks.previous[stack] = result.result["previous"]
        elif keeper == 0:
            held_locks.keepers.pop(result.result["stack"], None)

    def v2_playbook_on_task_start(self, task: object, is_conditional: bool) -> None:
        """Go on only while every lock is kept."""
        for stack, keeper in held_locks.keepers.items():
            if keeper.ended():
                self._display.error(f"The process {keeper.pid} that renewed the lock of {stack} was killed.")
                os.kill(os.getpid(), signal.SIGTERM)


def free(owner: int) -> None:
    """Free every lock, at the end of the process that took them and not at that of a fork of it."""
    if os.getpid() == owner:
        for stack in list(held_locks.keepers):
            held_locks.free(stack)
