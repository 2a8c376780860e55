"""What a host that exists already is like, before anything is changed on it. Standard library alone."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .docker_api import SOCKET, DockerError, Engine

LABEL_APP = "slipway.app"
_LISTEN = "0A"
_DOCKER_FOLDER = "/var/lib/docker"
#: Docker's own processes that hold a published port on a container's behalf.
_DOCKER_PROCESSES = ("docker-proxy", "dockerd")


def gather(ports: list[int], socket_path: str = SOCKET, proc: Path = Path("/proc")) -> dict[str, Any]:
    """Give architecture, free disk, the engine's state, and who holds each of `ports`.

    `ports` in the result maps each taken port to a mapping of `by` (a process or a container) and `app`
    (the application whose container it is, empty for anything else).
    """
    engine, published = _engine(socket_path)
    held = {str(port): {"by": name, "app": ""} for port, name in _listeners(proc, ports)}
    held = {port: holder for port, holder in held.items() if holder["by"] not in _DOCKER_PROCESSES}
    held.update({str(port): published[port] for port in ports if port in published})
    return {
        "architecture": platform.machine(),
        "disk_free": shutil.disk_usage(_existing(_DOCKER_FOLDER)).free,
        "engine": engine,
        "ports": held,
    }


def _engine(socket_path: str) -> tuple[dict[str, Any], dict[int, dict[str, str]]]:
    """Give whether an engine is installed and answers, and the ports that its containers publish."""
    if not os.path.exists(socket_path):
        return {"installed": False, "answers": False, "error": ""}, {}
    engine = Engine(socket_path, timeout=10)
    try:
        containers = engine.containers()
    except DockerError as error:
        return {"installed": True, "answers": False, "error": error.message}, {}
    return {"installed": True, "answers": True, "error": ""}, dict(_published(containers))


def _published(containers: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, str]]]:
    for container in containers:
        for port in container.get("Ports") or []:
            if port.get("PublicPort"):
                labels = container.get("Labels") or {}
                name = str(container["Names"][0]).lstrip("/")
                yield (
                    int(port["PublicPort"]),
                    {"by": f"container {name}", "app": str(labels.get(LABEL_APP, ""))},
                )


def _listeners(proc: Path, ports: list[int]) -> Iterator[tuple[int, str]]:
    """Give each of `ports` that a process listens on, with the process's name."""
    inodes = {}
    for table in ("net/tcp", "net/tcp6"):
        for line in (proc / table).read_text().splitlines()[1:] if (proc / table).exists() else []:
            fields = line.split()
            port = int(fields[1].rpartition(":")[2], 16)
            if fields[3] == _LISTEN and port in ports:
                inodes[f"socket:[{fields[9]}]"] = port
    found = dict.fromkeys(inodes.values(), "an unknown process")
    for process in proc.glob("[0-9]*") if inodes else []:
        for descriptor in _descriptors(process):
            if descriptor in inodes:
                found[inodes[descriptor]] = (process / "comm").read_text().strip()
    yield from found.items()


def _descriptors(process: Path) -> Iterator[str]:
    """Give what a process has open; nothing for one that has ended meanwhile or is another user's."""
    try:
        names = list((process / "fd").iterdir())
    except (FileNotFoundError, PermissionError):
        return
    for name in names:
        try:
            yield os.readlink(name)
        except (FileNotFoundError, PermissionError):
            continue


def _existing(path: str) -> str:
    """Give the nearest folder that exists: before Docker is installed its own does not."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path
