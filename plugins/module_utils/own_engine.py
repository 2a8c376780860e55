"""This machine's Docker Engine, asked without docker-py, whose import takes longer than all the answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .docker_api import SOCKET, DockerError, Engine

UNIX = "unix://"


class EngineError(Exception):
    """What the Engine, a registry or the builder said."""


class OwnEngine:
    """The Engine at a UNIX socket. Every method raises EngineError."""

    def __init__(self, path: str, timeout: int) -> None:
        self._path = path
        self._timeout = timeout
        self._engine = Engine(path, timeout)
        try:
            self._architecture = str(self._engine.info()["Architecture"])
        except DockerError as error:
            raise EngineError(f"{UNIX}{path}: {error.message}") from error

    def architecture(self) -> str:
        """Give the architecture that the Engine builds for, as uname has it."""
        return self._architecture

    def local(self, reference: str) -> Mapping[str, Any] | None:
        """Give Id, RepoDigests and Architecture of an image that the Engine holds."""
        try:
            return self._engine.image(reference)
        except DockerError as error:
            raise EngineError(error.message) from error

    def published(self) -> dict[int, str]:
        """Give the ports that containers publish on this machine, with the containers' names."""
        try:
            listed = self._engine.containers()
        except DockerError as error:
            raise EngineError(error.message) from error
        return published(listed)

    def architectures(self, reference: str) -> frozenset[str] | None:
        """Give the architectures of an image in its registry, as far as it says; None where it has none."""
        # Only docker-py knows the logins that `docker login` has left.
        from . import image_engine  # noqa: PLC0415

        return image_engine.Engine({}, self._timeout).architectures(reference)


def published(containers: list[dict[str, Any]]) -> dict[int, str]:
    """Give the ports that containers publish, of all that the Engine lists, with the containers' names."""
    return {
        int(port["PublicPort"]): str(container["Names"][0]).lstrip("/")
        for container in containers
        for port in container.get("Ports") or []
        if "PublicPort" in port
    }


def engine_host() -> str:
    """Give the address of the Engine that the command line uses: a desktop's is not at the usual socket."""
    named = os.environ.get("DOCKER_HOST")
    if named:
        return named
    command = shutil.which("docker")
    if command is None or not _chosen():
        return f"{UNIX}{SOCKET}"
    done = subprocess.run(
        [command, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"],
        capture_output=True,
        check=False,
        text=True,
    )
    return done.stdout.strip() or f"{UNIX}{SOCKET}"


def _chosen() -> bool:
    """Tell whether somebody may have chosen another Engine than the usual one: the command takes its time."""
    folder = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
    try:
        settings = json.loads(Path(folder, "config.json").read_text(encoding="utf-8"))
        return bool(os.environ.get("DOCKER_CONTEXT") or settings.get("currentContext"))
    except FileNotFoundError:
        return bool(os.environ.get("DOCKER_CONTEXT"))
    except (AttributeError, OSError, ValueError):
        return True


def registry_host(reference: str) -> str:
    """Give the registry of an image's name, as Docker reads it.

    >>> registry_host("127.0.0.1:4566/goals/api:1"), registry_host("mongo:8.0")
    ('127.0.0.1:4566', 'docker.io')
    """
    first, slash, _rest = reference.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"
