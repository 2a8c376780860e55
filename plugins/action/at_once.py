"""Call a module for several things at once."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, wait
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils import several
from ..module_utils.ecs_api import REQUESTS_AT_ONCE

OWN = ("module", "each", "label_as")


class ActionModule(ActionBase):
    """The action of slipway.core.at_once."""

    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the module for all, and give the results in the order of `each`."""
        super().run(tmp, task_vars)
        module, calls = calls_of(self._task.args)

        def call(label: str) -> dict[str, Any]:
            return self._execute_module(  # type: ignore[no-any-return]
                module_name=module, module_args=calls[label], task_vars=task_vars
            )

        # Where modules are copied to the host first, they share a folder that the first of them makes.
        at_once = REQUESTS_AT_ONCE if self._is_pipelining_enabled("new") else 1
        return several.together(called(call, [*calls], at_once))


class Fork:
    """A call in a fork of its own, as Ansible makes each task: threads cannot load plugins beside each other.

    It ends with its call, whatever becomes of this process.
    """

    def __init__(self, call: Callable[[str], dict[str, Any]], label: str) -> None:
        forks = multiprocessing.get_context("fork")
        #: Ready when the call has ended.
        self.heard, said = forks.Pipe(duplex=False)
        self.label = label
        self._process = forks.Process(target=_say, args=(said, call, label))
        self._process.start()
        said.close()

    def end(self) -> None:
        """End it, however far it is."""
        self._process.terminate()
        self._process.join()

    def result(self) -> dict[str, Any]:
        """Wait for its end; return what the call returned, or how it failed."""
        try:
            result: dict[str, Any] = self.heard.recv()
        except EOFError:
            result = {"failed": True, "msg": "The process that called the module ended without a word"}
        self._process.join()
        return result


def called(call: Callable[[str], dict[str, Any]], labels: list[str], at_once: int) -> list[dict[str, Any]]:
    """Return the results of the calls, with their labels, in the order of these."""
    results: dict[str, dict[str, Any]] = {}
    running: dict[Any, Fork] = {}
    waiting = list(reversed(labels))
    while waiting or running:
        while waiting and len(running) < at_once:
            fork = Fork(call, waiting.pop())
            running[fork.heard] = fork
        for heard in wait([*running]):
            fork = running.pop(heard)
            results[fork.label] = fork.result()
    return [{**results[label], "item": label} for label in labels]


def _say(said: Connection, call: Callable[[str], dict[str, Any]], label: str) -> None:
    try:
        said.send(call(label))
    except Exception as error:  # noqa: BLE001  # it is told with the other calls' results
        said.send({"failed": True, "msg": str(error)})


def calls_of(arguments: Mapping[str, Any]) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the module, and the arguments of each call by its label.

    Raises:
        AnsibleActionFail: the arguments are not those of this action; it names every fault.
    """
    module, each, label_as = (arguments.get(name) for name in OWN)
    faults = []
    if not isinstance(module, str) or not module:
        faults.append(f"module is {module!r}: expected the name of a module")
    common = {name: value for name, value in arguments.items() if name not in OWN}
    calls, more = several.calls_of(each, label_as, common)
    if faults + more:
        raise AnsibleActionFail("at_once: " + "; ".join(faults + more))
    return str(module), calls
