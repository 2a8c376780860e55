"""Keeps one warm process for the controller's modules while a playbook runs."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader

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
  - The filters of this collection are loaded with the playbook as well. Tasks run in forks of Ansible, each
    of which would load those that it uses.
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
"""

UTILITIES = Path(__file__).resolve().parent.parent / "plugin_utils"
VARIABLE = "SLIPWAY_PYTHON"
# A kernel reads this much of a script's first line.
SHEBANG_LIMIT = 255


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Starts the server of `warm_server.py` and writes the interpreter that leads to it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "slipway.core.warm_modules"

    def v2_playbook_on_start(self, playbook: object) -> None:
        """Offer the interpreter before the first task is run, and load the filters."""
        os.environ.pop(VARIABLE, None)
        if not self.get_option("enabled"):
            return
        # Whichever is asked for, the loader goes through them all, and keeps what it has read.
        with contextlib.suppress(KeyError):
            filter_loader.get_with_context("slipway.core.any")
        try:
            os.environ[VARIABLE] = str(self._interpreter())
        except OSError as error:
            self._display.warning(f"The controller's modules run without a warm process: {error}")

    def _interpreter(self) -> Path:
        """Start the server and return the path of the interpreter that asks it.

        Raises:
            OSError: the server cannot be had here.
        """
        if sys.platform != "linux":
            raise OSError("it needs Linux")
        # Ansible removes its temporary folder, which is the user's alone, when the run ends.
        folder = Path(tempfile.mkdtemp(prefix="warm-", dir=constants.DEFAULT_LOCAL_TMP))
        interpreter = folder / "python"
        shebang = f"#!{sys.executable} -IS"
        if len(shebang) > SHEBANG_LIMIT:
            raise OSError(f"the path of {sys.executable} is too long")
        client = (UTILITIES / "warm_client.py").read_text()
        for name, value in {"@FOLDER@": folder, "@PYTHON@": sys.executable}.items():
            client = client.replace(f'"{name}"', repr(str(value)))
        interpreter.write_text(f"{shebang}\n{client}")
        interpreter.chmod(0o700)
        with socket.socket(socket.AF_UNIX) as listener:
            # An address holds 107 characters: the folder's own path may be longer.
            opened = os.open(folder, os.O_PATH)
            listener.bind(f"/proc/self/fd/{opened}/socket")
            os.close(opened)
            listener.listen(128)
            subprocess.Popen(
                [sys.executable, "-P", str(UTILITIES / "warm_server.py"), str(os.getpid())],
                stdin=listener.fileno(),
                stdout=subprocess.DEVNULL,
                # Ansible keeps its own from being inherited.
                stderr=2,
                start_new_session=True,
            )
        return interpreter
