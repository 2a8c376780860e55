"""Release on a host, unless it is seen that the module would find there what it left, and change nothing."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils import kept
from ..plugin_utils import code

#: What is kept.
NAMES = {"question", "answer", "told", "salt", "result"}
OWN = ("kept_in", "seen", "rendered")
#: What the module is told by one of them.
RENDERED = ("containers", "secrets", "routes")
#: What names a release and lets it pull, and is never compared.
NOT_COMPARED = ("release", "base", "registry_auth")
#: What it costs to try a value for a secret; 2 MiB and some milliseconds.
COST = {"n": 2**11, "r": 8, "p": 1}


class ActionModule(ActionBase):
    """The action of slipway.core.host_release."""

    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Pass the host over or run the module there."""
        super().run(tmp, task_vars)
        arguments = {name: value for name, value in self._task.args.items() if name not in OWN}
        if rendered := self._task.args.get("rendered"):
            arguments |= {name: rendered[name] for name in RENDERED}
        path = self._task.args.get("kept_in")
        if not path or arguments.get("state", "present") != "present":
            return self._run(arguments, task_vars)
        found = kept.read(Path(path), NAMES)
        seen = self._task.args.get("seen")
        if found and seen and seen == found["answer"] and found["told"] == told(arguments, found["salt"]):
            return {**found["result"], "passed_over": True}
        result = self._run(arguments, task_vars)
        there = result.pop("found", {})
        if there and not self._task.check_mode:
            salt = secrets.token_hex(16)
            kept.write(
                Path(path), {**there, "told": told(arguments, salt), "salt": salt, "result": bare(result)}
            )
        return result

    def _run(self, arguments: Mapping[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        # Ansible adds to what it is given.
        result: dict[str, Any] = self._execute_module(module_args={**arguments}, task_vars=task_vars)
        return result


def told(arguments: Mapping[str, Any], salt: str) -> str:
    """Return what stands for the module and what it is told: secrets too, so it is costly to guess."""
    compared = {name: value for name, value in arguments.items() if name not in NOT_COMPARED}
    text = json.dumps([code.digests(code.PLUGINS), compared], sort_keys=True, default=str)
    return hashlib.scrypt(text.encode(), salt=salt.encode(), **COST).hex()


def bare(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result without what Ansible adds to it."""
    return {name: value for name, value in result.items() if not name.startswith("_ansible")}
