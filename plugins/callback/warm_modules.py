"""Keeps one warm process for the controller's modules while a playbook runs."""

import gc
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

from ..plugin_utils import startup, warm

DOCUMENTATION = """
name: warm_modules
type: aggregate
short_description: Run the controller's modules in a process that has boto3 loaded
description:
  - A module of AWS costs a second of imports and service models for a call that takes milliseconds.
  - While a playbook runs, this callback offers an interpreter that hands each module to a fork of one process
    in which all of that is loaded already. Its path is the environment variable E(SLIPWAY_PYTHON), for use as
    C(ansible_python_interpreter) of localhost.
  - The process is started with the playbook, loads what it holds while Ansible sets out, is reached by a
    socket in a folder that only the user can enter, and ends with the run, however the run ends.
  - What tasks need of Ansible and of this collection is loaded with the playbook as well. Tasks run in forks
    of Ansible, each of which would load what it uses.
  - Where it cannot be had (not on Linux, a path too long for a script's first line), a warning says so once
    and modules run as ever. So do a task that is asynchronous, runs as another user, or sets other C(PYTHON*)
    variables.
options:
  enabled:
    description: Whether to offer the interpreter.
    type: bool
    default: true
    ini:
      - section: warm_modules
        key: enabled
    env:
      - name: SLIPWAY_WARM_MODULES
  folder:
    description:
      - Where to keep, for the next run, what was compiled of the sources of modules and what botocore read of
        its models; a relative path is one beside C(ansible.cfg). Without it, nothing is kept.
    type: path
    env:
      - name: SLIPWAY_WARM_FOLDER
    ini:
      - section: warm_modules
        key: folder
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Starts the warm process of `plugin_utils/warm.py`."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "slipway.core.warm_modules"

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Offer the interpreter before the first task is run, and load what tasks would load."""
        gc.enable()
        if not self.get_option("enabled"):
            os.environ.pop(warm.VARIABLE, None)
            return
        try:
            warm.start()
        except OSError as error:
            os.environ.pop(warm.VARIABLE, None)
            self._display.warning(f"The controller's modules run without a warm process: {error}")
        startup.load_ahead()
        startup.note_files(playbook._loader)
        # What no task frees: a collection in a fork of Ansible would copy all of it.
        gc.freeze()
