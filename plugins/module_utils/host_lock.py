"""One release at a time on a host.

The lock of the environment keeps runs apart. Where a controller was killed, what it started on a host may
still be at work when the next run begins: this lock, which the process at work holds, keeps the two apart.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .release_failure import Failure, ReleaseFailure

WAIT_SECONDS = 60.0
POLL_SECONDS = 0.2


@contextmanager
def held(config_dir: str, app: str, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock of an application on this host; raises ReleaseFailure if another keeps it for too long.

    It is held by this process and ends with it, in whatever way. It leaves no file.
    """
    path = Path(config_dir) / f"{app}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + wait
    while (file := _locked(path)) is None:
        if time.monotonic() >= until:
            raise ReleaseFailure(
                Failure(
                    "host_busy",
                    f"another release of {app} has been at work on this host for more than {wait:g} s",
                    evidence=[f"Process {_owner(path)} holds {path}."],
                )
            )
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        path.unlink()
        os.close(file)


def _locked(path: Path) -> int | None:
    """Lock the file if nobody else has, and if it is still there: who had it removes it at the end."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file), os.stat(path)):
            os.ftruncate(file, 0)
            os.write(file, str(os.getpid()).encode())
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(file)
    return None


def _owner(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        return "that has just ended"
