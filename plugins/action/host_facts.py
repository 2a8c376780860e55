"""Look at a host once, for all who want to know of it before anything is changed."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils import docker_api, kept
from ..plugin_utils import held_locks, host_program
from .host_reads import ActionModule as HostReads
from .host_reads import read_kept
from .host_release import NAMES as RELEASED

PYTHON = "python3"


class ActionModule(HostReads):
    """The action of slipway.core.host_facts."""

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the host, and compare its answer to what an earlier run has kept."""
        ActionBase.run(self, tmp, task_vars)
        self._variables = task_vars or {}
        reads = {
            "path": {"type": "path", "required": True},
            "roles": {"type": "list", "elements": "str", "required": True},
            "inputs": {"type": "dict", "default": {}},
        }
        _, arguments = self.validate_argument_spec(
            {
                "ports": {"type": "list", "elements": "int", "default": [80]},
                "docker_socket": {"type": "path", "default": docker_api.SOCKET},
                "stack": {"type": "str", "default": ""},
                "configuration": {"type": "dict", "options": reads},
                "application": {"type": "path", "default": ""},
            }
        )
        # What is seen holds as long as nobody else has the lock after this.
        lease = held_locks.last(arguments["stack"])
        configuration = arguments["configuration"]
        configured = read_kept(Path(configuration["path"])) if configuration else {}
        released = kept.read(Path(arguments["application"]), RELEASED) if arguments["application"] else {}
        program = host_program.look(
            ports=arguments["ports"],
            docker_socket=arguments["docker_socket"],
            script=configured.get("question", ""),
            application=released.get("question"),
        )
        # On standard input, so that no terminal takes part.
        said = self._low_level_execute_command(f"{self._python()} -IS -", in_data=program)
        if said["rc"]:
            return {"failed": True, "msg": said["stderr"].strip() or said["stdout"].strip()}
        found: Mapping[str, Any] = json.loads(said["stdout"].splitlines()[-1])
        differs = self._differs(configured, configuration, found["answer"]) if configuration else "Not asked."
        return {
            **found["facts"],
            "lease": lease,
            "configured": not differs,
            "application": found["state"],
            "msg": differs,
        }

    def _python(self) -> str:
        """Return the host's Python, which need not be looked for where its path is told."""
        told = str(self._templar.template(self._variables.get("ansible_python_interpreter", PYTHON)))
        return PYTHON if told.startswith("auto") else told
