"""The locks that this run of ansible-playbook holds, by stack.

The callback release_lock writes this in ansible-playbook's main process; the processes that run its tasks are
forks of that one and find here what it knew when they began.
"""

from __future__ import annotations

import signal
from pathlib import Path

from ..module_utils import kept
from ..module_utils.processes import Process

#: Longer than the process that renews a lock takes to free it; without an answer of S3 the lock then expires.
PATIENCE_SECONDS = 10.0

#: The process that renews each lock.
keepers: dict[str, Process] = {}
#: Where other processes can write to the terminal of this run, or "". None: the callback is not there, which
#: alone hears of what is taken and of the run's end.
terminal: str | None = None
#: Where the leases are kept that runs from here had last. None: nowhere.
folder: Path | None = None
#: The token of each lease that this run has, and of the one before it.
tokens: dict[str, str] = {}
previous: dict[str, str] = {}


def last(stack: str) -> str:
    """Return the token of the lease that a run from here gave back last; "" where that is not known.

    Where it is that of the lease before this run's, nobody has had the lock since that run's end.
    """
    return str(kept.read(_path(stack), {"token"}).get("token", "")) if folder else ""


def _path(stack: str) -> Path:
    return Path(folder or "", f"{stack}.json")


def free(stack: str) -> None:
    """Free a lock that is held, and wait until that is done."""
    keeper = keepers.pop(stack)
    keeper.send(signal.SIGTERM)
    keeper.ended(PATIENCE_SECONDS)
    if folder:
        # Not before: a run that begins meanwhile is to know that this one was at work.
        kept.write(_path(stack), {"token": tokens[stack]})


def abandon(stack: str) -> None:
    """Stop renewing a lock, if it is held, without freeing it."""
    if stack in keepers:
        keepers[stack].send(signal.SIGKILL)
        keepers[stack].ended(PATIENCE_SECONDS)
