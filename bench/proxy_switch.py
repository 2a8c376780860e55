"""Traefik against HAProxy: how many requests does each lose when the container behind it is replaced?

    python -m bench.proxy_switch --switches 10

Both proxies run as containers in front of the same application, under the same load (tests/probe.py: eight
keep-alive clients without retry, a quarter of the requests 300 ms long), and every switch is the same:
start the new container, see it answer, switch, wait until the old one has no connection, stop it.
Traefik is configured by what the host_release module itself uses; HAProxy is Debian's package, told by its
runtime socket (new server ready, old server drain). Writes bench/results/proxy_switch.json.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from plugins.module_utils import host_proxy, host_retire, traefik
from plugins.module_utils.docker_api import Engine
from plugins.module_utils.host_effects import Host
from plugins.module_utils.host_plan import Found, Kernel
from tests.host.release_lab import TRAEFIK, image
from tests.ports import free_port
from tests.probe import Probe

NETWORK = "bench-proxy-switch"
HAPROXY_IMAGE = "slipway-bench/haproxy"
HAPROXY_DOCKERFILE = """\
FROM slipway-lab/debian:bookworm
RUN install-packages haproxy
"""
HAPROXY_CONFIGURATION = """\
global
    stats socket /run/bench/haproxy.sock mode 666 level admin
defaults
    mode http
    timeout connect 5s
    timeout client 180s
    timeout server 60s
    timeout http-keep-alive 180s
frontend web
    bind :80
    default_backend app
backend app
    server a 127.0.0.1:8000 disabled
    server b 127.0.0.1:8000 disabled
"""
RESULTS = Path(__file__).parent / "results" / "proxy_switch.json"
READY_TIMEOUT = 30.0
DRAIN_TIMEOUT = 30.0
BREATH = 1.0


class Proxy(ABC):
    """A proxy container in front of one application container at a time."""

    name: str

    def __init__(self, engine: Engine, directory: Path, port: int) -> None:
        self.engine = engine
        self.directory = directory
        self.port = port
        self.container = f"{NETWORK}-{self.name}"

    @abstractmethod
    def start(self) -> None:
        """Start it without any application behind it."""

    @abstractmethod
    def switch(self, new: Found, old: Found | None) -> None:
        """Send every new request to the new container; return when that is so."""

    def memory(self) -> float:
        """Return the resident memory of its processes in MiB."""
        output = subprocess.run(
            ["docker", "top", self.container, "-eo", "pid,rss"], check=True, capture_output=True, text=True
        ).stdout
        kibibytes = sum(int(line.split()[1]) for line in output.splitlines()[1:])
        return round(kibibytes / 1024, 1)


class Traefik(Proxy):
    """Traefik with the file provider, exactly as host_release runs it."""

    name = "traefik"

    def start(self) -> None:
        """Start it by the module's own code."""
        settings = traefik.Proxy(TRAEFIK, self.port)
        payload = host_proxy.render(NETWORK, settings, str(self.directory), Kernel.of(self.engine.info()))
        self._control = host_proxy.ProxyControl(self.engine, Host(), NETWORK, str(self.directory))
        self._control.ensure(host_proxy.plan(payload, self.engine.image(TRAEFIK), [], NETWORK))
        self._settings = settings
        self.container = self._control.name

    def switch(self, new: Found, old: Found | None) -> None:
        """Write the file and see it loaded."""
        upstream = traefik.Upstream("app", 8000, [new.name], "/health")
        route = traefik.Route("app")
        self._control.load(traefik.dynamic_configuration(self._settings, [upstream], [route]))


class HAProxy(Proxy):
    """HAProxy with two slots for servers, told by its runtime socket."""

    name = "haproxy"

    def start(self) -> None:
        """Build its image from Debian's package and start it."""
        subprocess.run(
            ["docker", "build", "-q", "-t", HAPROXY_IMAGE, "-"],
            input=HAPROXY_DOCKERFILE.encode(),
            check=True,
            capture_output=True,
        )
        (self.directory / "haproxy.cfg").write_text(HAPROXY_CONFIGURATION)
        self.engine.create_container(
            self.container,
            {
                "Image": HAPROXY_IMAGE,
                "Cmd": ["haproxy", "-W", "-db", "-f", "/run/bench/haproxy.cfg"],
                "ExposedPorts": {"80/tcp": {}},
                "HostConfig": {
                    "NetworkMode": NETWORK,
                    "Binds": [f"{self.directory}:/run/bench"],
                    "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": str(self.port)}]},
                },
            },
        )
        self.engine.start_container(self.container)
        deadline = time.monotonic() + READY_TIMEOUT
        while not (self.directory / "haproxy.sock").exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"HAProxy does not start: {self.engine.logs(self.container, 10)}")
            time.sleep(0.1)
        self._slots = {"a": "", "b": ""}

    def switch(self, new: Found, old: Found | None) -> None:
        """Put the new container into the free slot, make it ready, and drain the other."""
        free, used = ("b", "a") if old and self._slots["a"] == old.id else ("a", "b")
        self._tell(f"set server app/{free} addr {new.address(NETWORK)} port 8000")
        self._tell(f"set server app/{free} state ready")
        self._slots[free] = new.id
        if old:
            self._tell(f"set server app/{used} state drain")

    def _tell(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.directory / "haproxy.sock"))
            client.sendall(f"{command}\n".encode())
            answer = b""
            while part := client.recv(4096):
                answer += part
        return answer.decode()


def start_application(engine: Engine, name: str, version: str) -> Found:
    """Start a container of the application and wait until it answers."""
    engine.create_container(
        name,
        {
            "Image": image(version),
            "Labels": {"slipway.port": "8000"},
            "HostConfig": {"NetworkMode": NETWORK, "Init": True},
        },
    )
    engine.start_container(name)
    deadline = time.monotonic() + READY_TIMEOUT
    while True:
        container = Found(engine.container(name))
        if Host().get(container.address(NETWORK), 8000, "/health", "app", 2).ok:
            return container
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} does not answer: {engine.logs(name, 10)}")
        time.sleep(0.1)


def measure(proxy: Proxy, switches: int) -> dict[str, Any]:
    """Switch under load so many times and return what the clients saw."""
    engine = proxy.engine
    proxy.start()
    old = start_application(engine, f"{NETWORK}-0", "0")
    proxy.switch(old, None)
    url = f"http://127.0.0.1:{proxy.port}"
    drained: list[float] = []
    cut = 0
    time.sleep(BREATH)
    with Probe([f"{url}/"], slow=[f"{url}/?ms=300"]) as probe:
        time.sleep(BREATH)
        for number in range(1, switches + 1):
            new = start_application(engine, f"{NETWORK}-{number}", str(number % 2))
            proxy.switch(new, old)
            (report,) = host_retire.drain(Host(), [old], DRAIN_TIMEOUT)
            drained.append(report["seconds"])
            cut += report["connections_left"]
            engine.stop_container(old.id, 10)
            engine.remove_container(old.id)
            old = new
        time.sleep(BREATH)
        memory = proxy.memory()
    return {
        "switches": switches,
        "requests": probe.result.requests,
        "slow_requests": probe.result.slow_requests,
        "lost": probe.result.failed,
        "reasons": dict(probe.result.reasons),
        "longest_gap_s": probe.result.longest_gap,
        "slowest_s": probe.result.slowest,
        "drain_s": {"median": sorted(drained)[len(drained) // 2], "longest": max(drained)},
        "connections_cut": cut,
        "proxy_memory_mib": memory,
    }


def clean(engine: Engine) -> None:
    """Remove what this benchmark makes."""
    for container in engine.containers():
        if container["Names"][0].startswith(f"/{NETWORK}"):
            engine.remove_container(container["Id"])
    engine.remove_network(NETWORK)


def table(results: dict[str, dict[str, Any]]) -> str:
    """Render the results as a Markdown table."""
    rows = ["| | " + " | ".join(results) + " |", "|---|" + "---|" * len(results)]
    for key in next(iter(results.values())):
        rows.append(f"| {key} | " + " | ".join(json.dumps(result[key]) for result in results.values()) + " |")
    return "\n".join(rows)


def main() -> int:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--switches", type=int, default=10)
    switches = parser.parse_args().switches
    engine = Engine()
    results: dict[str, dict[str, Any]] = {}
    for kind in (Traefik, HAProxy):
        clean(engine)
        engine.create_network(NETWORK, {})
        try:
            with tempfile.TemporaryDirectory() as directory:
                Path(directory).chmod(0o755)
                results[kind.name] = measure(kind(engine, Path(directory), free_port()), switches)
        finally:
            clean(engine)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
