"""One look at each host that exists, for all who want to know of it before anything is changed."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils import docker_api, kept
from . import host_program
from .host_shells import Asked
from .kept_answers import APPLICATION, CONFIGURATION, differs
from .told import told
from .values import Values


class Looks:
    """Looks at hosts, begun at once.

    :param action: the action of the task at work
    :param hosts: the variables of each host, by name
    :param ports: ports that the application needs
    :param configuration: the variable that says of each host what `host_reads` is told, or nothing
    :param application: the variable that says of each host where `host_release` keeps its finds, or nothing
    """

    def __init__(
        self,
        action: ActionBase,
        hosts: Mapping[str, dict[str, Any]],
        *,
        ports: Sequence[int],
        configuration: str,
        application: str,
    ) -> None:
        self._hosts = hosts
        self._loader = action._loader
        self._values = Values(action._templar)
        self._configurations: dict[str, Mapping[str, Any]] = {}
        self._configured: dict[str, Mapping[str, Any]] = {}
        programs = {}
        for name, variables in hosts.items():
            reads = self._values.of([configuration], variables)[configuration] or {}
            configured = kept.read(Path(reads["path"]), CONFIGURATION) if "path" in reads else {}
            path = self._values.of([application], variables)[application]
            released = kept.read(Path(path), APPLICATION) if isinstance(path, str) else {}
            self._configurations[name], self._configured[name] = reads, configured
            programs[name] = host_program.program(
                "host_look",
                "look",
                ports=list(ports),
                docker_socket=docker_api.SOCKET,
                script=configured.get("question", ""),
                application=released.get("question"),
            )
        self._asked = Asked(action, hosts, programs.__getitem__)

    @functools.cached_property
    def found(self) -> dict[str, dict[str, Any]]:
        """What is there, or why that is not known, by host; it is waited for.

        Of a host that answered, beside what host_facts gathers: `configured`, whether its roles
        would change nothing; `msg`, why not; and `application`, what host_state says of it.
        """
        return {name: self._look(name, said) for name, said in self._asked.answers().items()}

    def _look(self, name: str, said: Mapping[str, Any]) -> dict[str, Any]:
        if said.get("unreachable") or said.get("failed"):
            return {**said}
        try:
            found: Mapping[str, Any] = json.loads(said["stdout"].splitlines()[-1])
        except (IndexError, ValueError):
            return {"failed": True, "msg": said["stderr"].strip() or said["stdout"].strip() or "no answer"}
        why = self._differs(name, found["answer"])
        return {**found["facts"], "configured": not why, "application": found["state"], "msg": why}

    def _differs(self, name: str, answer: str) -> str:
        reads = self._configurations[name]
        if "path" not in reads:
            return "Not asked."
        if reads.get("in_full"):
            return "Every setting is to be gone through."

        def now() -> str:
            return told(
                self._loader,
                self._values,
                roles=reads.get("roles", []),
                inputs=reads.get("inputs", {}),
                variables=self._hosts[name],
            )

        return differs(self._configured[name], answer, now)
