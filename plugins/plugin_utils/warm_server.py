"""Runs the controller's modules in forks of one process that has boto3 and its service models loaded.

A module of AWS costs half a second of imports and as much again of service models, for a call that takes
milliseconds. Started by `warm.py`, as `python warm_server.py PID [FOLDER]` with the listening socket as
standard input; it ends when the process PID, its parent, has ended, in whatever way. In the folder it keeps
for the next run what it compiled.
"""

import atexit
import contextlib
import importlib
import os
import selectors
import signal
import socket
import struct
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

STREAMS = 3
PEER = struct.Struct("3i")


def request_of(connection: socket.socket) -> tuple[bytes, int, dict[bytes, bytes], list[int]]:
    """Read a request: working directory, umask, environment, and the three streams.

    Raises:
        ValueError: what came is not a request.
    """
    head, streams, _, _ = socket.recv_fds(connection, 4, STREAMS)
    size = int.from_bytes(head, "big")
    body = b""
    while len(body) < size:
        part = connection.recv(size - len(body))
        if not part:
            break
        body += part
    if len(streams) != STREAMS or len(body) != size:
        for stream in streams:
            os.close(stream)
        raise ValueError("a request was cut off")
    directory, umask, *variables = body.split(b"\0")
    pairs = (variable.partition(b"=") for variable in variables)
    return directory, int(umask), {name: value for name, _, value in pairs}, streams


def same_python(environment: dict[bytes, bytes]) -> bool:
    """Tell whether an interpreter started in this environment would be set up as this one is."""

    def settings(variables: Any) -> dict[bytes, bytes]:
        return {name: value for name, value in variables.items() if name.startswith(b"PYTHON")}

    return settings(environment) == settings(os.environb)


def run_module(
    directory: bytes,
    umask: int,
    environment: dict[bytes, bytes],
    streams: list[int],
    begin: Callable[[], None],
) -> NoReturn:
    """Be the interpreter: run what comes on standard input, and end as it would."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.umask(umask)
    os.environb.clear()
    os.environb.update(environment)
    time.tzset()
    sys.argv = [""]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    code = 0
    try:
        # It may have been removed since the interpreter looked.
        os.chdir(directory)
        begin()
        exec(compile(sys.stdin.buffer.read(), "<stdin>", "exec"), main.__dict__)  # noqa: S102
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # as the interpreter does
        traceback.print_exc()
        code = 1
    # What the interpreter itself does at its end, but for freeing memory that is another process's too.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code & 0xFF)


class Server:
    """Forks one process for each connection and answers with how it ended."""

    def __init__(self, listener: socket.socket, parent: int, folder: Path | None) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        # By the name that the plugins' folder gives it, as this is no part of a collection here.
        sys.path.append(str(Path(__file__).resolve().parents[2]))
        aws = importlib.import_module("plugins.plugin_utils.warm_aws")
        self._shared, self._begin = aws.warm_up(folder), aws.record_reads
        self._ahead = self._shared.ahead()
        next(self._ahead, False)
        sys.path.pop()
        self._watch(self._shared.heard, self._shared.learn)
        self._watch(listener, self._accept)
        self._watch(os.pidfd_open(parent), self._end)

    def _watch(self, what: Any, then: Callable[[], None]) -> None:
        self._selector.register(what, selectors.EVENT_READ, then)

    def serve(self) -> NoReturn:
        """Serve until the parent ends, and load ahead while nobody asks."""
        loaded = False
        while True:
            asked = self._selector.select(None if loaded else 0)
            for key, _ in asked:
                key.data()
            if not asked and not loaded:
                loaded = not next(self._ahead, False)

    def _end(self) -> None:
        self._shared.code.keep()
        os._exit(0)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        with contextlib.suppress(OSError, ValueError):
            self._start(connection)
            return
        connection.close()

    def _start(self, connection: socket.socket) -> None:
        _, user, _ = PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
        directory, umask, environment, streams = request_of(connection)
        try:
            if user != os.geteuid() or not same_python(environment):
                connection.sendall(b"-")
                connection.close()
                return
            connection.sendall(b"+")
            child = os.fork()
            if child == 0:
                self._selector.close()
                self._listener.close()
                self._shared.heard.close()
                connection.close()
                run_module(directory, umask, environment, streams, self._begin)
        finally:
            for stream in streams:
                os.close(stream)
        self._follow(child, connection)

    def _follow(self, child: int, connection: socket.socket) -> None:
        """Answer with the child's end; end it when nobody waits for the answer any more."""
        process = os.pidfd_open(child)

        def ended() -> None:
            _, status = os.waitpid(child, 0)
            self._selector.unregister(process)
            os.close(process)
            with contextlib.suppress(KeyError):
                self._selector.unregister(connection)
            with contextlib.suppress(OSError):
                connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
            connection.close()

        def left() -> None:
            self._selector.unregister(connection)
            signal.pidfd_send_signal(process, signal.SIGTERM)

        self._watch(process, ended)
        self._watch(connection, left)


def main() -> None:
    """Serve on the socket that is standard input."""
    listener = socket.socket(fileno=os.dup(0))
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    try:
        server = Server(listener, int(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else None)
    except ProcessLookupError:
        # A short run: it has ended before this has begun.
        return
    # Its number may be another's already.
    if os.getppid() == int(sys.argv[1]):
        server.serve()


if __name__ == "__main__":
    main()
