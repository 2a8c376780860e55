"""How long an old container is waited for, and who may still be on the way to it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils import host_retire
from plugins.module_utils.host_effects import Host
from plugins.module_utils.host_plan import Found

OLD = Found(
    {
        "Id": "old",
        "Name": "/old",
        "State": {"Running": True, "Pid": 7},
        "Config": {"Labels": {"slipway.port": "8000"}},
    }
)


class Clock(Host):
    """A host on which time passes only while somebody waits.

    `left` says how many connections the old container has at a time, `connected` who has one to the proxy.
    """

    def __init__(self, left: Any = lambda at: 0, connected: Any = lambda at: set()) -> None:
        self.seconds = 0.0
        self.left, self.connected = left, connected
        super().__init__()

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def connections(self, pid: int, port: int) -> int:
        assert (pid, port) == (7, 8000)
        return int(self.left(self.seconds))

    def drained(self, timeout: float = 30, *, proxy: bool = True) -> dict[str, Any]:
        """Drain, and return what is said of the old container."""
        clients = (lambda: self.connected(self.seconds)) if proxy else None
        (report,) = host_retire.drain(self, [OLD], timeout, clients)
        return report


def test_nobody_on_the_way_is_waited_for_shortly() -> None:
    assert Clock().drained()["seconds"] == pytest.approx(0.2, abs=0.1)


def test_whoever_was_connected_at_the_switch_is_given_time() -> None:
    host = Clock(connected=lambda at: {"a"})
    assert host.drained()["seconds"] == pytest.approx(1.2, abs=0.1)


def test_where_no_proxy_stands_in_front_anybody_is() -> None:
    assert Clock().drained(proxy=False)["seconds"] == pytest.approx(1.2, abs=0.1)


def test_one_of_them_who_has_gone_is_not_waited_for() -> None:
    host = Clock(connected=lambda at: {"a"} if at < 0.55 else {"b"})
    assert host.drained()["seconds"] == pytest.approx(0.6, abs=0.1)


def test_one_who_has_come_since_is_not_waited_for() -> None:
    host = Clock(connected=lambda at: {"a"} if at > 0 else set())
    assert host.drained()["seconds"] == pytest.approx(0.2, abs=0.1)


@pytest.mark.parametrize(("connected", "quiet"), [({"a"}, 1.2), (set(), 0.2)])
def test_a_connection_begins_the_wait_anew(connected: set[str], quiet: float) -> None:
    host = Clock(left=lambda at: at < 0.05 or 0.15 < at < 2.05, connected=lambda at: set(connected))
    report = host.drained()
    assert report["seconds"] == pytest.approx(2 + quiet, abs=0.11)
    assert report["connections_left"] == 0


def test_the_wait_has_an_end() -> None:
    report = Clock(left=lambda at: 2).drained(timeout=3)
    assert report["seconds"] == pytest.approx(3, abs=0.1)
    assert report["connections_left"] == 2


@contextmanager
def connection() -> Iterator[tuple[int, socket.socket]]:
    """Give a port and the client's end of a connection to it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _address = server.accept()
            with accepted:
                yield port, client


def far_end(client: socket.socket) -> str:
    """Name a client as the kernel lists it."""
    return f"0100007F:{client.getsockname()[1]:04X}"


def test_a_client_is_seen_until_it_has_gone_also_when_it_has_said_all() -> None:
    with connection() as (port, client):
        name = far_end(client)
        assert name in Host().clients(os.getpid(), but=1)
        assert name not in Host().clients(os.getpid(), but=port)
        client.shutdown(socket.SHUT_WR)
        assert name in Host().clients(os.getpid(), but=1)
    assert name not in Host().clients(os.getpid(), but=1)


def test_a_process_that_has_ended_has_no_clients() -> None:
    assert Host().clients(0, but=1) == set()


def test_a_draft_is_made_where_nobody_watches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = tmp_path / "watched"
    drafts: list[Path] = []

    def replace(draft: Path, target: Path) -> None:
        drafts.append(draft)
        draft.rename(target)

    monkeypatch.setattr(Path, "replace", replace)
    Host().write(str(watched / "routes.yml"), "new", draft_in=str(tmp_path))
    assert (watched / "routes.yml").read_text() == "new"
    assert [draft.parent for draft in drafts] == [tmp_path]
    assert [path.name for path in tmp_path.rglob("*")] == ["watched", "routes.yml"]


def test_pauses_grow_with_the_time_that_is_waited() -> None:
    host = Clock()
    pauses = []
    for waited in (0, 0.1, 1, 2, 10, 100):
        host.seconds = before = float(waited)
        host.pause(0.0)
        pauses.append(round(host.seconds - before, 3))
    assert pauses == [0.02, 0.02, 0.05, 0.1, 0.2, 0.2]
