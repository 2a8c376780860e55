"""The folders that are EFS file systems in the lab; they belong to the users of containers."""

import shutil

import docker

from lab.settings import IMAGE_PREFIX, Settings

TOOLS_IMAGE = f"{IMAGE_PREFIX}/debian:bookworm"


def as_root(client: docker.DockerClient, settings: Settings, script: str) -> None:
    """Run a shell script in a container with all folders at /efs; whoever runs the lab need not be root.

    Raises docker.errors.ContainerError if the script fails.
    """
    settings.file_systems.mkdir(parents=True, exist_ok=True)
    client.containers.run(
        TOOLS_IMAGE,
        ["sh", "-c", script],
        volumes=[f"{settings.file_systems}:/efs"],
        network_mode="none",
        remove=True,
    )


def remove(settings: Settings, client: docker.DockerClient) -> None:
    """Remove every file system."""
    if not settings.file_systems.exists():
        return
    shutil.rmtree(settings.file_systems, ignore_errors=True)
    if settings.file_systems.exists():
        as_root(client, settings, "rm -rf /efs/*")
        settings.file_systems.rmdir()
