"""The seed's second stage by the commands of its README: one host, no load balancer, port 80 to 8000."""

import urllib.request
from collections.abc import Iterator

import pytest

from tests.e2e.environment import Run, aws, example


def play(playbook: str, *arguments: str) -> Run:
    return example("02-deployed-to-ec2", playbook, *arguments)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    play("deploy.yml").succeeded()
    instances = aws("ec2").describe_instances(
        Filters=[
            {"Name": "tag:Name", "Values": ["hello-ec2-1"]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
    )["Reservations"][0]["Instances"]
    yield instances[0]["PublicIpAddress"]
    play("playbooks/destroy.yml", "-e", "destroy=hello-ec2").succeeded()


def test_port_80_of_the_host_answers(address: str) -> None:
    with urllib.request.urlopen(f"http://{address}/", timeout=10) as answer:
        assert answer.status == 200


def test_port_80_is_open_to_the_world_and_no_load_balancer_is_made(address: str) -> None:
    (group,) = aws("ec2").describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["hello-ec2-hosts"]}]
    )["SecurityGroups"]
    rules = {rule["FromPort"]: rule for rule in group["IpPermissions"]}
    assert [source["CidrIp"] for source in rules[80]["IpRanges"]] == ["0.0.0.0/0"]
    assert not [
        balancer
        for balancer in aws("elbv2").describe_load_balancers()["LoadBalancers"]
        if balancer["LoadBalancerName"].startswith("hello-ec2")
    ]


def test_a_second_run_changes_nothing(address: str) -> None:
    assert play("deploy.yml").succeeded().changed() == {}
