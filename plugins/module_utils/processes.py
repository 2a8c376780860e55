"""Other processes of this machine: whether one runs, its end, and one that is left behind."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import NoReturn


class Process:
    """A process that runs now. On Linux its number cannot become another's while this object lives."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.descriptor: int | None = None
        with contextlib.suppress(AttributeError, ProcessLookupError):
            self.descriptor = os.pidfd_open(pid)  # Linux

    def ended(self, within: float = 0) -> bool:
        """Tell whether it has ended, or does so within some seconds."""
        if self.descriptor is not None:
            return bool(select.select([self.descriptor], [], [], within)[0])
        until = time.monotonic() + within
        while self._there():
            if time.monotonic() >= until:
                return False
            time.sleep(0.05)
        return True

    def send(self, signal_number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            if self.descriptor is not None:
                signal.pidfd_send_signal(self.descriptor, signal_number)
            else:
                os.kill(self.pid, signal_number)

    def _there(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True


def leave_behind(work: Callable[[threading.Event], None], watched: Process) -> int:
    """Do some work in a fork that outlives this process; the number of the fork.

    :param work: gets an event that is set when the fork is told to end, by SIGTERM
    :param watched: a process that the work asks about
    """
    # Until the child can hear it, a SIGTERM waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    child = os.fork()
    if child == 0:
        _be(work, watched)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    return child


def _be(work: Callable[[threading.Event], None], watched: Process) -> NoReturn:
    try:
        os.setsid()
        os.chdir("/")
        _let_go(keep=watched.descriptor)
        told = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: told.set())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        work(told)
    finally:
        os._exit(0)


def _let_go(keep: int | None) -> None:
    """Hold nothing open that was the parent's.

    A descriptor stays, but leads nowhere: what still knows its number could otherwise write to what is opened
    under that number later.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/dev/fd"):
        number = int(name)
        if number not in (nowhere, keep):
            with contextlib.suppress(OSError):
                os.fstat(number)
                os.dup2(nowhere, number)
