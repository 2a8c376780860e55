"""The Docker Engine and its command line, as far as images need them. Only on the controller.

Build goes through `docker build`, which uses buildx where it is installed and the classic builder where it
is not; everything else through the Engine's API (docker-py), where a login is an argument of the call and
never written to a disk.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO, Any

import docker
from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException

from .own_engine import EngineError, engine_host, published, registry_host

Auth = Mapping[str, Mapping[str, str]]


class Engine:
    """One connection to a Docker Engine.

    `auth` gives {registry host: {username, password}}. Every method raises EngineError.
    """

    def __init__(self, auth: Auth, timeout: int = 60) -> None:
        self._auth = auth
        self._command = shutil.which("docker")
        self._host = engine_host()
        try:
            self._client: Any = docker.from_env(
                timeout=timeout, environment={**os.environ, "DOCKER_HOST": self._host}
            )
            self._client.ping()
        except (DockerException, RequestException) as error:
            raise EngineError(f"{self._host}: {error}") from error

    def digest(self, reference: str) -> str | None:
        """Give the digest of an image in its registry; None where the registry has none."""
        found = self._distribution(reference)
        return str(found["Descriptor"]["digest"]) if found else None

    def local(self, reference: str) -> Mapping[str, Any] | None:
        """Give Id, RepoDigests and Architecture of an image that the Engine holds."""
        try:
            found: Mapping[str, Any] = self._client.api.inspect_image(reference)
        except NotFound:
            return None
        except (APIError, RequestException) as error:
            raise EngineError(_said(error)) from error
        return found

    def architectures(self, reference: str) -> frozenset[str] | None:
        """Give the architectures of an image in its registry, as far as it says; None where it has none."""
        found = self._distribution(reference)
        if found is None:
            return None
        # Attestations stand in an image's index as if they were for a platform.
        return frozenset(
            str(platform["architecture"])
            for platform in found.get("Platforms") or []
            if platform.get("architecture") not in (None, "", "unknown")
        )

    def architecture(self) -> str:
        """Give the architecture that the Engine builds for, as uname has it."""
        return str(self._client.info()["Architecture"])

    def published(self) -> dict[int, str]:
        """Give the ports that containers publish on this machine, with the containers' names."""
        return published(self._client.api.containers())

    def build(
        self,
        archive: IO[bytes],
        options: Sequence[str],
        build_args: Mapping[str, str],
        timeout: int,
    ) -> None:
        """Build from a packed context. The values of build arguments stay out of the process list."""
        if self._command is None:
            raise EngineError("the docker command is not on the PATH; it is needed to build images")
        names = [part for name in sorted(build_args) for part in ("--build-arg", name)]
        environment = {
            **os.environ,
            **build_args,
            "DOCKER_HOST": self._host,
            # The Engine's own builder, so that the image is there to be pushed afterwards; and one manifest
            # per image, without a second one that describes how it was built.
            "BUILDX_BUILDER": "default",
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        }
        try:
            done = subprocess.run(
                [self._command, "build", *options, *names, "-"],
                stdin=archive,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise EngineError(f"{_text(error.stdout)}\nnot finished after {timeout} s") from error
        if done.returncode != 0:
            raise EngineError(_text(done.stdout))

    def pull(self, reference: str, platform: str | None) -> None:
        """Fetch an image into the Engine."""
        try:
            self._client.api.pull(reference, platform=platform, auth_config=self._login(reference))
        except (APIError, RequestException) as error:
            raise EngineError(_said(error)) from error

    def push(self, source: str, repository: str, tag: str) -> None:
        """Send a local image to a registry under a name, which it keeps here only if it is its own."""
        target = f"{repository}:{tag}"
        try:
            if source != target:
                self._client.api.tag(source, repository, tag)
            progress = self._client.api.push(
                repository, tag=tag, stream=True, decode=True, auth_config=self._login(repository)
            )
            errors = [line["error"] for line in progress if "error" in line]
            if source != target:
                self._client.api.remove_image(target, noprune=True)
        except (APIError, RequestException) as error:
            raise EngineError(_said(error)) from error
        if errors:
            raise EngineError(errors[0])

    def _distribution(self, reference: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self._client.api.inspect_distribution(
                reference, auth_config=self._login(reference)
            )
        except NotFound:
            return None
        except (APIError, RequestException) as error:
            raise EngineError(_said(error)) from error
        return found

    def _login(self, reference: str) -> Mapping[str, str] | None:
        # Without one, docker-py uses what `docker login` has left for this registry, if anything.
        return self._auth.get(registry_host(reference))


def _said(error: Exception) -> str:
    """Give the Engine's own words without the HTTP client's around them."""
    return str(getattr(error, "explanation", None) or error)


def _text(output: bytes | None) -> str:
    return (output or b"").decode(errors="replace").strip()
