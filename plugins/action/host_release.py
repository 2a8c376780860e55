"""Release on a host, and keep what there is where nothing differs, for the next run to compare."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils import kept
from ..module_utils.model_views import host_containers
from ..plugin_utils import code

OWN = ("kept_in", "application")
#: What names a release and lets it pull, and is never compared.
NOT_COMPARED = ("release", "base", "registry_auth", "kept_in")
#: What it costs to try a value for a secret; 2 MiB and some milliseconds.
COST = {"n": 2**11, "r": 8, "p": 1}


class ActionModule(ActionBase):
    """The action of slipway.core.host_release."""

    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module on the host."""
        super().run(tmp, task_vars)
        given = self._task.args
        # Ansible adds to what it is given.
        arguments = {name: value for name, value in given.items() if name not in OWN}
        try:
            arguments |= host_containers(**given["application"]) if given.get("application") else {}
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from error
        result: dict[str, Any] = self._execute_module(module_args=arguments, task_vars=task_vars)
        there, path = result.pop("found", {}), given.get("kept_in")
        if there and path and not self._task.check_mode:
            salt = secrets.token_hex(16)
            own = {"told": told(given, salt), "salt": salt, "result": bare(result)}
            kept.write(Path(path), {**there, **own})
        return result


def told(arguments: Mapping[str, Any], salt: str) -> str:
    """Return what stands for the module and what it is told: secrets too, so it is costly to guess."""
    compared = {name: value for name, value in arguments.items() if name not in NOT_COMPARED}
    text = json.dumps([code.digests(code.PLUGINS), compared], sort_keys=True, default=str)
    return hashlib.scrypt(text.encode(), salt=salt.encode(), **COST).hex()


def bare(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result without what Ansible adds to it."""
    return {name: value for name, value in result.items() if not name.startswith("_ansible")}
