"""Begin a release with what only the controller knows, and without AWS where nothing is to be written."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

import getpass
import socket
import subprocess
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils.release_history import comparison


class ActionModule(ActionBase):
    """The action of slipway.core.release_record."""

    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Answer what needs nothing of AWS, and run the module for all else."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        directory = arguments.pop("project_dir", None)
        if arguments.get("state") == "begun":
            # It looks around while the rest is done.
            git = ask_git(directory)
            history, document = arguments.get("history"), arguments.get("document")
            begun = comparison(history["last"], {}, document) if history and document else None
            facts = arguments["facts"] = {**actor(), "git": revision(git), **arguments.get("facts", {})}
            if history and begun and not begun.recorded and not begun.gates:
                record = {**begun.record, **facts}
                return {**begun.told(), "release_record": record, "account": history["account"]}
        result: dict[str, Any] = self._execute_module(module_args=arguments, task_vars=task_vars)
        return result


def actor() -> dict[str, Any]:
    """Return who is at work, and on which machine."""
    return {"actor": {"user": getpass.getuser(), "host": socket.gethostname()}}


def ask_git(directory: str | None) -> subprocess.Popen[str] | None:
    """Begin to ask for the state of a working tree; None where there is no git."""
    command = ["git", "-C", directory or ".", "status", "--porcelain=v2", "--branch"]
    try:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return None


def revision(asked: subprocess.Popen[str] | None) -> dict[str, Any]:
    """Return revision and cleanliness of the working tree; None for both where there is none."""
    lines = asked.communicate()[0].splitlines() if asked else []
    found = next((line.split()[2] for line in lines if line.startswith("# branch.oid ")), "(initial)")
    if found == "(initial)" or not asked or asked.returncode:
        return {"revision": None, "dirty": None}
    return {"revision": found, "dirty": any(not line.startswith("#") for line in lines)}
