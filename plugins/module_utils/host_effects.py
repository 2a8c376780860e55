"""What a release does to a Linux host besides the Docker Engine: files, HTTP, sockets, time."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ESTABLISHED = "01"
CLOSE_WAIT = "08"
LISTEN = "0A"
HTTP_OK = range(200, 400)
BODY_SHOWN = 200
#: A pause is this part of the time that has been waited, so what is waited for is seen soon after it happens,
#: and what takes long is not asked for more often. Its bounds are in seconds.
PAUSE_PART = 1 / 20
PAUSE_LEAST, PAUSE_MOST = 0.02, 0.2


@dataclass(frozen=True)
class Answer:
    """What came back from an HTTP request: a status, or the reason why there is none."""

    status: int | None
    detail: str

    @property
    def ok(self) -> bool:
        """Whether this counts as healthy: 200 to 399, as for Traefik and Kubernetes."""
        return self.status is not None and self.status in HTTP_OK

    def __str__(self) -> str:
        """Return it for a person."""
        return self.detail if self.status is None else f"HTTP {self.status} {self.detail}".rstrip()


@dataclass(frozen=True)
class Socket:
    """A TCP socket as the kernel lists it."""

    port: int
    state: str
    inode: str
    remote: str


class Host:
    """The host that this process runs on, and what was seen of a release there, `timeline`."""

    def __init__(self) -> None:
        self._began = self.now()
        self._last: dict[str, str] = {}
        self.timeline: list[dict[str, Any]] = []

    def tell(self, about: str, what: str, state: str = "in_progress") -> None:
        """Note what is seen now, unless it is what was seen last of the same."""
        if self._last.get(about) != what:
            self._last[about] = what
            seconds = round(self.now() - self._began, 1)
            self.timeline.append({"seconds": seconds, "state": state, "detail": f"{about}: {what}"})

    def now(self) -> float:
        """Return seconds that only go forward."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def pause(self, since: float) -> None:
        """Wait a little before looking again at what has been waited for since then."""
        self.sleep(min(max((self.now() - since) * PAUSE_PART, PAUSE_LEAST), PAUSE_MOST))

    def get(self, address: str, port: int, path: str, host: str, timeout: float) -> Answer:
        """Make one GET request, without retry and without following redirects."""
        connection = http.client.HTTPConnection(address, port, timeout=timeout)
        try:
            connection.request("GET", path, headers={"Host": host, "Connection": "close"})
            response = connection.getresponse()
            body = response.read(BODY_SHOWN)
        except socket.timeout:
            return Answer(None, f"no answer within {timeout:g} s")
        except ConnectionRefusedError:
            return Answer(None, "connection refused")
        except (OSError, http.client.HTTPException) as error:
            return Answer(None, f"no valid answer: {error!r}")
        finally:
            connection.close()
        return Answer(response.status, body.decode(errors="replace").strip())

    def connections(self, pid: int, port: int) -> int:
        """Count the established connections to a port in the network namespace of a process."""
        return sum(
            1 for one in self._sockets(f"/proc/{pid}/net") if one.port == port and one.state == ESTABLISHED
        )

    def clients(self, pid: int, but: int) -> set[str]:
        """Name the far ends of what may await an answer in the network namespace of a process.

        These are the connections to any port that it listens on, but for one.
        """
        sockets = self._sockets(f"/proc/{pid}/net")
        ports = {one.port for one in sockets if one.state == LISTEN} - {but}
        # A client that has closed its half after its request still awaits the answer.
        waiting = (ESTABLISHED, CLOSE_WAIT)
        return {one.remote for one in sockets if one.port in ports and one.state in waiting}

    def listener(self, port: int) -> str | None:
        """Name the process that listens on a TCP port of this host; None when the port is free."""
        inodes = {
            f"socket:[{one.inode}]"
            for one in self._sockets("/proc/net")
            if one.port == port and one.state == LISTEN
        }
        return _owner(inodes) if inodes else None

    def _sockets(self, directory: str) -> list[Socket]:
        """Read the kernel's TCP tables; a process that has just ended has none."""
        found = []
        for table in ("tcp", "tcp6"):
            try:
                rows = Path(directory, table).read_text(encoding="ascii").splitlines()[1:]
            except (FileNotFoundError, ProcessLookupError):
                continue
            for row in rows:
                _slot, local, remote, state, *_rest = fields = row.split()
                found.append(Socket(int(local.rpartition(":")[2], 16), state, fields[9], remote))
        return found

    def read(self, path: str) -> str | None:
        """Return a file's text; None when there is no such file."""
        try:
            return Path(path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def write(self, path: str, text: str, draft_in: str = "") -> None:
        """Write a file so that a reader sees the old or the new content, never a part.

        It is made in the file's directory, or in another one on the same file system.
        """
        target = Path(path)
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = Path(draft_in or target.parent, f".{target.name}.new")
        draft.write_text(text, encoding="utf-8")
        draft.chmod(0o644)
        draft.replace(target)

    def is_directory(self, path: str) -> bool:
        """Tell whether there is such a directory."""
        return Path(path).is_dir()

    def remove_tree(self, path: str) -> None:
        """Remove a directory; one already gone is no error."""
        if self.is_directory(path):
            shutil.rmtree(path)


def _owner(inodes: set[str]) -> str:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if any(os.readlink(descriptor) in inodes for descriptor in (entry / "fd").iterdir()):
                return f"{(entry / 'comm').read_text(encoding='utf-8').strip()} (pid {entry.name})"
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return "a process that this user cannot see"
