"""Builds by the docker command and by debootstrap, each with a log of its own."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import docker

from lab import machine
from lab.settings import LabError, Settings


def build_image(
    settings: Settings, image: str, context: Path, arguments: Mapping[str, str], labels: Mapping[str, str]
) -> None:
    """Build a context into an image. Raises LabError with the end of the log if that fails."""
    command = ["docker", "build", "--tag", image]
    for name, value in arguments.items():
        command += ["--build-arg", f"{name}={value}"]
    for name, value in labels.items():
        command += ["--label", f"{name}={value}"]
    _run(settings, image, [*command, str(context)])


def import_debian(
    settings: Settings, client: docker.DockerClient, image: str, labels: Mapping[str, str]
) -> None:
    """Make a minimal Debian 12 with debootstrap and import it as an image.

    Raises LabError if this is not root on a Debian-like machine, or with the end of the log.
    """
    if os.geteuid() != 0:
        raise LabError(
            "Base images from Debian packages need root (debootstrap makes a root file system).\n"
            "Run `lab up` as root once, or set SLIPWAY_LAB_BASE_IMAGES=registry where a registry answers."
        )
    if shutil.which("debootstrap") is None:
        _run(settings, "apt-update", ["apt-get", "update", "--quiet"])
        _run(settings, "apt-debootstrap", ["apt-get", "install", "--quiet", "--yes", "debootstrap"])
    root = settings.build / "rootfs"
    mirror = machine.mirror(machine.apt_files())
    bootstrap = [
        "debootstrap",
        "--variant=minbase",
        "--include=ca-certificates",
        "bookworm",
        str(root),
        mirror,
    ]
    _run(settings, image, bootstrap)
    archive = settings.build / "rootfs.tar"
    # The package cache is no part of an image, and the devices are Docker's to make.
    skip = [
        "--exclude=./var/cache/apt/archives/*.deb",
        "--exclude=./var/lib/apt/lists/*",
        "--exclude=./dev/*",
    ]
    _run(
        settings,
        f"{image}-archive",
        ["tar", "--create", "--numeric-owner", *skip, "--file", str(archive), "--directory", str(root), "."],
    )
    shutil.rmtree(root)
    changes = [f'LABEL {name}="{value}"' for name, value in labels.items()]
    repository, tag = image.split(":")
    client.api.import_image(str(archive), repository=repository, tag=tag, changes=[*changes, 'CMD ["bash"]'])
    archive.unlink()


def _run(settings: Settings, title: str, command: Sequence[str]) -> None:
    log = settings.logs / f"{title.replace('/', '-').replace(':', '-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise LabError(f"{title}: `{command[0]} {command[1]}` failed ({done.returncode}). Log: {log}\n{end}")
