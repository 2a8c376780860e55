"""What a run waits for, shown while it waits: in place on a terminal, line by line elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..module_utils.release_report import span

# Seconds between two looks at what is waited for.
TICK = 0.2
# A terminal shows what takes longer than this.
PATIENCE = 2.0
CONTROLLER = "localhost"


@dataclass
class Work:
    """A task that runs.

    :param began: when it began on each host that it runs on still
    :param states: what it has told of the parts that it waits for, by name
    """

    name: str
    began: dict[str, float] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)

    def since(self) -> float:
        """When the longest of it began."""
        return min(self.began.values())

    def block(self, now: float) -> list[str]:
        """Say it in lines that are drawn over again: a head, and one for each part or host."""
        head = f"  {self.name}: {span(now - self.since())}"
        parts = self.states
        if not parts and set(self.began) != {CONTROLLER}:
            parts = {host: span(now - began) for host, began in self.began.items()}
        width = max(map(len, parts), default=0)
        return [head, *(f"    {name:<{width}}  {text}" for name, text in parts.items())]

    def line(self, now: float) -> str:
        """Say it in one line."""
        parts = [f"{name}: {text}" for name, text in self.states.items()]
        if not parts and set(self.began) != {CONTROLLER}:
            parts = [", ".join(self.began)]
        return "; ".join([f"  {span(now - self.since())}, still: {self.name}", *parts])


def told(entry: Mapping[str, Any]) -> str:
    """Say how far a part has come."""
    state = entry["state"].replace("_", " ")
    return f"{state}: {entry['detail']}" if entry["detail"] else state


class Progress:
    """Shows it, from a thread beside Ansible's own.

    Ansible holds one lock while it writes and while it forks, so that no fork inherits a stream in the middle
    of something. All that is done here, in whichever thread, is done under the same lock.

    :param display: Ansible's
    :param path: file into which modules on the controller write how far they have come, an entry in a line:
        service, state, detail, seconds
    :param interval: seconds of silence after which a line is written where there is no terminal
    """

    def __init__(self, display: Any, path: Path, interval: float) -> None:
        self._display = display
        self._lock = display._lock
        self._path = path
        self._interval = interval
        self._terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._works: dict[str, Work] = {}
        self._read = 0
        self._drawn: list[str] = []
        self._at_line_start = True
        self._last_output = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._streams: list[tuple[Any, Callable[[bytes], int]]] = []

    def start(self) -> None:
        """Begin to show what is waited for."""
        with self._lock:
            for stream in (sys.stdout, sys.stderr):
                if stream is sys.stdout or stream.isatty():
                    self._streams.append((stream.buffer, stream.buffer.write))
                    stream.buffer.write = self._writer(stream.buffer.write)  # type: ignore[method-assign]
        self._thread.start()

    def stop(self) -> None:
        """Leave nothing on the terminal, and the streams as they were."""
        self._over.set()
        self._thread.join()
        with self._lock:
            self._draw([])
            for buffer, write in self._streams:
                buffer.write = write
            self._streams = []

    def begin(self, task: str, name: str, host: str) -> None:
        """Note that a task begins on a host."""
        with self._lock:
            self._works.setdefault(task, Work(name)).began[host] = time.monotonic()

    def clear(self) -> None:
        """Forget what is waited for."""
        with self._lock:
            self._works = {}

    def end(self, task: str, host: str) -> None:
        """Note that it has ended there."""
        with self._lock:
            # What it has told last is shown before its end.
            self._follow()
            work = self._works.get(task)
            if work:
                work.began.pop(host, None)
                if not work.began:
                    del self._works[task]

    def _watch(self) -> None:
        while not self._over.wait(TICK):
            with self._lock, contextlib.suppress(OSError):
                self._look()

    def _look(self) -> None:
        self._follow()
        now = time.monotonic()
        if self._terminal:
            shown = [work for work in self._works.values() if now - work.since() > PATIENCE]
            self._draw([line for work in shown for line in work.block(now)])
            return
        # Ansible leaves its lines in the buffer where it writes into a pipe.
        sys.stdout.flush()
        if self._works and now - self._last_output >= self._interval:
            for work in self._works.values():
                self._say(work.line(now))

    def _follow(self) -> None:
        """Read what modules have written since the last time."""
        for entry in self._entries():
            work = next(reversed(self._works.values()), None)
            if work is None:
                continue
            text = told(entry)
            work.states[entry["service"]] = text
            if not self._terminal:
                self._say(f"  {span(entry['seconds'])}, {entry['service']}: {text}")

    def _entries(self) -> Iterator[Mapping[str, Any]]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                written = file.read()
        except FileNotFoundError:
            return
        # A line that is not whole yet is read the next time.
        whole = written[: written.rfind(b"\n") + 1]
        self._read += len(whole)
        yield from map(json.loads, whole.splitlines())

    def _say(self, line: str) -> None:
        self._display.display(line)
        sys.stdout.flush()

    def _writer(self, write: Callable[[bytes], int]) -> Callable[[bytes], int]:
        """Wrap what writes into a stream, so that what is drawn leaves before anything else is written."""

        def writer(content: bytes) -> int:
            with self._lock:
                self._draw([])
                self._last_output = time.monotonic()
                self._at_line_start = bytes(content[-1:]) == b"\n"
                return write(content)

        return writer

    def _draw(self, lines: list[str]) -> None:
        """Put lines below what Ansible has written, in place of those that are there."""
        if not self._terminal or not self._at_line_start or not self._streams:
            return
        columns, rows = shutil.get_terminal_size()
        lines = [line[: columns - 1] for line in lines[: rows - 1]]
        if lines == self._drawn:
            return
        back = f"\r\x1b[{len(self._drawn)}A\x1b[J" if self._drawn else ""
        buffer, write = self._streams[0]
        self._drawn = lines
        write((back + "".join(f"{line}\n" for line in lines)).encode())
        buffer.flush()
