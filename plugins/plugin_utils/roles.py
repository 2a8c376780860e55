"""What roles say in their files, for those who need it outside of the roles' own tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.executor.module_common import _apply_action_arg_defaults
from ansible.plugins.action import ActionBase

from . import code

OWN = "slipway.core."


class Role:
    """A role of this collection.

    :param loader: Ansible's DataLoader
    """

    def __init__(self, loader: Any, name: str) -> None:
        self.folder = code.ROLES / name
        self._loader = loader

    def variables(self) -> dict[str, Any]:
        """Return its defaults and its vars, as they are written."""
        return {**self._read("defaults/main.yml"), **self._read("vars/main.yml")}

    def told(self, module: str, tasks: str = "main") -> dict[str, Any]:
        """Return what the task of a file that calls a module tells it, as it is written."""
        (found,) = [task[module] for task in self._read(f"tasks/{tasks}.yml") if module in task]
        return dict(found)

    def planned(
        self, action: ActionBase, variables: Mapping[str, Any], files: Iterable[str]
    ) -> dict[str, Any] | None:
        """Call this collection's modules as the role's tasks would in check mode; return what they register.

        Nothing is returned where one fails or would change anything.

        :param action: that of the task at work, whose connection and defaults of modules are used
        :param variables: those of the task
        :param files: of tasks, each without a loop, in their order
        """
        known = {**self.variables(), **variables}
        registered: dict[str, Any] = {}
        action._task.check_mode = True
        for task in (task for file in files for task in self._read(f"tasks/{file}.yml")):
            (module,) = [name for name in task if name.startswith(OWN)] or [""]
            given = {**known, **task.get("vars", {}), **registered}
            templar = action._templar.copy_with_new_env(available_variables=given)
            if not module or not templar.evaluate_conditional(task.get("when", True)):
                continue
            told = _apply_action_arg_defaults(module, action._task, templar.template(task[module]), templar)
            result = action._execute_module(module_name=module, module_args=told, task_vars=given)
            if result.get("failed") or result.get("changed"):
                return None
            registered |= {task["register"]: result} if "register" in task else {}
        return registered

    def _read(self, path: str) -> Any:
        file = Path(self.folder, path)
        if not file.exists():
            return {}
        return self._loader.load_from_file(str(file), unsafe=True, trusted_as_template=True) or {}
