"""An unchanged deploy.yml on hosts: how long does it take to see that, and how much memory?

    python -m bench.hosts_unchanged --hosts 1 10 40 --runs 5

pyinfra brings the same hosts to the same end state (bench/pyinfra_hosts.py): files of the same names and
contents, the same packages and services, and two containers of its own of the same image. Slipway, besides,
looks at the AWS account, the registry and every setting of the containers, and asks each host for the
application.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import peers
from bench.environments import (
    Hosts,
    answer,
    describe,
    environment,
    fresh_connections,
    see_room_for,
    unchanged,
)
from bench.harness import Benchmark, Contender, Sizes, Target, main
from tests.e2e.environment import ROOT, Environment, Run

BENCHMARK = Benchmark(
    name="hosts_unchanged",
    title="Unchanged deploy.yml on hosts",
    scale="hosts",
    sizes=(1, 10, 40),
    option="hosts",
    memory=True,
    targets=(
        Target("slipway", "pyinfra", factor=1.2),
        Target("slipway", "pyinfra", plus=200, figure="peak_memory_mib", at=40, other_at=40),
    ),
)
APP = "ec2-same"
#: The proxy's own image, so that each of many hosts keeps one image alone.
SERVED_BY = "slipway-lab/traefik:v3"
PORT = 8080
PING = "/ping"
#: What the roles host_baseline and docker_engine write on Debian.
FILES = (
    "/etc/ssh/sshd_config.d/00-slipway.conf",
    "/etc/sysctl.d/60-slipway.conf",
    "/etc/systemd/journald.conf.d/slipway.conf",
    "/etc/systemd/timesyncd.conf.d/slipway.conf",
    "/etc/apt/apt.conf.d/52slipway",
    "/etc/apt/apt.conf.d/52docker-engine",
    "/etc/apt/preferences.d/docker-engine",
    "/etc/docker/daemon.json",
)
PACKAGES = ("unattended-upgrades", "systemd-timesyncd", "docker.io")
SERVICES = ("docker", "ssh")
CONTAINERS = ("pyinfra-web", "pyinfra-proxy")


def services() -> dict[str, Any]:
    """Describe a service that answers and needs no image of its own."""
    return {
        "web": {
            "image": SERVED_BY,
            "command": ["--ping=true"],
            "port": PORT,
            "route": {"paths": ["/*"], "verify": PING, "priority": 100},
            "health_check": {"path": PING, "interval": 1, "timeout": 1},
            "memory": 128,
            "stop_timeout": 10,
        }
    }


def end_state(hosts: Hosts) -> dict[str, Any]:
    """Return what pyinfra is to bring about: what the first host has, by Slipway."""
    first = hosts.addresses[0]
    files = {}
    for path in FILES:
        mode, _, content = hosts.ssh(
            first, f"sudo stat --format %a {path}; sudo base64 --wrap 0 {path}"
        ).partition("\n")
        files[path] = {"mode": mode, "content": base64.b64decode(content).decode()}
    # `docker ps` would leave the digest out.
    images = "docker ps --quiet --filter label=slipway.role=proxy | xargs docker inspect --format"
    (image,) = hosts.ssh(first, f"{images} '{{{{.Config.Image}}}}'").splitlines()
    containers = {
        name: {"image": image, "command": "--ping=true", "memory": "128m", "network": "pyinfra"}
        for name in CONTAINERS
    }
    return {"files": files, "packages": PACKAGES, "services": SERVICES, "containers": containers}


class Pyinfra:
    """pyinfra, its inventory of the hosts, and the end state that it is to bring about."""

    def __init__(self, hosts: Hosts, folder: Path) -> None:
        self._hosts, self._inventory = hosts, folder / "inventory.py"
        self._state = folder / "state.json"
        self._state.write_text(json.dumps(end_state(hosts)))
        settings = {
            "ssh_user": hosts.user,
            "ssh_key": str(hosts.key),
            "ssh_known_hosts_file": os.devnull,
            "ssh_strict_host_key_checking": "no",
            "ssh_allow_agent": False,
            "ssh_look_for_keys": False,
        }
        self._inventory.write_text(f"hosts = {[(address, settings) for address in hosts.addresses]!r}\n")

    def run(self) -> dict[str, Any]:
        """Bring the end state about and return what pyinfra says of it."""
        arguments = ["--sudo", "--yes", "--json", str(self._inventory), str(ROOT / "bench/pyinfra_hosts.py")]
        done = subprocess.run(
            [peers.command("pyinfra"), *arguments],
            env={**os.environ, "BENCH_STATE": str(self._state)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        results: dict[str, Any] = json.loads(done.stdout)["results"]
        return results

    def check(self, results: dict[str, Any]) -> None:
        """See that there was nothing to change on any host, and that the containers run."""
        totals, count = results["totals"], len(self._hosts.addresses)
        steps = len(FILES) + len(SERVICES) + len(CONTAINERS) + 2
        assert (totals["success"], totals["error"]) == (0, 0), results
        assert totals["no_change"] == steps * count, totals
        running = "docker ps --filter name=^pyinfra- --format '{{.Names}}' | sort"
        for address, names in self._hosts.everywhere(running).items():
            assert names.split() == sorted(CONTAINERS), (address, names)


def contenders(environment: Environment, folder: Path, count: int) -> list[Contender]:
    """Return both, once what each looks after is in place."""
    hosts = Hosts(environment)
    assert len(hosts.addresses) == count, hosts.addresses
    pyinfra = Pyinfra(hosts, folder)
    pyinfra.run()

    def seen(run: Run) -> None:
        unchanged(run)
        for address in hosts.addresses:
            # Of a host that is passed over the run says no more than where its application answers.
            assert f"http://{address}" in run.output, run.output
            assert answer(f"http://{address}{PING}") == "OK", address

    return [
        Contender("slipway", lambda: environment.deploy(**fresh_connections(environment)), seen),
        Contender("pyinfra", pyinfra.run, pyinfra.check),
    ]


def sizes(counts: Sequence[int]) -> Sizes:
    """Yield the contenders for each number of hosts, in one environment that grows."""
    see_room_for(max(counts))
    with (
        tempfile.TemporaryDirectory() as folder,
        environment(APP, deploy_target="ec2", load_balancer_enabled=False, release_batch="100%") as made,
    ):
        for count in counts:
            describe(made, app_services=services(), ec2_hosts_count=count)
            made.deploy().succeeded()
            yield count, contenders(made, Path(folder), count)


if __name__ == "__main__":
    sys.exit(main(BENCHMARK, sizes, __doc__))
