"""See on which hosts a release would find what it left there, and change nothing."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils import kept
from ..plugin_utils.host_shells import variables_of
from ..plugin_utils.kept_answers import APPLICATION
from ..plugin_utils.roles import Role
from ..plugin_utils.values import Values
from .host_release import NOT_COMPARED, told

#: The role that releases on a host, and what its task calls.
ROLE, MODULE = "host_release", "slipway.core.host_release"
KEPT_IN = "kept_in"


class ActionModule(ActionBase):
    """The action of slipway.core.host_releases."""

    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Compare, for each host, what there is and what it is to be with what was kept."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            {"seen": {"type": "dict", "required": True}, "given": {"type": "dict", "default": {}}}
        )
        hostvars = (task_vars or {})["hostvars"]
        # What the role's task tells the module: what compares it has no words of its own.
        role = Role(self._loader, ROLE)
        tells, own = role.told(MODULE), role.variables()
        values = Values(self._templar)
        found = {}
        for name, seen in arguments["seen"].items():
            variables = {**own, **variables_of(hostvars, name), **arguments["given"]}
            result = _passed_over(values, tells, variables, seen)
            if result is not None:
                found[name] = {**result, "passed_over": True}
        return {"passed_over": found}


def _passed_over(
    values: Values, tells: Mapping[str, Any], variables: Mapping[str, Any], seen: str
) -> dict[str, Any] | None:
    """Return what the module returned when it found all so; nothing where anything differs."""
    known = {**variables, **{_argument(name): text for name, text in tells.items()}}
    path = values.of([_argument(KEPT_IN)], known)[_argument(KEPT_IN)]
    found = kept.read(Path(path), APPLICATION) if path and isinstance(path, str) else {}
    if not found or not seen or seen != found["answer"]:
        return None
    names = [name for name in tells if name not in NOT_COMPARED]
    come_to = values.of(map(_argument, names), known)
    arguments = {name: come_to[_argument(name)] for name in names}
    return dict(found["result"]) if found["told"] == told(arguments, found["salt"]) else None


def _argument(name: str) -> str:
    """Return a name under which an argument is no other variable."""
    return f"__argument_{name}"
