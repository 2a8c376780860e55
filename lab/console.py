"""Progress that a person can follow: one line when a step begins, one when it ends."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()


def say(text: str) -> None:
    """Print one line, whole, also when several steps run at once."""
    with _lock:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


@contextmanager
def step(title: str) -> Iterator[None]:
    """Announce a step and say how long it took."""
    say(f"  .. {title}")
    begun = time.monotonic()
    yield
    say(f"  ok {title} ({time.monotonic() - begun:.1f} s)")
