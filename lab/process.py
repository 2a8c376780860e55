"""The MiniStack process: started once, found again, stopped only if it is ours."""

import fcntl
import hashlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.console import say, step
from lab.settings import LabError, Settings, to_environment

STARTUP_SECONDS = 180
SHUTDOWN_SECONDS = 30


@dataclass(frozen=True)
class Running:
    """One MiniStack of ours; `born` is its start time, since a pid alone may be another process by now."""

    pid: int
    born: str
    code: str


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Keep two commands from changing one lab at the same time; the second waits."""
    settings.directory.mkdir(parents=True, exist_ok=True)
    with settings.lock_file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("lab: another `lab` command is at work here; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure(settings: Settings) -> None:
    """Have exactly one MiniStack answering, with the code that is here now. Raises LabError."""
    found = running(settings)
    if found is not None:
        if found.code == code_digest(settings) and healthy(settings):
            return
        say("  MiniStack runs with other code or does not answer; starting it anew (instances keep running)")
        stop(settings)
    _refuse_taken_port(settings)
    with step(f"MiniStack on 127.0.0.1:{settings.port} and {settings.gateway}:{settings.port}"):
        _start(settings)


def running(settings: Settings) -> Running | None:
    """The process in the pid file if it is alive and truly ours; a stale file is removed."""
    if not settings.pid_file.exists():
        return None
    try:
        recorded = Running(**json.loads(settings.pid_file.read_text()))
    except (ValueError, TypeError):
        recorded = None
    if recorded is not None and born(recorded.pid) == recorded.born:
        return recorded
    say(f"  removing {settings.pid_file.name}: its process is gone")
    settings.pid_file.unlink()
    return None


def record(settings: Settings) -> None:
    """Write the pid file of the current process, whole or not at all."""
    mine = Running(pid=os.getpid(), born=born(os.getpid()), code=code_digest(settings))
    temporary = settings.pid_file.with_suffix(".new")
    temporary.write_text(json.dumps(asdict(mine)))
    temporary.replace(settings.pid_file)


def stop(settings: Settings) -> None:
    """End our MiniStack, politely first; its state is written as it goes."""
    found = running(settings)
    if found is None:
        return
    for kind, patience in ((signal.SIGTERM, SHUTDOWN_SECONDS), (signal.SIGKILL, 5)):
        os.kill(found.pid, kind)
        until = time.monotonic() + patience
        while time.monotonic() < until and born(found.pid) == found.born:
            time.sleep(0.1)
        if born(found.pid) != found.born:
            break
    settings.pid_file.unlink(missing_ok=True)
    say(f"  stopped MiniStack (process {found.pid})")


def healthy(settings: Settings) -> bool:
    """Whether MiniStack answers on both its addresses."""
    for host in ("127.0.0.1", settings.gateway):
        url = f"http://{host}:{settings.port}/_ministack/health"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status != 200:
                    return False
        except (urllib.error.URLError, OSError):
            return False
    return True


def code_digest(settings: Settings) -> str:
    """Changes when the lab's code or settings do, so that `up` knows a MiniStack that runs older ones."""
    digest = hashlib.sha256(repr(settings).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")) + sorted(
        (Path(__file__).parent / "conformance").glob("*.py")
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def born(pid: int) -> str:
    """When a live process started, in the kernel's ticks; nothing if there is none (a zombie is none)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _start(settings: Settings) -> None:
    environment = {
        **os.environ,
        **to_environment(settings),
        "PYTHONPATH": str(settings.root),
        "GATEWAY_PORT": str(settings.port),
        "MINISTACK_REGION": settings.region,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(settings.state),
        "S3_DATA_DIR": str(settings.objects),
        "S3_PERSIST": "1",
        "DOCKER_NETWORK": settings.network,
        # Removing a host with its volumes takes longer than MiniStack's 10 s on a busy machine.
        "MINISTACK_DOCKER_TIMEOUT": "120",
        # Listeners of services that no part of Slipway uses.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    with settings.log_file.open("a") as log:
        child = subprocess.Popen(
            [str(settings.python), "-m", "lab.server"],
            cwd=settings.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    until = time.monotonic() + STARTUP_SECONDS
    while not healthy(settings):
        if child.poll() is not None or time.monotonic() > until:
            why = f"ended with code {child.returncode}" if child.returncode is not None else "does not answer"
            end = "\n".join(settings.log_file.read_text(errors="replace").splitlines()[-15:])
            raise LabError(
                f"MiniStack {why} after {STARTUP_SECONDS} s at most. Log: {settings.log_file}\n{end}"
            )
        time.sleep(0.1)


def _refuse_taken_port(settings: Settings) -> None:
    # A process that was killed holds its port for a moment longer than its pid.
    until = time.monotonic() + 5
    while (taken := _taken(settings)) and time.monotonic() < until:
        time.sleep(0.2)
    if taken:
        raise LabError(
            f"{taken}:{settings.port} cannot be bound; it is held by {holder(settings.port)}.\n"
            "Stop that, or choose another port in SLIPWAY_LAB_PORT."
        )


def _taken(settings: Settings) -> str:
    """The first address of MiniStack's that something else listens on, or nothing."""
    for host in ("127.0.0.1", settings.gateway):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, settings.port))
            except OSError:
                return host
    return ""


def holder(port: int) -> str:
    """Which process listens on a TCP port, as text for a message."""
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rsplit(":", 1)[1], 16) == port and fields[3] == "0A":
                sockets.add(f"socket:[{fields[9]}]")
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(descriptor) in sockets:
                process = descriptor.parent.parent
                command = process.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                return f"process {process.name} ({command})"
        except OSError:
            # Processes end while they are looked at, and some are not ours to look at.
            continue
    return "a process that cannot be seen from here"
