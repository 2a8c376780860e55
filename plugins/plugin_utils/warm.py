"""The warm process of a run: started once, by whichever plugin is first, and ended with the run.

The callback `warm_modules` is the setting that switches it, and says in docs what it is.
"""

from __future__ import annotations

import contextlib
import gc
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ansible import constants, context

from . import startup, warm_client

UTILITIES = Path(__file__).resolve().parent
CALLBACK = "slipway.core.warm_modules"
#: The variable that names the interpreter which asks the warm process.
VARIABLE = "SLIPWAY_PYTHON"
# A kernel reads this much of a script's first line.
SHEBANG_LIMIT = 255

_started: dict[int, Path] = {}


def wanted() -> bool:
    """Whether the callback is in use and not switched off."""
    return CALLBACK in constants.CALLBACKS_ENABLED and bool(startup.option("enabled", CALLBACK))


def begin() -> None:
    """Start the warm process of a playbook's run, where it is wanted, before anything asks for it."""
    # Of Ansible's commands, only this one is sure to load the callback that goes on from here.
    if "start_at_task" in context.CLIARGS and wanted():
        # Until the playbook starts, hardly anything that is made is left.
        gc.disable()
        # What goes wrong with it, the callback says when the playbook starts.
        with contextlib.suppress(OSError):
            start()


def start() -> Path:
    """Start the warm process unless this process has, and return the interpreter that asks it.

    Raises:
        OSError: it cannot be had here.
    """
    if os.getpid() not in _started:
        _started[os.getpid()] = interpreter = _start()
        os.environ[VARIABLE] = str(interpreter)
    return _started[os.getpid()]


def _start() -> Path:
    if sys.platform != "linux":
        raise OSError("it needs Linux")
    # Ansible removes its temporary folder, which is the user's alone, when the run ends.
    place = Path(tempfile.mkdtemp(prefix="warm-", dir=constants.DEFAULT_LOCAL_TMP))
    interpreter = place / "python"
    shebang = f"#!{sys.executable} -IS"
    if len(shebang) > SHEBANG_LIMIT:
        raise OSError(f"the path of {sys.executable} is too long")
    client = (UTILITIES / "warm_client.py").read_text()
    for name, value in {"@FOLDER@": place, "@PYTHON@": sys.executable}.items():
        client = client.replace(f'"{name}"', repr(str(value)))
    interpreter.write_text(f"{shebang}\n{client}")
    interpreter.chmod(0o700)
    folder = startup.option("folder", CALLBACK)
    kept = [str(folder)] if folder else []
    with socket.socket(socket.AF_UNIX) as listener:
        # An address holds 107 characters: the folder's own path may be longer.
        opened = os.open(place, os.O_PATH)
        listener.bind(f"/proc/self/fd/{opened}/socket")
        os.close(opened)
        listener.listen(128)
        subprocess.Popen(
            [sys.executable, "-P", str(UTILITIES / "warm_server.py"), str(os.getpid()), *kept],
            stdin=listener.fileno(),
            stdout=subprocess.DEVNULL,
            # Ansible keeps its own from being inherited.
            stderr=2,
            start_new_session=True,
        )
    return interpreter


def environment_of(command: str) -> dict[str, str] | None:
    """Return the variables that a shell's command sets for the warm interpreter; None where it does more."""
    words = _words(command)
    if len(words) == 3 and words[:2] == ["/bin/sh", "-c"]:
        words = _words(words[2])
    *assignments, last = words or [""]
    named = [assignment.partition("=") for assignment in assignments]
    if not last or last != os.environ.get(VARIABLE) or not all(name.isidentifier() for name, _, _ in named):
        return None
    return {name: value for name, _, value in named}


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []


class Call:
    """A program that runs in a fork of the warm process, with this process's environment and `variables`.

    It is handed over at once, and runs when the warm process, which may be starting yet, comes to it.

    :param folder: its working directory; without it, this process's own

    Raises:
        OSError: there is no warm process.
    """

    def __init__(
        self, program: bytes, variables: Mapping[str, str] | None = None, folder: str | None = None
    ) -> None:
        # In memory, and whole: nothing has to be fed or drained while it runs.
        self._streams = [os.memfd_create(name) for name in ("stdin", "stdout", "stderr")]
        self._connection = socket.socket(socket.AF_UNIX)
        try:
            os.write(self._streams[0], program)
            os.lseek(self._streams[0], 0, os.SEEK_SET)
            environment = {
                **os.environb,
                **{os.fsencode(name): os.fsencode(value) for name, value in (variables or {}).items()},
            }
            place = os.open(Path(os.environ[VARIABLE]).parent, os.O_PATH)
            try:
                self._connection.connect(f"/proc/self/fd/{place}/socket")
            finally:
                os.close(place)
            where = os.fsencode(folder or os.getcwd())
            warm_client.ask(self._connection, where, environment, self._streams)
        except OSError:
            self._close()
            raise

    def result(self) -> tuple[int, bytes, bytes] | None:
        """Wait for its end; return exit code, as a shell gives it, standard output and standard error.

        None where the warm process has not taken it: its Python is set up otherwise, or it could not start.
        """
        taken = self._heard(1) == warm_client.TAKEN
        status = self._heard(4) if taken else b""
        _, output, errors = (os.pread(each, os.fstat(each).st_size, 0) for each in self._streams)
        self._close()
        if not taken:
            return None
        if not status:
            return 1, output, errors + warm_client.SERVER_KILLED
        code = int.from_bytes(status, "big", signed=True)
        if code >= 0:
            return code, output, errors
        # What a shell says and exits with.
        return 128 - code, output, errors + f"{signal.strsignal(-code)}\n".encode()

    def _heard(self, size: int) -> bytes:
        with contextlib.suppress(ConnectionResetError):
            return self._connection.recv(size)
        return b""

    def _close(self) -> None:
        for stream in self._streams:
            os.close(stream)
        self._connection.close()
