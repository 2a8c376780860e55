"""Every service's image in the registry, by digest, each built and pushed once.

First everything is looked at and planned, then everything is built, then everything is pushed: what cannot
work is known before the first build, and nothing is pushed when one build fails.
"""

from __future__ import annotations

import functools
import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Protocol

from .build_context import TAG_LENGTH, pack, tag_of
from .faults import Fault, Faults
from .own_engine import EngineError, registry_host

LOG_LINES = 20
#: How many images are asked for at a time.
AT_ONCE = 8
#: Shorter values stand in logs as ordinary words and numbers.
SHORTEST_HIDDEN = 4


class ImageLookup(Protocol):
    """What a plan asks."""

    def digest(self, reference: str) -> str | None:
        """Give the digest in the registry."""

    def local(self, reference: str) -> Mapping[str, Any] | None:
        """Give the local image."""


class ImageEngine(ImageLookup, Protocol):
    """What is needed of a Docker Engine; image_engine.Engine is the real one."""

    def build(
        self, archive: IO[bytes], options: Sequence[str], build_args: Mapping[str, str], timeout: int
    ) -> None:
        """Build from a packed context."""

    def pull(self, reference: str, platform: str | None) -> None:
        """Fetch an image."""

    def push(self, source: str, repository: str, tag: str) -> None:
        """Send an image."""


@dataclass(frozen=True)
class Settings:
    """What holds for all images of a run."""

    registry: str
    registry_push: str
    repositories: Mapping[str, str]
    project_dir: Path
    mirror: bool = False
    pull: bool = False
    platform: str | None = None
    refresh: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    build_timeout: int = 1800


@dataclass(frozen=True)
class Image:
    """One service's image: where it belongs, and what it takes to have it there."""

    service: str
    name: str
    tag: str
    digest: str | None = None
    push_name: str = ""
    build: Mapping[str, Any] | None = None
    source: str = ""
    fetch: bool = False

    @property
    def missing(self) -> bool:
        """Whether the registry does not have it yet."""
        return self.digest is None

    @property
    def reference(self) -> str:
        """How a host names it: by digest, or by tag as long as there is no digest."""
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"

    def result(self, was_missing: bool) -> dict[str, Any]:
        """Give what the module returns for it."""
        return {
            "image": self.reference,
            "tag": self.tag,
            "digest": self.digest or "",
            "built": was_missing and self.build is not None,
            "pushed": was_missing,
        }


def plan(images: Mapping[str, Mapping[str, Any]], settings: Settings, engine: ImageLookup) -> list[Image]:
    """Find out for every service what its image is called and whether the registry has it.

    Raises Faults with all that is wrong.
    """

    def planned_one(service: str) -> Image:
        wanted = images[service]
        if wanted.get("build"):
            return _plan_build(service, wanted["build"], settings, asked)
        return _plan_named(service, wanted["image"], settings, asked)

    asked = _Asked(engine)
    planned: list[Image] = []
    faults: list[Fault] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for found in [pool.submit(planned_one, service) for service in sorted(images)]:
            try:
                planned.append(found.result())
            except Faults as wrong:
                faults += [fault for fault in wrong.faults if fault not in faults]
    if faults:
        raise Faults(faults)
    return planned


class _Asked:
    """An Engine that is asked once of what many services want, or by as many threads as begin together."""

    def __init__(self, engine: ImageLookup) -> None:
        self.digest, self.local = functools.cache(engine.digest), functools.cache(engine.local)


def carry_out(planned: Sequence[Image], settings: Settings, engine: ImageEngine) -> list[Image]:
    """Build what is to be built, then push what is to be pushed; give the images with their digests."""
    for image in planned:
        if image.missing and image.build is not None:
            _build(image, image.build, settings, engine)
        elif image.missing and image.fetch:
            _fetch(image, settings, engine)
    return [_push(image, settings, engine) if image.missing else image for image in planned]


def difference(planned: Sequence[Image]) -> dict[str, str]:
    """Give what the registry has and what it will have."""
    lines = [
        (image.missing, f"{image.service}: {image.name}:{image.tag}\n") for image in planned if image.tag
    ]
    return {
        "before": "".join(line for missing, line in lines if not missing),
        "after": "".join(line for _missing, line in lines),
    }


def hidden(text: str, values: Mapping[str, str]) -> str:
    """Take the values of build arguments out of a text."""
    for value in sorted(values.values(), key=len, reverse=True):
        text = text.replace(value, "********") if len(value) >= SHORTEST_HIDDEN else text
    return text


def _plan_build(service: str, build: Mapping[str, Any], settings: Settings, engine: ImageLookup) -> Image:
    context = settings.project_dir / build["context"]
    try:
        tag = tag_of(context, build["dockerfile"], _build_settings(build, settings))
    except OSError as error:
        raise Faults(
            [
                Fault(
                    str(context),
                    f"{service}.build",
                    f"{error.filename or context}: {error.strerror or 'no such file'}",
                    f"a folder that can be read, with {build['dockerfile']} in it",
                    "correct build.context and build.dockerfile, or the rights of the file",
                )
            ]
        ) from error
    return _in_our_registry(Image(service, "", tag, build=build), settings, engine)


def _plan_named(service: str, name: str, settings: Settings, engine: ImageLookup) -> Image:
    """Find an image that is given by name: at its own registry, or, for a mirror, on this machine."""
    repository, tag = _split(name)
    try:
        local = None if settings.pull else engine.local(name)
        if settings.mirror:
            digest = None if local else engine.digest(name)
            if local or digest:
                source = name if local else f"{repository}@{digest}"
                identity = [local["Id"] if local else digest, settings.platform]
                marked = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:TAG_LENGTH]
                image = Image(service, "", f"{tag or 'digest'}-{marked}", source=source, fetch=not local)
                return _in_our_registry(image, settings, engine)
        elif "@" in name:
            return Image(service, repository, tag, digest=name.partition("@")[2])
        else:
            digest = _known_digest(local, repository) or engine.digest(name)
            if digest:
                return Image(service, repository, tag, digest=digest)
    except EngineError as error:
        raise Faults([_registry_fault(name, str(error))]) from error
    raise Faults(
        [
            Fault(
                f"registry {registry_host(name)}",
                f"{service}.image",
                f"{name}: the registry has no such image",
                "an image that can be pulled",
                "correct the name or the tag; for a private image, log in to its registry",
            )
        ]
    )


def _in_our_registry(image: Image, settings: Settings, engine: ImageLookup) -> Image:
    repository = settings.repositories[image.service]
    push_name = f"{settings.registry_push}/{repository}"
    try:
        digest = engine.digest(f"{push_name}:{image.tag}")
    except EngineError as error:
        raise Faults([_registry_fault(push_name, str(error))]) from error
    return replace(image, name=f"{settings.registry}/{repository}", push_name=push_name, digest=digest)


def _build_settings(build: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Give all besides the files that makes the image what it is."""
    return {
        "target": build.get("target"),
        "args": build.get("args") or {},
        "labels": settings.labels,
        "platform": settings.platform,
        "refresh": settings.refresh,
    }


def _build(image: Image, build: Mapping[str, Any], settings: Settings, engine: ImageEngine) -> None:
    context = settings.project_dir / build["context"]
    arguments: Mapping[str, str] = build.get("args") or {}
    options = ["--file", build["dockerfile"], "--tag", f"{image.push_name}:{image.tag}"]
    options += ["--target", build["target"]] if build.get("target") else []
    options += ["--platform", settings.platform] if settings.platform else []
    options += ["--pull"] if settings.pull else []
    options += [part for item in sorted(settings.labels.items()) for part in ("--label", "=".join(item))]
    with tempfile.TemporaryFile() as archive:
        tag = pack(context, build["dockerfile"], _build_settings(build, settings), archive)
        if tag != image.tag:
            raise Faults(
                [
                    Fault(
                        str(context),
                        f"{image.service}.build",
                        "files changed while they were read",
                        "sources that keep still during a build",
                        "run again; exclude what other programs write by .dockerignore",
                    )
                ]
            )
        archive.seek(0)
        try:
            engine.build(archive, options, arguments, settings.build_timeout)
        except EngineError as error:
            log = hidden(str(error), arguments).splitlines()[-LOG_LINES:]
            raise Faults(
                [
                    Fault(
                        str(context / build["dockerfile"]),
                        f"{image.service}.build",
                        "the build failed; its last lines:\n      | " + "\n      | ".join(log),
                        "a build that ends with an image",
                        "mend what the last lines name; nothing has been pushed",
                    )
                ]
            ) from error


def _fetch(image: Image, settings: Settings, engine: ImageEngine) -> None:
    try:
        engine.pull(image.source, settings.platform)
    except EngineError as error:
        raise Faults([_registry_fault(image.source, str(error))]) from error


def _push(image: Image, settings: Settings, engine: ImageEngine) -> Image:
    target = f"{image.push_name}:{image.tag}"
    said = "after the push the registry still has no such image"
    try:
        engine.push(image.source or target, image.push_name, image.tag)
    except EngineError as error:
        said = str(error)
    try:
        # Asked even after a failure: when two runs push one tag, an immutable repository refuses the second.
        digest = engine.digest(target)
    except EngineError as error:
        raise Faults([_push_fault(image, str(error))]) from error
    if digest is None:
        raise Faults([_push_fault(image, said)])
    return replace(image, digest=digest)


def _push_fault(image: Image, said: str) -> Fault:
    return Fault(
        f"registry {registry_host(image.push_name)}",
        f"{image.service}.image",
        f"{image.push_name}:{image.tag} was not taken: {said}",
        "a repository that exists and a login that may push to it",
        "check the registry's name, the login and the repository's rights; what was built is kept",
    )


def _registry_fault(name: str, said: str) -> Fault:
    return Fault(
        f"registry {registry_host(name)}",
        "images",
        f"the Docker Engine cannot ask it: {said}",
        "a registry that answers the Docker Engine of this machine",
        "check the registry's name, its login, the network between, and that it speaks TLS "
        "unless it is on this machine's loopback",
    )


def _split(name: str) -> tuple[str, str]:
    """Give repository and tag of an image's name.

    >>> _split("localhost:5000/mongo:8.0"), _split("mongo@sha256:00")
    (('localhost:5000/mongo', '8.0'), ('mongo', ''))
    """
    plain = name.partition("@")[0]
    repository, colon, tag = plain.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (plain, "")


def _known_digest(local: Mapping[str, Any] | None, repository: str) -> str | None:
    """Give the digest under which the Engine once pulled an image from this repository."""
    for known in (local or {}).get("RepoDigests") or []:
        name, _at, digest = str(known).partition("@")
        if name == repository:
            return digest
    return None
