"""The Docker Engine under the lab."""

import docker

from lab.settings import LabError


def connect() -> docker.DockerClient:
    """A client of the engine that answers here. Raises LabError if none does."""
    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except docker.errors.DockerException as error:
        raise LabError(
            f"No Docker Engine answers ({error}).\n"
            "The lab's instances are containers: start the engine (`systemctl start docker`, or `dockerd &` "
            "where there is no systemd), or name another one in DOCKER_HOST."
        ) from error
    return client
