"""The interpreter of the controller's modules: hands its work to the warm server, or does it itself.

The callback `warm_modules` writes this file behind a line `#!<python> -IS`, with the two values below.
No import here but of what the interpreter has built in, for this starts once per task.
"""

import _signal as signal  # type: ignore[import-not-found]
import _socket as socket
import os
import sys

FOLDER = "@FOLDER@"
PYTHON = "@PYTHON@"
TAKEN = b"+"
SERVER_KILLED = b"The process that ran this module ended without a word: its server was killed.\n"


def plain() -> None:
    """Become the interpreter that would have run without a server."""
    reads = os.environ.get("SLIPWAY_READS")
    if reads:
        # What it asks of AWS is not recorded: see warm_aws.py.
        with open(reads, "a") as file:
            file.write('["a module", "", "in a plain interpreter", {}, null]\n')
    os.execv(PYTHON, [PYTHON, *sys.argv[1:]])  # noqa: S606


def ask(
    connection: socket.socket, folder: bytes, environment: dict[bytes, bytes], streams: list[int]
) -> None:
    """Hand a working directory, an environment and three streams to the server; it answers TAKEN, or not."""
    umask = os.umask(0)
    os.umask(umask)
    variables = [name + b"=" + value for name, value in environment.items()]
    request = b"\0".join([folder, b"%d" % umask, *variables])
    handed = b"".join(stream.to_bytes(4, sys.byteorder) for stream in streams)
    connection.sendmsg([len(request).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handed)])
    connection.sendall(request)


def main() -> None:
    """Run what comes on standard input; a file or an option, as for async, is the plain interpreter's."""
    if sys.argv[1:]:
        plain()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # An address holds 107 characters: the folder's own path may be longer.
        connection.connect(f"/proc/self/fd/{os.open(FOLDER, os.O_PATH)}/socket")
        ask(connection, os.getcwdb(), {**os.environb}, [0, 1, 2])
        taken = connection.recv(1) == TAKEN
    except OSError:
        taken = False
    if not taken:
        plain()
    status = connection.recv(4)
    if not status:
        os.write(2, SERVER_KILLED)
        os._exit(1)
    code = int.from_bytes(status, "big", signed=True)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
