"""The probe sees what it must see, against a real server in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.ports import free_port
from tests.probe import Probe

SERVER = """
import http.server, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served = 0
    def do_GET(self):
        mode = sys.argv[2]
        if "slow" in self.path:
            time.sleep(0.3)
        body = b'{"version": "one"}'
        self.send_response(503 if mode == "sick" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.served += 1
        if mode == "polite" and self.served % 3 == 0:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        if mode == "rude" and self.served % 3 == 0:
            self.close_connection = True
    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def accepts(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def server(mode: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    with subprocess.Popen([sys.executable, "-c", SERVER, str(port), mode]) as process:
        deadline = time.monotonic() + 10
        while not accepts(port):
            assert time.monotonic() < deadline, "the server does not listen"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", process
        process.kill()


def run(url: str, seconds: float = 1.5) -> Probe:
    with Probe([url], slow=[f"{url}/slow"], clients=4) as probe:
        time.sleep(seconds)
    return probe


def test_an_undisturbed_server_loses_nothing() -> None:
    with server("steady") as (url, _):
        result = run(url).result
    assert result.failed == 0, result
    assert result.requests > 20
    assert result.slow_requests * 5 > result.requests
    assert set(result.versions) == {"one"}
    assert 0.3 <= result.slowest < 1


def test_a_stopped_server_is_noticed() -> None:
    with server("steady") as (url, process), Probe([url], slow=[f"{url}/slow"], clients=4) as probe:
        time.sleep(0.7)
        process.kill()
        process.wait()
        time.sleep(0.5)
    assert probe.result.failed > 4, probe.result
    assert any("Refused" in reason or "refused" in reason for reason in probe.result.reasons)
    assert probe.result.longest_gap > 0.4


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("sick", "HTTP 503"), ("rude", "closed without notice")],
)
def test_a_bad_answer_and_a_silent_close_are_failures(mode: str, reason: str) -> None:
    with server(mode) as (url, _):
        result = run(url).result
    assert result.failed, result
    assert any(reason in seen for seen in result.reasons), result


def test_an_announced_close_is_no_failure() -> None:
    with server("polite") as (url, _):
        result = run(url).result
    assert result.failed == 0, result
    assert result.requests > 20
