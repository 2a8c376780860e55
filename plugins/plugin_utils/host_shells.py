"""The hosts of an environment, asked from one process, as tasks there would ask each from a fork of Ansible.

Ansible forks itself for each host of a task; each fork costs some 10 MiB and a twentieth of a second. What
only asks needs none: Ansible's own connections are made here, one after the other, and threads wait for the
answers.
"""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ansible import constants, context
from ansible._internal._templating._access import AnsibleAccessContext
from ansible._internal._templating._engine import TemplateEngine
from ansible.errors import AnsibleConnectionFailure
from ansible.executor.task_executor import TaskExecutor
from ansible.playbook.play_context import PlayContext
from ansible.plugins.action import ActionBase

from .host_python import HostPython

#: The variables of a host, by name.
Variables = dict[str, Any]


class Shell(HostPython):
    """A shell on a host, as root."""

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Be no task."""
        raise NotImplementedError

    def told(self, program: bytes, variables: Variables) -> dict[str, Any]:
        """Run a program; return what run_program does, or why there is nothing to return."""
        try:
            return self.run_program(program, variables)
        except AnsibleConnectionFailure as error:
            return {"unreachable": True, "msg": error.message}
        except Exception as error:  # noqa: BLE001  # whatever a connection raises is of this host alone
            return {"failed": True, "msg": str(error)}


class Way(TaskExecutor):
    """The way that Ansible would take to a host for a task of root's."""

    # Ansible's own is that of the task at work.
    _task: Any = None
    _play_context: Any

    def __init__(self, action: ActionBase, host: Any) -> None:
        passwords = {
            "conn_pass": action._play_context.password,
            "become_pass": action._play_context.become_pass,
        }
        # The action's own says how to reach the machine that runs Ansible.
        play = PlayContext(passwords=passwords, connection_lockfd=action._play_context.connection_lockfd)
        super().__init__(host, play, action._loader, action._shared_loader_obj, None, None)
        self._task = action._task.copy(exclude_parent=True)
        self._task.become, self._task.connection = True, play.connection

    def shell(self, variables: Variables) -> Shell:
        """Return a shell at its end; nothing has been connected yet."""
        variables = {**variables}
        templar = TemplateEngine(loader=self._loader, variables=variables)
        play = self._play_context.set_task_and_variable_override(self._task, variables, templar)
        play.post_validate(templar)
        play.remote_addr = play.remote_addr or self._host.address
        play.update_vars(variables)
        self._play_context = play
        name = templar.template(variables.get("ansible_connection") or self._task.connection)
        self._connection = self._get_connection(variables, templar, name)
        self._set_connection_options(variables, templar)
        return Shell(self._task, self._connection, play, self._loader, templar, self._shared_loader_obj)


def variables_of(hostvars: Any, name: str) -> Variables:
    """Return what a task on a host would have as variables, but for those of its play and role."""
    return dict(hostvars._variable_manager.get_vars(host=hostvars._inventory.get_host(name)))


class Asked:
    """The hosts, while each runs a program by its Python, and what they answer.

    :param action: that of the task at work
    :param hosts: the variables of each, by name
    :param program: gives the program for a host
    """

    def __init__(
        self, action: ActionBase, hosts: Mapping[str, Variables], program: Callable[[str], bytes]
    ) -> None:
        self._found: dict[str, dict[str, Any]] = {}
        self._waiting: dict[str, Future[dict[str, Any]]] = {}
        self._pool = ThreadPoolExecutor(context.CLIARGS.get("forks") or constants.DEFAULT_FORKS)
        for name, variables in hosts.items():
            host = variables["hostvars"]._inventory.get_host(name)
            try:
                shell = Way(action, host).shell(variables)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is of this host alone
                self._found[name] = {"failed": True, "msg": str(error)}
            else:
                run = contextvars.copy_context().run
                self._waiting[name] = self._pool.submit(run, _told, shell, program(name), variables)

    def answers(self) -> dict[str, dict[str, Any]]:
        """Wait for all, and return by host what Shell.told does."""
        self._pool.shutdown()
        return self._found | {name: answer.result() for name, answer in self._waiting.items()}


def _told(shell: Shell, program: bytes, variables: Variables) -> dict[str, Any]:
    # A copy of the task's context holds the same list of what is open while something is templated.
    AnsibleAccessContext._contextvar.set(AnsibleAccessContext())
    return shell.told(program, variables)
