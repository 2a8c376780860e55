"""Labs of the tests' own, beside whatever lab runs on this machine."""

import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import docker
import pytest

from lab import network, process
from lab.settings import Settings, from_environment
from tests.lab.cloud import Cloud

# They are no test modules, and a bare assert says nothing.
pytest.register_assert_rewrite(
    "tests.lab.checks_cloudwatch",
    "tests.lab.checks_ec2",
    "tests.lab.checks_ecs",
    "tests.lab.checks_ecs_services",
    "tests.lab.checks_elb",
    "tests.lab.checks_durability",
)

# Below the ports that the kernel gives to outgoing connections.
PORTS = iter(range(14000 + 100 * os.getpid() % 10000, 32000))


def free_port() -> int:
    for port in PORTS:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise RuntimeError("no free port")


def worker_number() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@pytest.fixture(scope="session")
def engine() -> docker.DockerClient:
    return docker.from_env(timeout=120)


@pytest.fixture(scope="session")
def settings(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A network for all labs of this test process; each worker of pytest-xdist has its own."""
    worker = worker_number()
    settings = replace(
        from_environment({}),
        directory=tmp_path_factory.mktemp("lab"),
        port=free_port(),
        network=f"slipway-lab-test-{worker}",
        subnet=IPv4Network(f"172.30.{100 + worker}.0/24"),
    )
    network.ensure(settings, engine)
    yield settings
    network.remove(settings, engine)


class Runner:
    """Starts, kills and stops the MiniStack of one lab."""

    def __init__(self, settings: Settings, engine: docker.DockerClient) -> None:
        self.settings = settings
        self.engine = engine

    def start(self) -> Cloud:
        self.settings.directory.mkdir(parents=True, exist_ok=True)
        process.ensure(self.settings)
        return Cloud(self.settings, self.engine, self)

    def restart(self) -> None:
        process.stop(self.settings)
        process.ensure(self.settings)

    def kill(self) -> None:
        """End the process as a crash would, and start it again."""
        found = process.running(self.settings)
        assert found is not None
        os.kill(found.pid, signal.SIGKILL)
        while process.born(found.pid) == found.born:
            pass
        process.ensure(self.settings)

    def stop(self) -> None:
        process.stop(self.settings)
        for container in network.containers(self.settings, self.engine):
            container.remove(force=True, v=True)


@pytest.fixture(scope="session")
def cloud(settings: Settings, engine: docker.DockerClient) -> Iterator[Cloud]:
    """A lab with every patch, shared by all tests: they name what they make by `cloud.name()`."""
    runner = Runner(settings, engine)
    yield runner.start()
    runner.stop()


@pytest.fixture
def cloud_without(
    request: pytest.FixtureRequest, settings: Settings, engine: docker.DockerClient, tmp_path: Path
) -> Iterator[Cloud]:
    """A fresh lab with one patch left out."""
    without = replace(settings, directory=tmp_path / "lab", port=free_port(), without=(request.param,))
    runner = Runner(without, engine)
    yield runner.start()
    runner.stop()
