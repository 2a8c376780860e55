"""What the tests of host_release share: an application of their own on this machine's Docker Engine."""

from __future__ import annotations

import functools
import json
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from plugins.module_utils import host_absent
from plugins.module_utils.docker_api import Engine
from plugins.module_utils.host_converge import Outcome, Release
from plugins.module_utils.host_effects import Host
from plugins.module_utils.host_plan import HealthCheck, Wanted
from plugins.module_utils.host_survey import Desired
from plugins.module_utils.traefik import Proxy, Route
from tests.ports import free_port

IMAGE = "slipway-test/host-release"
TRAEFIK = "slipway-lab/traefik:v3"
APP = Path(__file__).parent / "app"
HTTP_OK = 200
CHECK = HealthCheck(path="/health", interval=0.5, timeout=1, retries=2, start_period=30)
#: For what will never be healthy, so that nobody waits for long.
IMPATIENT = replace(CHECK, start_period=3)


@functools.cache
def image(version: str) -> str:
    """Build the application's image of a version and return its name."""
    name = f"{IMAGE}:{version}"
    subprocess.run(
        ["docker", "build", "-q", "-t", name, "--build-arg", f"VERSION={version}", str(APP)],
        check=True,
        capture_output=True,
    )
    return name


def web(version: str = "1", *, service: str = "web", **changes: Any) -> Wanted:
    """Describe one service of the application."""
    base = Wanted(service, image(version), port=8000, memory=96, health_check=CHECK, stop_timeout=5)
    environment = {"NAME": service, **changes.pop("environment", {})}
    return replace(base, environment=environment, **changes)


@dataclass
class Application:
    """One application with names and ports of its own."""

    directory: Path
    name: str = field(default_factory=lambda: f"host-release-{uuid.uuid4().hex[:6]}")
    port: int = field(default_factory=free_port)
    engine: Engine = field(default_factory=Engine)
    host: Host = field(default_factory=Host)

    def desired(self, *containers: Wanted, **changes: Any) -> Desired:
        """Describe a release in which the first service has all routes and the others /<service>/*."""
        routes = [
            Route(one.service, ["/*"] if not number else [f"/{one.service}/*"], priority=100 - number)
            for number, one in enumerate(containers)
        ]
        base = Desired(self.name, "test", containers, routes, Proxy(TRAEFIK, self.port))
        # All tests share one repository, so none may tidy it.
        base = replace(base, config_dir=str(self.directory), keep_images=100)
        return replace(base, **changes)

    def release(self, *containers: Wanted, check_mode: bool = False, **changes: Any) -> Outcome:
        """Make a release, as the module does."""
        self.host = Host()
        return Release(self.engine, self.host, self.desired(*containers, **changes), check_mode).run()

    def absent(self, *, volumes: bool = True, check_mode: bool = False) -> Outcome:
        """Remove the application."""
        directory = str(self.directory)
        return host_absent.remove(
            self.engine, Host(), self.name, directory, volumes=volumes, check_mode=check_mode
        )

    @property
    def url(self) -> str:
        """The application's address on this machine."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str = "/") -> Mapping[str, str]:
        """Ask the application through its proxy."""
        answer = Host().get("127.0.0.1", self.port, path, "localhost", 15)
        assert answer.status == HTTP_OK, answer
        told: Mapping[str, str] = json.loads(answer.detail)
        return told

    def containers(self, service: str = "") -> dict[str, str]:
        """Return the names and ids of the containers, of one service or of all, running or not."""
        labels = [f"slipway.app={self.name}", "slipway.role=service"]
        labels += [f"slipway.service={service}"] if service else []
        return {entry["Names"][0].lstrip("/"): str(entry["Id"]) for entry in self.engine.containers(*labels)}

    def container(self, service: str = "web") -> dict[str, Any]:
        """Inspect the only container of a service."""
        (identifier,) = self.containers(service).values()
        return self.engine.container(identifier)
