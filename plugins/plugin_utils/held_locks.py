"""The locks that this run of ansible-playbook holds, by stack.

The callback release_lock writes this in ansible-playbook's main process; the processes that run its tasks are
forks of that one and find here what it knew when they began.
"""

from __future__ import annotations

import signal

from ..module_utils.processes import Process

#: Longer than the process that renews a lock takes to free it; without an answer of S3 the lock then expires.
PATIENCE_SECONDS = 10.0

#: The process that renews each lock.
keepers: dict[str, Process] = {}
#: Where other processes can write to the terminal of this run, or "". None: the callback is not there, which
#: alone hears of what is taken and of the run's end.
terminal: str | None = None


def free(stack: str) -> None:
    """Free a lock that is held, and wait until that is done."""
    keeper = keepers.pop(stack)
    keeper.send(signal.SIGTERM)
    keeper.ended(PATIENCE_SECONDS)


def abandon(stack: str) -> None:
    """Stop renewing a lock, if it is held, without freeing it."""
    if stack in keepers:
        keepers[stack].send(signal.SIGKILL)
        keepers[stack].ended(PATIENCE_SECONDS)
