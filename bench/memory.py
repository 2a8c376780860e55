"""How much memory all processes together have that were started meanwhile."""

import ctypes
import os
import threading
from collections import defaultdict
from pathlib import Path
from typing import Self

PR_SET_CHILD_SUBREAPER = 36
INTERVAL = 0.2
PROC = Path("/proc")


def adopt_orphans() -> None:
    """Let what loses its parent become a child of this process, so that it is found among its descendants."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def descendants() -> set[int]:
    """Return the process ids of this process's children, their children, and so on."""
    children = defaultdict(list)
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            # The command, in brackets, may hold anything.
            parent = stat.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        children[int(parent)].append(int(stat.parent.name))
    found: set[int] = set()
    reached = [os.getpid()]
    while reached:
        born = children[reached.pop()]
        found.update(born)
        reached += born
    return found


def resident(process: int) -> int:
    """Return a process's share of the memory that it uses (PSS) in KiB, 0 where it has ended."""
    try:
        lines = (PROC / str(process) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


class Peak:
    """Samples the descendants born since it was entered; `mib` is the most that they had at one time."""

    def __init__(self) -> None:
        self.mib = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        adopt_orphans()
        self._before = descendants()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(INTERVAL):
            kibibytes = sum(resident(each) for each in descendants() - self._before)
            self.mib = max(self.mib, kibibytes / 1024)
