"""The probe beside a release, as a playbook runs it."""

import contextlib
import http.server
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.module_utils.processes import Process

ROOT = Path(__file__).resolve().parents[2]
FAILS_EVERY = 5


class Shop(http.server.BaseHTTPRequestHandler):
    """Answers with its version, and for /bad every fifth time with an error."""

    protocol_version = "HTTP/1.1"
    asked = 0

    def do_GET(self) -> None:
        """Answer."""
        Shop.asked += 1
        body = b"<h1>Shop</h1>"
        self.send_response(503 if self.path == "/bad" and Shop.asked % FAILS_EVERY == 0 else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Version", "7")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def command(folder: Path, tasks: list[dict[str, Any]]) -> list[str]:
    playbook = folder / "play.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    return [
        str(ROOT / ".venv/bin/ansible-playbook"),
        "--inventory=localhost,",
        "--connection=local",
        "--extra-vars=ansible_python_interpreter={{ ansible_playbook_python }}",
        str(playbook),
    ]


ENVIRONMENT = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "true"}


def begin(url: str) -> dict[str, Any]:
    questions = [{"service": "web", "url": url}]
    return {
        "slipway.core.release_probe": {"state": "begun", "questions": questions},
        "register": "asking",
    }


def end(**more: Any) -> dict[str, Any]:
    arguments = {"state": "ended", "probe": "{{ asking.probe }}", **more}
    return {"slipway.core.release_probe": arguments, "register": "seen", "ignore_errors": True}


def kept(path: Path) -> dict[str, Any]:
    """Keep what the last task returned."""
    content = {"content": "{{ seen | to_json }}", "dest": str(path)}
    return {"ansible.builtin.copy": content}


@pytest.mark.parametrize(("page", "budget", "good"), [("/", 0, True), ("/bad", 0, False), ("/bad", 50, True)])
def test_more_failed_requests_than_may_are_a_failure_with_what_was_seen(
    url: str, tmp_path: Path, page: str, budget: float, good: bool
) -> None:
    said = tmp_path / "said.json"
    pause = {"ansible.builtin.wait_for": {"timeout": 1}}
    tasks = [begin(url + page), pause, end(error_budget=budget), kept(said)]
    subprocess.run(command(tmp_path, tasks), env=ENVIRONMENT, cwd=ROOT, check=True, capture_output=True)
    seen = json.loads(said.read_text())
    measured = seen["measured"]
    assert measured["requests"] > FAILS_EVERY
    assert set(measured["versions"]) == {"7"}
    assert set(measured["reasons"]) == ({"HTTP 503"} if page == "/bad" else set())
    assert seen["failed"] is not good
    if not good:
        assert seen["failure"]["cause"] == "over_error_budget"
        assert "times HTTP 503" in seen["failure"]["evidence"][0]


def test_what_is_down_before_is_not_asked(url: str, tmp_path: Path) -> None:
    said = tmp_path / "said.json"
    asking = begin(url)
    asking["slipway.core.release_probe"]["questions"].append(
        {"service": "down", "url": "http://127.0.0.1:9/"}
    )
    keep = {"ansible.builtin.copy": {"content": "{{ asking | to_json }}", "dest": str(said)}}
    run = command(tmp_path, [asking, keep, end()])
    subprocess.run(run, env=ENVIRONMENT, cwd=ROOT, check=True, capture_output=True)
    assert "http://127.0.0.1:9/" in json.loads(said.read_text())["msg"]


def test_a_plan_asks_nothing(url: str, tmp_path: Path) -> None:
    Shop.asked = 0
    run = [*command(tmp_path, [begin(url)]), "--check"]
    subprocess.run(run, env=ENVIRONMENT, cwd=ROOT, check=True, capture_output=True)
    assert Shop.asked == 0


def test_the_clients_end_with_a_run_that_is_killed(url: str, tmp_path: Path) -> None:
    Shop.asked = 0
    number = tmp_path / "pid"
    write = {"ansible.builtin.copy": {"content": "{{ asking.probe.pid }}", "dest": str(number)}}
    wait = {"ansible.builtin.command": {"argv": ["sleep", "60"]}}
    run = subprocess.Popen(
        command(tmp_path, [begin(url), write, wait]), env=ENVIRONMENT, cwd=ROOT, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not number.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    clients = Process(int(number.read_text()))
    assert not clients.ended()
    run.kill()
    run.wait()
    try:
        assert clients.ended(within=30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
