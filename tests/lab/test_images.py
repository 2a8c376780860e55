"""The images that are built where no registry answers, used as a hardened host uses them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.lab.cloud import wait_for

HARDENED = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "tmpfs": dict.fromkeys([str(Path("/", "tmp"))], ""),
}


@pytest.fixture
def start(engine: docker.DockerClient) -> Iterator[Any]:
    containers = []

    def run(image: str, **more: Any) -> Any:
        container = engine.containers.run(image, detach=True, **{**HARDENED, **more})
        containers.append(container)
        return container

    yield run
    for container in containers:
        container.remove(force=True, v=True)


def test_nginx_serves_without_root_or_a_writable_root(start: Any) -> None:
    container = start("slipway-lab/nginx:stable", user="101")
    fetch = [
        "/bin/bash",
        "-c",
        "exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3",
    ]
    wait_for(lambda: b"nginx answers" in container.exec_run(fetch).output, "nginx answers", 30)


def test_mongo_keeps_its_data_and_stops_cleanly(start: Any) -> None:
    container = start("slipway-lab/mongo:8", user="999")
    check = ["/usr/local/bin/healthcheck"]
    wait_for(lambda: container.exec_run(check).exit_code == 0, "the database answers", 60)
    container.stop(timeout=30)
    container.reload()
    assert container.attrs["State"]["ExitCode"] == 0


def test_mongo_health_check_says_when_nothing_answers(engine: docker.DockerClient) -> None:
    check = ["/usr/local/bin/healthcheck"]
    # In place of the image's volume, which `remove` would leave.
    data = {"/data/db": ""}
    with pytest.raises(docker.errors.ContainerError, match="does not answer"):
        engine.containers.run("slipway-lab/mongo:8", check, remove=True, tmpfs=data)


def test_mongo_says_that_it_is_not_mongodb(engine: docker.DockerClient) -> None:
    labels = engine.images.get("slipway-lab/mongo:8").labels
    if labels["slipway.lab.origin"] == "debian":
        assert "SecantusDB" in labels["slipway.lab.contains"]


def test_node_has_npm_and_the_machines_certificates(start: Any) -> None:
    container = start("slipway-lab/node:24", user="1000", command=["sleep", "60"])
    assert container.exec_run(["node", "--version"]).output.startswith(b"v24.")
    assert container.exec_run(["npm", "--version"]).exit_code == 0
    assert container.exec_run(["sh", "-c", "test -s $NODE_EXTRA_CA_CERTS"]).exit_code == 0


def test_traefik_is_the_entrypoint(engine: docker.DockerClient) -> None:
    assert b"3." in engine.containers.run("slipway-lab/traefik:v3", ["version"], remove=True)
