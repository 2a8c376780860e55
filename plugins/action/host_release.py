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
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values

from ..module_utils import kept
from ..module_utils.host_options import ARGUMENT_SPEC
from ..module_utils.model_views import host_containers
from ..plugin_utils import code, host_program
from ..plugin_utils.host_python import HostPython

OWN = ("kept_in", "application")
#: What names a release and lets it pull, and is never compared.
NOT_COMPARED = ("release", "base", "registry_auth", "kept_in")
#: What it costs to try a value for a secret; 2 MiB and some milliseconds.
COST = {"n": 2**11, "r": 8, "p": 1}


class ActionModule(HostPython):
    """The action of slipway.core.host_release."""

    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Release on the host of the task."""
        super().run(tmp, task_vars)
        given = self._task.args
        arguments = {name: value for name, value in given.items() if name not in OWN}
        try:
            arguments |= host_containers(**given["application"]) if given.get("application") else {}
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from error
        except KeyError as error:
            raise AnsibleActionFail(f"nothing is told of {error}: neither image nor address") from error
        result = self._release(arguments, task_vars or {})
        there, path = result.pop("found", {}), given.get("kept_in")
        if there and path and not self._task.check_mode:
            salt = secrets.token_hex(16)
            kept.write(Path(path), {**there, "told": told(given, salt), "salt": salt, "result": result})
        return result

    def _release(self, arguments: Mapping[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Run the release by the host's own Python; return what it tells, without any secret."""
        validated = ArgumentSpecValidator(ARGUMENT_SPEC).validate(arguments)
        if validated.error_messages:
            raise AnsibleActionFail("; ".join(validated.error_messages))
        program = host_program.program(
            "host_run", "run", params=validated.validated_parameters, check_mode=self._task.check_mode
        )
        said = self.run_program(program, variables, self._compute_environment_string())
        try:
            result = json.loads(said["stdout"].splitlines()[-1])
        except (IndexError, ValueError):
            why = said["stderr"].strip() or said["stdout"].strip() or f"exit code {said['rc']}"
            result = {"failed": True, "msg": f"The release ended without a result: {why}"}
        found: dict[str, Any] = remove_values(result, validated._no_log_values)
        return found


def told(arguments: Mapping[str, Any], salt: str) -> str:
    """Return what stands for the module and what it is told: secrets too, so it is costly to guess."""
    compared = {name: value for name, value in arguments.items() if name not in NOT_COMPARED}
    text = json.dumps([code.digests(code.PLUGINS), compared], sort_keys=True, default=str)
    return hashlib.scrypt(text.encode(), salt=salt.encode(), **COST).hex()
