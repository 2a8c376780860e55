"""Security groups that are as they should be: how long does it take to see that?

    python -m bench.aws_unchanged --of 20 --runs 5

Slipway's warm processes, stock Ansible and mitogen run the same playbook, one task of amazon.aws for each
group; awscli is called once for each; boto3 asks for each from one process.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from bench import peers
from bench.environments import AWS_ENDPOINT, AWS_VARIABLES, PLAIN, unchanged
from bench.floors.aws_unchanged import PORT, name_of
from bench.harness import Benchmark, Contender, Sizes, Target, main
from tests.e2e.environment import ROOT, Run, ansible, aws

BENCHMARK = Benchmark(
    name="aws_unchanged",
    title="Unchanged security groups",
    scale="security groups",
    sizes=(20,),
    floor="boto3",
    targets=(Target("slipway", "awscli"), Target("slipway", "mitogen")),
)
INTERPRETER = "{{ lookup('ansible.builtin.env', 'SLIPWAY_PYTHON') | default(ansible_playbook_python, true) }}"
CIDR = "10.99.0.0/16"


def playbook(vpc: str, count: int) -> list[dict[str, Any]]:
    """Return a play with one task for each group."""
    connection = {"endpoint_url": AWS_ENDPOINT, "region": AWS_VARIABLES["AWS_DEFAULT_REGION"]}
    keys = {"access_key": "test", "secret_key": "any-secret-will-do"}
    tasks = [
        {
            "name": f"Make {name_of(number)}",
            "amazon.aws.ec2_security_group": {
                **connection,
                **keys,
                "name": name_of(number),
                "description": "Of a benchmark",
                "vpc_id": vpc,
                "rules": [{"proto": "tcp", "ports": [PORT], "cidr_ip": "0.0.0.0/0"}],
                "rules_egress": [{"proto": "-1", "cidr_ip": "0.0.0.0/0"}],
            },
        }
        for number in range(1, count + 1)
    ]
    return [{"name": "Make the groups", "hosts": "localhost", "gather_facts": False, "tasks": tasks}]


def play(path: Path, **environment: str) -> Run:
    """Run a playbook on this machine."""
    variables = {"ansible_connection": "local", "ansible_python_interpreter": INTERPRETER}
    arguments = ("--inventory=localhost,", f"--extra-vars={json.dumps(variables)}")
    return ansible("ansible-playbook", *arguments, str(path), **environment)


def mitogen() -> dict[str, str]:
    """Return the variables with which Ansible runs by mitogen."""
    strategies = peers.packages() / "ansible_mitogen/plugins/strategy"
    return {**PLAIN, "ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": str(strategies)}


def works(folder: Path, environment: dict[str, str]) -> bool:
    """Whether Ansible runs anything at all so."""
    path = folder / "ping.yml"
    path.write_text(
        yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [{"ping": None}]}])
    )
    run = play(path, **environment)
    if run.returncode != 0:
        print(f"mitogen is left out, because it does not run here:\n{run.output}", file=sys.stderr)
    return run.returncode == 0


@contextmanager
def vpc() -> Iterator[str]:
    """Give a VPC, which is removed with its groups."""
    ec2 = aws("ec2")
    made: str = ec2.create_vpc(CidrBlock=CIDR)["Vpc"]["VpcId"]
    try:
        yield made
    finally:
        inside = [{"Name": "vpc-id", "Values": [made]}]
        for group in ec2.describe_security_groups(Filters=inside)["SecurityGroups"]:
            if group["GroupName"] != "default":
                ec2.delete_security_group(GroupId=group["GroupId"])
        ec2.delete_vpc(VpcId=made)


def ask_awscli(vpc: str, count: int) -> list[str]:
    """Ask for each group by awscli and return the names found."""
    names = []
    for number in range(1, count + 1):
        filters = [f"Name=vpc-id,Values={vpc}", f"Name=group-name,Values={name_of(number)}"]
        command = [peers.command("aws"), "ec2", "describe-security-groups", "--output=json", "--filters"]
        said = subprocess.check_output([*command, *filters], env=os.environ | AWS_VARIABLES)
        names += [group["GroupName"] for group in json.loads(said)["SecurityGroups"]]
    return names


def ask_boto3(vpc: str, count: int) -> str:
    """Ask for all groups from one process."""
    command = [sys.executable, "-m", "bench.floors.aws_unchanged", vpc, str(count)]
    return subprocess.check_output(command, text=True, cwd=ROOT)


def contenders(folder: Path, vpc: str, count: int) -> list[Contender]:
    """Return all that can see that so many groups are as they should be."""
    path = folder / "groups.yml"
    path.write_text(yaml.safe_dump(playbook(vpc, count), sort_keys=False))
    play(path).succeeded()

    def by_ansible(name: str, environment: dict[str, str]) -> Contender:
        return Contender(name, lambda: play(path, **environment), seen)

    def seen(run: Run) -> None:
        unchanged(run)
        assert run.recap["localhost"]["ok"] == count, run.output

    def equals(wanted: Any) -> Callable[[Any], None]:
        def check(found: Any) -> None:
            assert found == wanted, found

        return check

    names = [name_of(number) for number in range(1, count + 1)]
    return [
        by_ansible("slipway", {}),
        by_ansible("stock Ansible", PLAIN),
        *([by_ansible("mitogen", mitogen())] if works(folder, mitogen()) else []),
        Contender("awscli", lambda: ask_awscli(vpc, count), equals(names)),
        Contender("boto3", lambda: ask_boto3(vpc, count), equals(f"{count}\n")),
    ]


def sizes(counts: Sequence[int]) -> Sizes:
    """Yield the contenders for each number of groups."""
    for count in counts:
        with tempfile.TemporaryDirectory() as folder, vpc() as made:
            yield count, contenders(Path(folder), made, count)


if __name__ == "__main__":
    sys.exit(main(BENCHMARK, sizes, __doc__))
