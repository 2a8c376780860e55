"""The lab's command, run as a person runs it, on a lab of the test's own."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import docker
import pytest

from lab import process
from lab.settings import AMIS, Settings, from_environment, to_environment
from tests.lab.conftest import free_port, worker_number

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    return replace(
        from_environment({}),
        directory=tmp_path / "lab",
        port=free_port(),
        network=f"slipway-lab-command-{worker_number()}",
        subnet=IPv4Network(f"172.30.{120 + worker_number()}.0/24"),
    )


@pytest.fixture
def lab(own: Settings) -> Iterator[Command]:
    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [own.python, "-m", "lab", *arguments],
            cwd=own.root,
            env={**os.environ, **to_environment(own), **more},
            capture_output=True,
            text=True,
            check=False,
        )

    yield run
    run("down")


def test_up_and_down(lab: Command, own: Settings, engine: docker.DockerClient) -> None:
    assert lab("status").returncode == 3
    first = lab("up")
    assert first.returncode == 0, first.stderr
    assert "MiniStack 1.5.33" in first.stdout
    assert "base images: " in first.stdout
    running = process.running(own)
    assert running is not None
    again = lab("up")
    assert again.returncode == 0
    assert process.running(own) == running, "a second run starts nothing"
    assert " .. " not in again.stdout, "and does nothing"
    status = lab("status").stdout
    assert [name for name in AMIS if f"AMI: {name}: ami-" not in status] == []
    addresses = {f"{address}:{own.port}" for address in ("127.0.0.1", own.gateway)}
    assert _listening(running.pid) == addresses

    gone = lab("down")
    assert gone.returncode == 0, gone.stderr
    assert process.born(running.pid) == ""
    assert engine.networks.list(names=[own.network]) == []
    assert [path.name for path in own.directory.iterdir()] == ["lock"]
    assert lab("down").returncode == 0, "nothing to do is no error"


def _listening(pid: int) -> set[str]:
    table = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    return {line.split()[3] for line in table.splitlines() if f"pid={pid}," in line}


def test_up_continues_after_an_interruption(lab: Command, own: Settings) -> None:
    begun = subprocess.Popen(
        # What a shell runs in the background ignores SIGINT, and so would this.
        ["env", "--default-signal=INT", own.python, "-m", "lab", "up"],
        cwd=own.root,
        env={**os.environ, **to_environment(own), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert begun.stdout is not None
    # It says first what it found, and has all to do yet.
    assert begun.stdout.readline().startswith("lab: MiniStack")
    begun.send_signal(signal.SIGINT)
    assert "continues where this one stopped" in begun.communicate()[1]
    assert begun.returncode == 130
    done = lab("up")
    assert done.returncode == 0, done.stderr


def test_up_clears_a_stale_pid_file(lab: Command, own: Settings) -> None:
    own.directory.mkdir()
    own.pid_file.write_text(json.dumps({"pid": os.getpid(), "born": "1", "code": "x"}))
    done = lab("up")
    assert done.returncode == 0, done.stderr
    assert "its process is gone" in done.stdout


def test_up_names_what_holds_its_port(lab: Command, own: Settings) -> None:
    with socket.create_server(("127.0.0.1", own.port)):
        done = lab("up")
    assert done.returncode == 1
    assert f"127.0.0.1:{own.port} cannot be bound" in done.stderr
    assert f"process {os.getpid()} (" in done.stderr


def test_up_keeps_off_a_network_that_is_not_its_own(
    lab: Command, own: Settings, engine: docker.DockerClient
) -> None:
    foreign = engine.networks.create(own.network)
    try:
        done = lab("up")
        assert done.returncode == 1
        assert "that the lab did not make" in done.stderr
        lab("down")
        foreign.reload()
    finally:
        foreign.remove()


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("SLIPWAY_LAB_BASE_IMAGES", "docker", "expected one of auto, registry, debian"),
        ("SLIPWAY_LAB_WITHOUT", "no_such_patch", "names no_such_patch"),
        ("DOCKER_HOST", "unix:///nowhere.sock", "No Docker Engine answers"),
    ],
)
def test_up_refuses(lab: Command, variable: str, value: str, complaint: str) -> None:
    done = lab("up", **{variable: value})
    assert done.returncode == 1
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_up_refuses_another_ministack(lab: Command, tmp_path: Path) -> None:
    metadata = tmp_path / "ministack-9.9.9.dist-info/METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: ministack\nVersion: 9.9.9\n")
    done = lab("up", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "MiniStack 9.9.9 is installed" in done.stderr
