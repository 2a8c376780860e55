"""An unchanged deploy.yml on ECS, everything in place: how long does it take to see that?

    python -m bench.ecs_unchanged --of 3 --runs 5

Slipway as it is, the same playbooks with each task in a process of its own, one after the other, and one
boto3 process that only reads the same resources.
"""

import json
import subprocess
import sys
from collections.abc import Sequence

from bench.environments import (
    PLAIN,
    describe,
    ecs_environment,
    ecs_services,
    ecs_versions,
    image,
    next_version,
    unchanged,
)
from bench.harness import Benchmark, Contender, Sizes, Target, main
from tests.e2e.environment import ROOT, Environment, Run

PLAINLY = "a process for each task"
BENCHMARK = Benchmark(
    name="ecs_unchanged",
    title="Unchanged deploy.yml on ECS",
    scale="services",
    sizes=(3,),
    floor="boto3, reads alone",
    targets=(Target("slipway", PLAINLY, factor=0.2), Target("slipway", "boto3, reads alone", factor=8)),
)
APP = "ecs-same"


def contenders(environment: Environment, count: int, version: str) -> list[Contender]:
    """Return all that look at so many services."""

    def seen(run: Run) -> None:
        unchanged(run)
        assert set(ecs_versions(environment).values()) == {version}

    def read() -> str:
        command = [sys.executable, "-m", "bench.floors.ecs_unchanged", environment.stack, APP]
        return subprocess.check_output(command, text=True, cwd=ROOT)

    def all_read(answer: str) -> None:
        found = json.loads(answer)
        assert all(found.values()), found
        assert (found["services"], found["task definitions"], found["target groups"]) == (count,) * 3, found

    return [
        Contender("slipway", environment.deploy, seen),
        Contender(PLAINLY, lambda: environment.deploy(**PLAIN), seen),
        Contender("boto3, reads alone", read, all_read),
    ]


def sizes(counts: Sequence[int]) -> Sizes:
    """Yield the contenders for each number of services, in one environment that grows."""
    with ecs_environment(APP) as environment:
        for count in counts:
            version = next_version()
            names = [f"s{number}" for number in range(1, count + 1)]
            describe(environment, app_services=ecs_services(dict.fromkeys(names, image(version))))
            environment.deploy().succeeded()
            yield count, contenders(environment, count, version)


if __name__ == "__main__":
    sys.exit(main(BENCHMARK, sizes, __doc__))
