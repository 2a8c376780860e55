"""A new version on hosts: how long does it take on one, and on ten?

    python -m bench.hosts_release --hosts 1 10 --runs 5

The same hosts and the same application, each contender with containers of its own beside those of the others;
the image is in the registry and on no host. Slipway releases behind its proxy and health gate. Kamal has no
proxy here, since its image is in no registry that the lab reaches, and a readiness delay of 0: it sees that
the container runs. By ssh, a script on each host pulls, runs, asks until the new container is healthy, and
stops the old one.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from bench import peers
from bench.environments import (
    APP_PORT,
    PULL,
    Hosts,
    describe,
    environment,
    fresh_connections,
    image,
    next_version,
    push,
    repository,
    see_room_for,
)
from bench.harness import Benchmark, Contender, Sizes, Target, main
from tests.e2e.environment import RELEASE_ALONE, Environment, Run
from tests.faults.world import serving_at

#: As the others do, without the first host alone before them.
AT_ONCE = "slipway, all at once"
BENCHMARK = Benchmark(
    name="hosts_release",
    title="A new version on hosts",
    scale="hosts",
    sizes=(1, 10),
    option="hosts",
    floor="ssh",
    targets=(
        Target("slipway", "kamal"),
        Target(AT_ONCE, "kamal", at=10, other_at=10),
        Target("slipway", "ssh", factor=4),
    ),
)
APP = "ec2-new"
KAMAL = "ec2-new-kamal"
SSH = "ec2-new-ssh"
#: What Kamal finds its containers by, and asks of an image.
KAMAL_LABEL = f"service={KAMAL}"
SSH_LABEL = f"bench={SSH}"
CORES = os.cpu_count() or 1

RELEASE_BY_SSH = """
docker pull --quiet {image}
docker run --detach --init --label {label} --name {name} --restart unless-stopped {image}
address=$(docker inspect --format '{{{{.NetworkSettings.IPAddress}}}}' {name})
timeout 60 sh -c "until curl --fail --silent http://$address:{port}/health; do sleep 0.05; done"
docker ps --filter label={label} --format '{{{{.Names}}}}' | grep --invert-match --line-regexp {name} |
    xargs --no-run-if-empty docker stop
"""


def services(image: str) -> dict[str, object]:
    """Describe the application with an image."""
    return {
        "web": {
            "image": image,
            "port": APP_PORT,
            "route": {"paths": ["/*"], "verify": "/version", "priority": 100},
            "health_check": {"path": "/health", "interval": 1, "timeout": 1},
            # Nothing limits the others' containers; the model's own quarter of a CPU would.
            "cpu": CORES * 1024,
            "memory": 128,
            "stop_timeout": 10,
        }
    }


class Releases:
    """The hosts, and the version that a contender is to give them."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        self.environment, self.folder = environment, folder
        self.hosts = Hosts(environment)
        self.version = self.reference = ""
        # Kamal would make it together with its proxy.
        self.hosts.everywhere("docker network inspect kamal >/dev/null || docker network create kamal")

    def describe(self) -> None:
        """Describe the next version, whose image the registry has."""
        self.version = next_version()
        describe(self.environment, app_services=services(image(self.version)))
        self.environment.run("ansible-playbook", "playbooks/images.yml").succeeded()

    def by_slipway(self, *arguments: str) -> Run:
        """Release what is described, on connections of this run."""
        return self.environment.deploy(*RELEASE_ALONE, *arguments, **fresh_connections(self.environment))

    def at_once(self) -> Run:
        """Release on all hosts at once."""
        return self.by_slipway("-e", "release_first_alone=false")

    def served(self, run: Run) -> None:
        """See that the run released, and that each host serves the version through its proxy."""
        assert run.succeeded().changed(), run.output
        found = {address: serving_at(f"http://{address}").version for address in self.hosts.addresses}
        assert set(found.values()) == {self.version}, found

    def push_for_kamal(self) -> None:
        """Have the next version in the registry under the tag by which Kamal finds it."""
        self.version = next_version()
        push(image(self.version, KAMAL_LABEL), KAMAL, self.version)
        settings = {
            "service": KAMAL,
            "image": KAMAL,
            "servers": {"web": {"hosts": self.hosts.addresses, "proxy": False}},
            "registry": {"server": PULL, "username": "AWS", "password": ["KAMAL_REGISTRY_PASSWORD"]},
            "builder": {"arch": "amd64"},
            "readiness_delay": 0,
            "ssh": {
                "user": self.hosts.user,
                "keys": [str(self.hosts.key)],
                "keys_only": True,
                "config": [str(self.folder / "ssh_config")],
            },
        }
        for path, text in {
            "config/deploy.yml": yaml.safe_dump(settings),
            ".kamal/secrets": "KAMAL_REGISTRY_PASSWORD=any\n",
            "ssh_config": f"Host *\n  UserKnownHostsFile {os.devnull}\n  StrictHostKeyChecking no\n",
        }.items():
            (self.folder / path).parent.mkdir(exist_ok=True)
            (self.folder / path).write_text(text)

    def by_kamal(self) -> None:
        """Let Kamal deploy what the registry has."""
        command = [peers.command("kamal"), "deploy", "--skip-push", "--version", self.version]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def push_for_ssh(self) -> None:
        """Have the next version in the registry."""
        self.version = next_version()
        self.reference = push(image(self.version), SSH, self.version)

    def by_ssh(self) -> None:
        """Release by a script on all hosts at once."""
        name = shlex.quote(f"{SSH}-{self.version}")
        self.hosts.everywhere(
            RELEASE_BY_SSH.format(image=self.reference, label=SSH_LABEL, name=name, port=APP_PORT)
        )

    def contenders(self) -> list[Contender]:
        """Return all that release."""

        def serve(label: str) -> None:
            self.hosts.serve(label, self.version)

        several = [Contender(AT_ONCE, self.at_once, self.served, self.describe)]
        return [
            Contender("slipway", self.by_slipway, self.served, self.describe),
            *(several if len(self.hosts.addresses) > 1 else []),
            Contender("kamal", self.by_kamal, lambda _: serve(KAMAL_LABEL), self.push_for_kamal),
            Contender("ssh", self.by_ssh, lambda _: serve(SSH_LABEL), self.push_for_ssh),
        ]


def sizes(counts: Sequence[int]) -> Sizes:
    """Yield the contenders for each number of hosts, in one environment that grows."""
    see_room_for(max(counts))
    with (
        tempfile.TemporaryDirectory() as folder,
        repository(KAMAL),
        repository(SSH),
        environment(APP, deploy_target="ec2", load_balancer_enabled=False, release_batch="100%") as made,
    ):
        for count in counts:
            described = services(image(next_version()))
            describe(made, app_services=described, ec2_hosts_count=count)
            made.deploy().succeeded()
            yield count, Releases(made, Path(folder)).contenders()


if __name__ == "__main__":
    sys.exit(main(BENCHMARK, sizes, __doc__))
