"""A new version on ECS: how long does it take, for all services at once and for one of many?

    python -m bench.ecs_release --of 1 3 10 30 --runs 5

Every contender gives the same services an image that the registry has and no task has run: Slipway by
deploy.yml, for all of them and for one alone; boto3 for all at once, which is the platform's own time;
ecs-deploy, as it works, for one after the other.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence

from bench import peers
from bench.environments import (
    AWS_VARIABLES,
    describe,
    ecs_environment,
    ecs_services,
    ecs_versions,
    image,
    next_version,
    push,
)
from bench.harness import Benchmark, Contender, Sizes, Target, main
from tests.e2e.environment import ROOT, Environment, Run

PLATFORM = "boto3"
ONE = "slipway, one of them"
BENCHMARK = Benchmark(
    name="ecs_release",
    title="A new version of services on ECS",
    scale="services",
    sizes=(1, 3, 10, 30),
    floor=PLATFORM,
    targets=(
        Target("slipway", PLATFORM, plus=3, at=3, other_at=3),
        Target("slipway", "ecs-deploy", factor=0.5, at=3, other_at=3),
        Target(ONE, ONE, factor=1.3, at=30, other_at=3),
    ),
)
APP = "ecs-new"
#: Of more services, ecs-deploy would tell nothing but that it takes one after the other.
MOST_IN_TURN = 10


class Releases:
    """The services of an environment, and the versions that each contender gives them."""

    def __init__(self, environment: Environment, names: Sequence[str]) -> None:
        self.environment, self.names = environment, names
        self.reference = ""
        self.versions: dict[str, str] = {}

    def describe(self, names: Sequence[str]) -> None:
        """Describe services at a next version, whose image the registry has."""
        self.versions = {**self.versions, **dict.fromkeys(names, next_version())}
        images = {name: image(self.versions[name]) for name in self.names}
        describe(self.environment, app_services=ecs_services(images))
        self.environment.run("ansible-playbook", "playbooks/images.yml").succeeded()

    def push(self) -> None:
        """Have a next version in the registry that the inventory knows nothing of."""
        version = next_version()
        self.reference = push(image(version), APP, f"peers-{version}")
        self.versions = dict.fromkeys(self.names, version)

    def served(self, _: object = None) -> None:
        """See that each service has the version that it was given."""
        found = ecs_versions(self.environment)
        assert found == self.versions, (found, self.versions)

    def released(self, run: Run) -> None:
        """See that a run released what it was to release."""
        assert run.succeeded().changed(), run.output
        self.served()

    def by_boto3(self) -> None:
        """Give all services the image at once."""
        command = [sys.executable, "-m", "bench.floors.ecs_release", self.environment.stack, self.reference]
        subprocess.run([*command, *self.names], check=True, cwd=ROOT)

    def by_ecs_deploy(self) -> None:
        """Give one service after the other the image."""
        command = [peers.command("ecs"), "deploy", "--no-deregister", "--no-diff", self.environment.stack]
        for name in self.names:
            arguments = [*command, name, "--image", name, self.reference]
            done = subprocess.run(
                arguments, env=os.environ | AWS_VARIABLES, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr

    def contenders(self) -> list[Contender]:
        """Return all that release; the one that changes a single service follows the one that changes all."""

        def describing(names: Sequence[str]) -> Callable[[], None]:
            return lambda: self.describe(names)

        several = [
            Contender("slipway", self.environment.deploy, self.released, describing(self.names)),
            Contender(ONE, self.environment.deploy, self.released, describing(self.names[:1])),
            Contender(PLATFORM, self.by_boto3, self.served, self.push),
        ]
        in_turn = Contender("ecs-deploy", self.by_ecs_deploy, self.served, self.push)
        return [*several, in_turn] if len(self.names) <= MOST_IN_TURN else several


def sizes(counts: Sequence[int]) -> Sizes:
    """Yield the contenders for each number of services, in one environment that grows."""
    with ecs_environment(APP) as environment:
        for count in counts:
            releases = Releases(environment, [f"s{number}" for number in range(1, count + 1)])
            releases.versions = dict.fromkeys(releases.names, next_version())
            images = {name: image(version) for name, version in releases.versions.items()}
            describe(environment, app_services=ecs_services(images))
            environment.deploy().succeeded()
            yield count, releases.contenders()


if __name__ == "__main__":
    sys.exit(main(BENCHMARK, sizes, __doc__))
