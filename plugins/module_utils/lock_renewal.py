"""The process that renews the lock of a run while that run's controller lives.

It is forked off the module that took the lock, and outlives it. It ends with the controller: told by SIGTERM
that the run is at its end it frees the lock; where the controller was killed it frees nothing, as modules
that were started on hosts may still be at work, and the lease expires. Where it loses the lock, it ends the
controller: no run goes on without it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from .processes import Process, leave_behind
from .release_lock import ENDED, RENEWED, RETRIED, Store, Taken, description, give_back, look, renew
from .release_store import Conflict

TICK_SECONDS = 0.5


def now() -> float:
    """Give a time that also goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


@dataclass
class Controller:
    """The ansible-playbook whose lock it is. Warnings are written to `terminal`, a path, if there is one."""

    process: Process
    terminal: str

    def end(self, why: str) -> None:
        """End it, and say why."""
        with (
            contextlib.suppress(OSError),
            open(self.terminal or os.devnull, "a", encoding="utf-8") as terminal,
        ):
            terminal.write(f"\nSlipway ends this run: {why}\n")
        self.process.send(signal.SIGTERM)


class Keeper:
    """Renews one lease.

    :param since: when the write of the lease was begun
    """

    def __init__(self, store: Store, stack: str, taken: Taken, since: float) -> None:
        self._store = store
        self._stack = stack
        self._taken = taken
        self._seconds = taken.lease.lease_seconds
        self._since = self._tried = since
        self._due = since + self._seconds * RENEWED
        self._attempt: threading.Thread | None = None
        self._lost = ""
        self._refusal = "S3 did not answer"

    def lost(self) -> str:
        """Renew the lease where it is time to; say why it is lost, or nothing where it is not."""
        if not self._lost and not self._renewing() and now() >= self._due:
            self._tried = now()
            # An answer may be long in coming; how long the lease may be trusted does not depend on it.
            self._attempt = threading.Thread(target=self._renew, daemon=True)
            self._attempt.start()
        # When a machine wakes up the lease is too old at once, and may yet be renewed if nobody took it.
        waiting = self._renewing() and now() - self._tried < self._seconds * RETRIED
        old = now() - self._since > self._seconds * (ENDED - RETRIED)
        if old and not waiting and not self._lost:
            return (
                f"The lock of {self._stack} could not be renewed ({self._refusal}): another run may take it."
            )
        return self._lost

    def free(self) -> None:
        """Free the lock, if S3 can be asked and it is ours still; otherwise it expires."""
        if self._attempt is not None:
            self._attempt.join(self._seconds * RENEWED)
        with contextlib.suppress(Conflict, BotoCoreError, ClientError):
            give_back(self._store, self._taken)

    def _renewing(self) -> bool:
        return self._attempt is not None and self._attempt.is_alive()

    def _renew(self) -> None:
        begun = now()
        try:
            self._taken = renew(self._store, self._taken)
        except Conflict:
            self._lost = f"It has lost its lock. {self._now_held()}"
        except (BotoCoreError, ClientError) as error:
            self._refusal = str(error)
            self._due = begun + self._seconds * RETRIED
        else:
            self._since = begun
            self._due = begun + self._seconds * RENEWED

    def _now_held(self) -> str:
        try:
            seen = look(self._store)
        except (BotoCoreError, ClientError) as error:
            return str(error)
        return description(self._stack, seen, self._store.now)


def keep(keeper: Keeper, controller: Controller, told: threading.Event) -> None:
    """Keep a lock until the controller ends, the lock is lost, or this process is told to free it."""
    while not told.wait(TICK_SECONDS):
        if controller.process.ended():
            return
        why = keeper.lost()
        if why:
            controller.end(why)
            return
    keeper.free()


def start(keeper: Keeper, controller: Controller) -> int:
    """Keep a lock in a process of its own; its number.

    Raises nothing: what the process cannot do shows in the lease, which then expires.
    """
    return leave_behind(lambda told: keep(keeper, controller, told), controller.process)
