"""The Engine's client, against a socket that answers as an Engine does."""

from __future__ import annotations

import base64
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from plugins.module_utils import docker_api
from plugins.module_utils.docker_api import DockerError, Engine

PROGRESS = [{"status": "Pulling"}, {"status": "Done"}]
REFUSED = [
    {"status": "Pulling"},
    {"error": "manifest unknown", "errorDetail": {"message": "manifest unknown"}},
]


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    version = "1.41"
    seen: list[tuple[str, str, str]]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def address_string(self) -> str:
        return "socket"

    def do_GET(self) -> None:
        self.server.seen.append((self.command, self.path, self.headers.get("X-Registry-Auth", "")))
        if self.path == "/_ping":
            self._answer(200, b"OK")
        elif "/containers/json" in self.path:
            self._answer(200, b'[{"Id": "1", "Labels": {"a": "b"}}, {"Id": "2", "Labels": null}]')
        elif "/containers/gone/" in self.path:
            self._answer(404, b'{"message": "No such container: gone"}')
        elif "/images/gone/" in self.path:
            self._answer(404, b'{"message": "No such image: gone"}')
        elif "/images/create" in self.path:
            events = REFUSED if "refused" in self.path else PROGRESS
            self._answer(200, b"\r\n".join(json.dumps(event).encode() for event in events))
        elif "/logs" in self.path:
            self._answer(200, b"\x01\0\0\0\0\0\0\x04one\n" + b"\x02\0\0\0\0\0\0\x04two\n")
        else:
            self._answer(200, b"{}")

    do_POST = do_DELETE = do_GET

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Api-Version", self.server.version)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[_Server]:
    with _Server(str(tmp_path / "docker.sock"), _Handler) as server:
        server.seen = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def engine(server: _Server) -> Engine:
    return Engine(str(server.server_address))


@pytest.mark.parametrize(("offered", "used"), [("1.41", "v1.41"), ("1.52", "v1.44")])
def test_the_older_version_is_used_and_asked_for_once(server: _Server, offered: str, used: str) -> None:
    server.version = offered
    client = engine(server)
    client.info()
    client.info()
    assert [path for _, path, _ in server.seen] == ["/_ping", f"/{used}/info", f"/{used}/info"]


def test_an_error_carries_status_and_message(server: _Server) -> None:
    with pytest.raises(DockerError) as caught:
        engine(server).container("gone")
    assert (caught.value.status, caught.value.message) == (404, "No such container: gone")


def test_what_is_absent_is_none_or_no_error(server: _Server) -> None:
    assert engine(server).image("gone") is None
    engine(server).remove_container("gone")


def test_a_container_that_is_being_removed_is_listed_without_labels(server: _Server) -> None:
    assert [container["Labels"] for container in engine(server).containers()] == [{"a": "b"}, {}]


def test_no_engine_is_status_zero(tmp_path: Path) -> None:
    with pytest.raises(DockerError, match=str(tmp_path)) as caught:
        Engine(str(tmp_path / "none.sock")).info()
    assert caught.value.status == 0


def test_a_pull_reports_its_progress_and_a_failure_within_it(server: _Server) -> None:
    told: list[str] = []
    login = docker_api.registry_header("registry.example", "me", "secret")
    engine(server).pull("registry.example/a/b@sha256:abc", login, told.append)
    method, path, auth = server.seen[-1]
    assert (method, path) == (
        "POST",
        "/v1.41/images/create?fromImage=registry.example%2Fa%2Fb&tag=sha256%3Aabc",
    )
    assert json.loads(base64.urlsafe_b64decode(auth)) == {
        "username": "me",
        "password": "secret",
        "serveraddress": "registry.example",
    }
    assert told == ["Pulling", "Done"]
    with pytest.raises(DockerError, match="manifest unknown"):
        engine(server).pull("registry.example/refused")


def test_both_streams_of_a_log_are_read(server: _Server) -> None:
    assert engine(server).logs("web", 5) == "one\ntwo\n"


@pytest.mark.parametrize(
    ("reference", "parts", "registry"),
    [
        ("nginx", ("nginx", "latest"), "docker.io"),
        ("library/nginx:1", ("library/nginx", "1"), "docker.io"),
        ("localhost:5000/a/b:2", ("localhost:5000/a/b", "2"), "localhost:5000"),
        ("localhost/a", ("localhost/a", "latest"), "localhost"),
        ("r.example/a:1@sha256:ff", ("r.example/a", "sha256:ff"), "r.example"),
    ],
)
def test_references_are_read(reference: str, parts: tuple[str, str], registry: str) -> None:
    assert docker_api.split_reference(reference) == parts
    assert docker_api.registry_of(reference) == registry
