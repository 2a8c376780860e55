"""Programs for a host's Python, run over Ansible's own connection."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

#: Where nothing is told of it; it need not be looked for.
PYTHON = "python3"


class HostPython(ActionBase):
    """An action that runs programs of host_program by the Python of its host."""

    def run_program(self, program: bytes, variables: dict[str, Any], environment: str = "") -> dict[str, Any]:
        """Return Ansible's `rc`, `stdout` and `stderr` of a program.

        :param variables: those of the host
        :param environment: what stands before a command, for its environment
        """
        told = str(self._templar.template(variables.get("ansible_python_interpreter", PYTHON)))
        python = f"{environment} {PYTHON if told.startswith('auto') else told} -IS".strip()
        if self._is_pipelining_enabled("new"):
            # On standard input it is on no disk, and no terminal takes part.
            return dict(self._low_level_execute_command(f"{python} -", in_data=program))
        # Else it goes as a module does: by a file in a folder that is root's, or the user's alone.
        folder = self._make_tmp_path()
        path = self._connection._shell.join_path(folder, "program.py")
        try:
            self._transfer_data(path, program)
            self._fixup_perms2((folder, path), execute=False)
            return dict(self._low_level_execute_command(f"{python} {path}"))
        finally:
            self._remove_tmp_path(folder)
