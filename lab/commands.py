"""What each command does, in order."""

import argparse
import importlib.metadata
import json
import shutil

import docker

from lab import ami, conformance, docker_engine, file_systems, images, network, process
from lab.console import say
from lab.settings import AMIS, IMAGE_PREFIX, MINISTACK_VERSION, LabError, Settings

NOT_RUNNING = 3


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Run one parsed command and return its exit code. Raises LabError."""
    if arguments.command == "patches":
        _patches(arguments.json)
        return 0
    client = docker_engine.connect()
    if arguments.command == "images":
        images.ensure(settings, client)
        return 0
    if arguments.command == "status":
        return _status(settings, client)
    with process.only_one(settings):
        if arguments.command == "up":
            _up(settings, client)
        else:
            _down(settings, client, arguments.images)
    return 0


def _up(settings: Settings, client: docker.DockerClient) -> None:
    installed = importlib.metadata.version("ministack")
    if installed != MINISTACK_VERSION:
        raise LabError(
            f"MiniStack {installed} is installed; the lab's patches are for {MINISTACK_VERSION} alone.\n"
            "Install what the lock file says: `uv sync --project lab`."
        )
    conformance.check_names(settings.without)
    say(f"lab: MiniStack {MINISTACK_VERSION}, Docker Engine {client.version()['Version']}")
    images.ensure(settings, client)
    network.ensure(settings, client)
    process.ensure(settings)
    ami.ensure(settings)
    say(f"lab: up. AWS endpoint {settings.endpoint} (any keys, region {settings.region})")


def _down(settings: Settings, client: docker.DockerClient, with_images: bool) -> None:
    process.stop(settings)
    network.remove(settings, client)
    file_systems.remove(settings, client)
    if with_images:
        images.remove(client)
    # Last, because it tells which process is ours. Only what the lab made: others keep notes there too.
    for directory in (settings.state, settings.registry, settings.objects, settings.logs, settings.build):
        shutil.rmtree(directory, ignore_errors=True)
    settings.log_file.unlink(missing_ok=True)
    say("lab: down" if with_images else "lab: down (the base images stay; `lab down --images` removes them)")


def _status(settings: Settings, client: docker.DockerClient) -> int:
    running = process.running(settings)
    healthy = running is not None and process.healthy(settings)
    if running is None:
        say("MiniStack: not running; start it with `make demo` or `python -m lab up`")
    else:
        health = "healthy" if healthy else "does not answer"
        say(f"MiniStack: process {running.pid}, {health}, {settings.endpoint}")
    for image in client.images.list(filters={"label": images.RECIPE_LABEL}):
        for tag in image.tags:
            # Images built on these inherit their labels.
            if tag.startswith(f"{IMAGE_PREFIX}/"):
                say(f"image: {tag}: {image.labels.get(images.CONTAINS_LABEL, '')}")
    for container in network.instances(settings, client):
        say(f"instance: {container.labels[network.INSTANCE_LABEL]} {container.status} ({container.name})")
    if healthy:
        present = ami.find(settings)
        for name in AMIS:
            say(f"AMI: {name}: {present.get(name, 'not registered')}")
    return 0 if healthy else NOT_RUNNING


def _patches(as_json: bool) -> None:
    patches = conformance.registry()
    if as_json:
        print(
            json.dumps(
                [
                    {"name": each.name, "service": each.service, "behaviour": each.behaviour}
                    for each in patches
                ]
            )
        )
        return
    say("| service | patch | what AWS does |\n|---|---|---|")
    for each in patches:
        say(f"| {each.service} | `{each.name}` | {each.behaviour} |")
