"""What is told of an application on a host, and the program that looks at a host."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils import host_state
from plugins.module_utils.docker_api import DockerError
from plugins.plugin_utils import host_program

CONTAINER = {
    "Id": "c1",
    "Name": "/goals-web-1",
    "Image": "sha256:1",
    "State": {
        "Running": True,
        "Restarting": False,
        "Paused": False,
        "StartedAt": "2026-11-30T03:00:00Z",
        "Pid": 7,
        "Health": {"Status": "healthy", "Log": []},
    },
    "Config": {"Env": ["PASSWORD=hush"]},
    "HostConfig": {"Memory": 1, "RestartPolicy": {"Name": "unless-stopped"}},
    "NetworkSettings": {"Networks": {"goals": {"IPAddress": "127.0.0.1", "Aliases": ["web"]}}},
}


class Docker:
    """An engine with one container of the application."""

    def __init__(self) -> None:
        self.container_ = deepcopy(CONTAINER)
        self.image_: dict[str, Any] | None = {"RepoDigests": ["web@sha256:1"], "RepoTags": []}
        self.network_: dict[str, Any] | None = {"Id": "n1"}

    def containers(self, *labels: str) -> list[dict[str, Any]]:
        assert labels == ("slipway.app=goals",)
        return [{"Id": "c1"}]

    def container(self, name: str) -> dict[str, Any]:
        return self.container_

    def image(self, reference: str) -> dict[str, Any] | None:
        return self.image_

    def network(self, name: str) -> dict[str, Any] | None:
        return self.network_


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Docker:
    engine = Docker()
    monkeypatch.setattr(host_state, "Engine", lambda *given, **named: engine)
    return engine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "goals/proxy").mkdir(parents=True)
    (tmp_path / "goals/proxy/routes.yml").write_text("routes")
    return tmp_path


@pytest.fixture
def port() -> Iterator[int]:
    """A server that answers 200 to /health and 404 to all else."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def said(folder: Path, *checks: dict[str, Any]) -> str:
    return host_state.state_of("goals", str(folder), "/run/docker.sock", checks)


def check(port: int, path: str = "/health", container: str = "c1") -> dict[str, Any]:
    return {"container": container, "port": port, "path": path, "host": "web", "timeout": 2}


def changed(docker: Docker, *path: str, to: Any) -> None:
    where: Any = docker.container_
    for name in path[:-1]:
        where = where[name]
    where[path[-1]] = to


CHANGES = {
    "another container": lambda d: changed(d, "Id", to="c2"),
    "renamed": lambda d: changed(d, "Name", to="/other"),
    "stopped": lambda d: changed(d, "State", "Running", to=False),
    "paused": lambda d: changed(d, "State", "Paused", to=True),
    "started again": lambda d: changed(d, "State", "StartedAt", to="2026-11-30T04:00:00Z"),
    "unhealthy": lambda d: changed(d, "State", "Health", to={"Status": "unhealthy"}),
    "docker update": lambda d: changed(d, "HostConfig", "Memory", to=2),
    "another network": lambda d: changed(d, "NetworkSettings", "Networks", to={}),
    "image untagged": lambda d: setattr(d, "image_", {"RepoDigests": [], "RepoTags": []}),
    "network made anew": lambda d: setattr(d, "network_", {"Id": "n2"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_can_differ_is_told(docker: Docker, folder: Path, change: str) -> None:
    before = said(folder)
    assert before == said(folder)
    CHANGES[change](docker)
    assert said(folder) != before


def test_files_of_the_application_are_told(docker: Docker, folder: Path) -> None:
    before = said(folder)
    (folder / "goals/proxy/routes.yml").write_text("others")
    assert said(folder) != before


def test_what_passes_by_itself_is_not_told_and_no_secret_is(docker: Docker, folder: Path) -> None:
    before = said(folder)
    changed(docker, "State", "Health", "Log", to=["checked"])
    assert said(folder) == before
    assert "hush" not in before


def test_what_does_not_answer_any_more_is_told(docker: Docker, folder: Path, port: int) -> None:
    assert " True" in said(folder, check(port))
    assert " False" in said(folder, check(port, "/other"))
    assert " False" in said(folder, check(port, container="gone"))
    changed(docker, "State", "Running", to=False)
    assert " False" in said(folder, check(port))


def test_an_engine_that_does_not_answer_tells_nothing(
    docker: Docker, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: str) -> None:
        raise DockerError(0, "no answer")

    monkeypatch.setattr(docker, "containers", silent)
    assert said(folder) == ""


def test_the_program_needs_nothing_but_python(tmp_path: Path) -> None:
    """It is run as on a host: alone, without any path of this project."""
    program = host_program.program(
        "host_look",
        "look",
        ports=[80],
        docker_socket=str(tmp_path / "no.sock"),
        script="echo 'it''s here'; exit 0",
        application={
            "app": "goals",
            "config_dir": str(tmp_path),
            "docker_socket": str(tmp_path / "no.sock"),
            "checks": [],
        },
    )
    done = subprocess.run(
        [sys.executable, "-IS", "-"], input=program, cwd="/", env={}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["facts"]["engine"] == {"installed": False, "answers": False, "error": ""}
    assert found["facts"]["disk_free"] > 0
    assert (found["answer"], found["state"]) == ("its here\n", "")


def test_a_question_that_fails_is_not_answered(tmp_path: Path) -> None:
    program = host_program.program(
        "host_look",
        "look",
        ports=[],
        docker_socket=str(tmp_path / "no.sock"),
        script="echo x; exit 3",
        application=None,
    )
    done = subprocess.run([sys.executable, "-IS", "-"], input=program, capture_output=True, check=True)
    assert json.loads(done.stdout)["answer"] == ""
