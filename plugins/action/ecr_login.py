"""Run the module ecr_login and keep the login out of the output."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils.hidden_result import hide


class ActionModule(ActionBase):
    """The action of slipway.core.ecr_login."""

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module where the task runs."""
        return hide(self._execute_module(task_vars=task_vars))
