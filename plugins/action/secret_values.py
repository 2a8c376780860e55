"""Run the module secret_values, add the values of vaulted variables, and hide all of them."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils.hidden_result import hide
from ..module_utils.secret_store import Reference


class ActionModule(ActionBase):
    """The action of slipway.core.secret_values.

    A vaulted variable's value stays in this process: the module never gets it.
    """

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module where the task runs."""
        variables = task_vars or {}
        vaulted = {
            (service, name): reference.name
            for service, references in self._task.args.get("references", {}).items()
            for name, text in references.items()
            if (reference := Reference.parse(text)).store == "vault"
        }
        undefined = sorted({name for name in vaulted.values() if name not in variables})
        result: dict[str, Any] = self._execute_module(
            module_args={**self._task.args, "undefined_variables": undefined}, task_vars=task_vars
        )
        if not result.get("failed"):
            for (service, name), variable in vaulted.items():
                value = self._templar.template(variables[variable])
                result["values"].setdefault(service, {})[name] = str(value)
        return hide(result)
