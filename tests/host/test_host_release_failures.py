"""A release that fails says why, leaves the old containers serving and nothing of its own behind."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.docker_api import Engine
from plugins.module_utils.host_effects import Host
from plugins.module_utils.host_health import Candidate, HealthWatch
from plugins.module_utils.host_plan import HealthCheck, Kernel, Wanted, candidate, render
from plugins.module_utils.release_failure import Failure, ReleaseFailure
from plugins.module_utils.traefik import Proxy
from tests.host.release_lab import IMPATIENT, TRAEFIK, Application, web
from tests.ports import free_port
from tests.probe import Probe

ROOT = Path(__file__).parents[2]
SECRETS = {"web": {"TOKEN": "a-token-nobody-may-see"}}


def fails(application: Application, *containers: Wanted, **changes: Any) -> Failure:
    """Release, expect the failure, and see that the message says it and no secret."""
    with pytest.raises(ReleaseFailure) as caught:
        application.release(*containers, **changes)
    failure = caught.value.failure
    message = failure.message()
    assert f"({failure.cause})" in message
    assert "What to do: " in message
    assert "a-token-nobody-may-see" not in message + json.dumps(
        [failure.as_dict(), application.host.timeline]
    )
    return failure


def never_healthy() -> HealthCheck:
    return HealthCheck(
        command=["node", "-e", "console.log('no primary'); process.exit(2)"],
        interval=0.5,
        retries=2,
        start_period=0,
    )


def silent() -> HealthCheck:
    return HealthCheck(path="/health?ms=9000", interval=0.2, timeout=0.5, retries=2, start_period=1)


SICK = web("1", environment={"SICK": "yes"}, health_check=IMPATIENT)
CAUSES = {
    "start_crash": (web("1", environment={"CRASH": "yes"}), "Error: cannot reach the database with (secret)"),
    "out_of_memory": (web("1", environment={"EAT": "yes"}), "memory limit of 96 MiB"),
    "health_check": (SICK, "HTTP 503 the database is away"),
    "timeout": (web("1", health_check=silent()), "no answer within 0.5 s"),
    "start_refused": (web("1", command=["/not/there"]), "No such file or directory"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_bad_version_is_named_and_the_old_one_serves_on(application: Application, cause: str) -> None:
    bad, sign = CAUSES[cause]
    application.release(web("0"), web("0", service="other"), secrets=SECRETS)
    before = application.containers()
    with Probe([application.url], slow=[f"{application.url}/?ms=300"], clients=2) as clients:
        failure = fails(application, bad, web("1", service="other"), secrets=SECRETS)
    assert failure.cause == cause, failure
    assert sign in failure.message()
    assert failure.service == "web"
    assert f"{application.name}-web-test-1" in failure.serving
    assert application.containers() == before
    assert clients.result.failed == 0, clients.result
    assert set(clients.result.versions) == {"0"}
    assert not application.release(web("0"), web("0", service="other"), secrets=SECRETS).changed


def test_what_was_seen_of_a_sick_version_is_told_in_order(application: Application) -> None:
    fails(application, SICK, secrets=SECRETS)
    seen = [each["detail"].partition(": ")[2] for each in application.host.timeline]
    assert seen[0] == "starts"
    assert seen[-1] == "HTTP 503 the database is away"
    assert len(seen) == len(set(seen)), "what does not change is told once"
    moments = [each["seconds"] for each in application.host.timeline]
    assert moments == sorted(moments)


def test_a_failing_command_says_what_it_said(application: Application) -> None:
    failure = fails(application, web(health_check=never_healthy()))
    assert failure.cause == "health_check"
    assert "exit code 2: no primary" in failure.message()
    assert failure.serving == "nothing, as before."
    assert application.containers() == {}


def test_a_refused_connection_is_told(application: Application) -> None:
    failure = fails(application, web(environment={"PORT": "9000"}, health_check=IMPATIENT))
    assert failure.cause == "health_check"
    assert "connection refused" in failure.message()


def test_exit_code_and_log_of_a_crash_are_told(application: Application) -> None:
    failure = fails(application, web(environment={"CRASH": "yes"}), secrets=SECRETS)
    assert failure.exit_code == 3
    assert failure.log == ["Error: cannot reach the database with (secret)"]


def test_the_dependency_is_blamed(application: Application) -> None:
    """The store runs, and says itself that it is unhealthy; whoever needs it cannot become healthy either."""
    falls_ill = int(time.time() * 1000) + 15_000
    command = ["node", "-e", f"process.exit(Date.now() > {falls_ill} ? 1 : 0)"]
    check = HealthCheck(command=command, interval=0.5, timeout=5, retries=1, start_period=0)
    store = web(service="store", health_check=check)
    application.release(store)
    while application.container("store")["State"]["Health"]["Status"] != "unhealthy":
        time.sleep(0.5)
    health = HealthWatch(application.engine, Host(), application.name, 120, [])
    needy = web(environment={"CRASH": "yes"}, depends_on=["store"])
    name = f"{application.name}-needy"
    payload = render(application.name, "test", needy, {}, Kernel.of(application.engine.info()))
    application.engine.create_container(name, candidate(payload))
    application.engine.start_container(name)
    with pytest.raises(ReleaseFailure) as caught:
        health.await_healthy([Candidate(needy, name, Host().now())])
    assert caught.value.failure.cause == "dependency_unhealthy"
    assert "store, whose container" in caught.value.failure.message()


def foreign_image(name: str) -> bytes:
    """Return an archive for `docker load`: an image for a processor that this machine has not."""
    layer = archive({"program": b"\x7fELF\x02\x01\x01" + bytes(57)})
    config = {
        "architecture": "riscv64",
        "os": "linux",
        "config": {"Cmd": ["/program"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    return archive(
        {
            "layer.tar": layer,
            "config.json": json.dumps(config).encode(),
            "manifest.json": json.dumps(manifest).encode(),
        }
    )


def archive(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def test_a_program_for_another_machine_is_told(application: Application) -> None:
    name = f"{application.name}:foreign"
    subprocess.run(["docker", "load"], input=foreign_image(name), check=True, capture_output=True)
    try:
        failure = fails(application, replace(web(), image=name))
    finally:
        application.engine.remove_image(name)
    assert failure.cause == "architecture"
    assert "The image is for riscv64" in failure.message()


class _Registry(http.server.BaseHTTPRequestHandler):
    """A registry that knows no image, and lets nobody in to one repository."""

    def do_GET(self) -> None:
        if self.path == "/v2/":
            status, code = 200, ""
        elif "private" in self.path:
            status, code = 403, "DENIED"
        else:
            status, code = 404, "MANIFEST_UNKNOWN"
        body = json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def registry() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("repository", "cause"),
    [("public/gone:1", "image_not_found"), ("private/app:1", "pull_denied")],
)
def test_an_image_that_cannot_be_pulled(application: Application, repository: str, cause: str) -> None:
    application.release(web())
    before = application.containers()
    with registry() as host:
        login = {host: {"username": "somebody", "password": "a-token-nobody-may-see"}}
        wanted = replace(web(), image=f"{host}/{repository}")
        failure = fails(application, wanted, registry_auth=login)
    assert failure.cause == cause, failure
    assert failure.service == "web"
    assert application.containers() == before


def test_a_registry_that_is_not_there(application: Application) -> None:
    failure = fails(application, replace(web(), image=f"127.0.0.1:{free_port()}/app:1"))
    assert failure.cause == "registry_unreachable"


def test_a_port_held_by_a_process_is_told_before_anything_is_changed(application: Application) -> None:
    with socket.create_server(("127.0.0.1", application.port)):
        failure = fails(application, web())
    assert failure.cause == "port_in_use"
    assert f"(pid {os.getpid()})" in failure.message()
    assert application.engine.network(application.name) is None


def test_a_port_held_by_a_container_is_told(application: Application, tmp_path: Path) -> None:
    application.release(web())
    other = Application(tmp_path / "other", port=application.port)
    failure = fails(other, web())
    assert f"{application.name}-proxy" in failure.message()


def test_an_engine_that_does_not_answer(application: Application) -> None:
    silent_engine = Application(application.directory, engine=Engine("/run/no-docker-here.sock"))
    failure = fails(silent_engine, web())
    assert failure.cause == "docker_unavailable"
    assert "/run/no-docker-here.sock" in failure.message()


def test_a_proxy_that_does_not_start_gives_way_to_the_old_one(application: Application) -> None:
    application.release(web("0"))
    proxy = Proxy(TRAEFIK, application.port, arguments=["--no.such.option=true"])
    failure = fails(application, web("1"), proxy=proxy)
    assert failure.cause == "proxy"
    assert "field not found" in failure.message()
    assert application.get()["version"] == "0"


def test_what_a_killed_run_left_is_removed_by_the_next(application: Application) -> None:
    application.release(web("0"))
    old = application.container()["Id"]
    code = (
        "import sys; from pathlib import Path; from tests.host.release_lab import Application, web;"
        "a = Application(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]));"
        "a.release(web('1', environment={'START_DELAY': '60000'}))"
    )
    arguments = [str(application.directory), application.name, str(application.port)]
    with subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT) as run:
        deadline = time.monotonic() + 30
        while len(application.containers()) < 2:
            assert time.monotonic() < deadline, "the run starts no container"
            time.sleep(0.1)
        run.send_signal(signal.SIGKILL)
    assert application.get()["version"] == "0"
    outcome = application.release(web("0"))
    # The proxy had been told of the new container, where nobody but a release asks for it.
    assert [action.split()[0] for action in outcome.actions] == ["remove", "switch"]
    assert list(application.containers().values()) == [old]
    assert not application.release(web("0")).changed


def single(version: str, **changes: Any) -> Wanted:
    environment = {"DATA": "/data", **changes.pop("environment", {})}
    volumes = [{"name": "data", "path": "/data"}]
    return web(version, singleton=True, volumes=volumes, user="0", environment=environment, **changes)


def test_a_singleton_never_runs_twice(application: Application) -> None:
    """The application refuses to start on a volume where another one runs."""
    application.release(single("0"))
    application.release(single("1"))
    assert application.get()["version"] == "1"
    assert len(application.containers()) == 1


def test_a_singleton_comes_back_when_its_successor_fails(application: Application) -> None:
    application.release(single("0"))
    old = application.container()["Id"]
    failure = fails(application, single("1", environment={"SICK": "yes"}, health_check=IMPATIENT))
    assert failure.cause == "health_check"
    assert application.container()["Id"] == old
    time.sleep(1)
    assert application.get()["version"] == "0"
