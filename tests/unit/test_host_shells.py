"""Hosts that are asked beside each other: what Ansible keeps of a callstack is each one's own."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from ansible import context
from ansible._internal._templating._access import AnsibleAccessContext, NotifiableAccessContextBase
from ansible.utils.context_objects import CLIArgs

from plugins.plugin_utils import host_shells


class Template(NotifiableAccessContextBase):  # type: ignore[misc]
    """What Ansible has open while it templates."""

    def _notify(self, o: Any) -> Any:
        return o


class Turns:
    """Shells to two hosts, of which the first to begin is the first to end, while the other is at work."""

    def __init__(self) -> None:
        self.both_work, self.first_has_ended = threading.Barrier(2), threading.Event()

    def way(self, _action: object, name: str) -> Mock:
        """Return the way to a host, at whose end is its shell."""

        def told(_program: bytes, _variables: object) -> dict[str, Any]:
            with Template():
                self.both_work.wait(30)
                if name == "second":
                    self.first_has_ended.wait(30)
            self.first_has_ended.set()
            return {"rc": 0}

        return Mock(**{"shell.return_value.told": told})


def test_what_one_host_has_open_is_not_closed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"forks": 2}))
    turns = Turns()

    monkeypatch.setattr(host_shells, "Way", turns.way)
    # The task has one of its own, in which it looks at the hosts.
    AnsibleAccessContext.current()
    hostvars = SimpleNamespace(_inventory=SimpleNamespace(get_host=lambda name: name))
    hosts = {name: {"hostvars": hostvars} for name in ("first", "second")}
    asked = host_shells.Asked(None, hosts, lambda _name: b"")
    assert asked.answers() == {"first": {"rc": 0}, "second": {"rc": 0}}
