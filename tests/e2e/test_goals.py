"""The main job: the sample application on two hosts behind a load balancer, by the commands of the README."""

import json
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.e2e.environment import ROOT, Environment, Run, aws

URL = "http://goals-e2e.alb.localhost:4566"


def ask(path: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
    """GET a path of the application's URL, or POST a body to it."""
    request = urllib.request.Request(
        f"http://127.0.0.1:4566{path}",
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Host": URL.removeprefix("http://"), "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, answer.read().decode()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(
        tmp_path_factory.mktemp("inventories"),
        app="goals",
        name="e2e",
        variables={
            "database": "container",
            "ec2_hosts_count": 2,
            "load_balancer_enabled": True,
            "app_url": URL,
        },
    )
    yield environment
    environment.destroy()


@pytest.fixture(scope="module")
def planned(environment: Environment) -> Run:
    return environment.deploy("--check", "--diff")


@pytest.fixture(scope="module")
def deployed(environment: Environment, planned: Run) -> Environment:
    run = environment.deploy().succeeded()
    _, _, releases = run.output.partition("Release the application on this host")
    # The first by name has the database, without which no other becomes healthy.
    assert re.findall(r"^changed: \[(\S+)\]", releases, re.MULTILINE)[0] == "goals-e2e-1"
    return environment


def test_the_plan_on_an_empty_account_runs_to_its_end_and_makes_nothing(
    environment: Environment, planned: Run
) -> None:
    planned.succeeded()
    assert planned.changed()
    for made in ("goals-e2e-1", "goals-e2e-2", "goals-e2e-hosts", "goals-e2e-lb", "backend", "frontend"):
        assert made in planned.output
    assert not (environment.addresses())
    assert not aws("ec2").describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["goals-e2e"]}])["Vpcs"]
    assert not [
        balancer
        for balancer in aws("elbv2").describe_load_balancers()["LoadBalancers"]
        if balancer["LoadBalancerName"].startswith("goals-e2e")
    ]


def test_the_url_shows_the_page_and_serves_the_api(deployed: Environment) -> None:
    status, page = ask("/")
    assert status == 200
    assert '<div id="root">' in page
    status, _ = ask("/goals", {"text": "Learn Slipway"})
    assert status == 201
    assert "Learn Slipway" in ask("/goals")[1]


def test_a_goal_survives_a_restart_of_all_containers(deployed: Environment) -> None:
    ask("/goals", {"text": "Survive a restart"})
    for service in ("mongodb", "backend", "frontend"):
        for host, containers in deployed.containers(service).items():
            if containers:
                names = " ".join(container["Name"].strip("/") for container in containers)
                deployed.on_hosts(f"docker restart {names}", host)
    deployed.run("ansible-playbook", "playbooks/verify.yml").succeeded()
    assert "Survive a restart" in ask("/goals")[1]


def test_a_second_run_changes_nothing_and_the_plan_says_so(deployed: Environment) -> None:
    assert deployed.deploy().succeeded().changed() == {}
    assert deployed.deploy("--check", "--diff").succeeded().changed() == {}


def test_containers_are_confined_and_run_by_digest(deployed: Environment) -> None:
    for service in ("frontend", "backend"):
        for host, containers in deployed.containers(service).items():
            assert len(containers) == 1, host
            (container,) = containers
            config, limits = container["Config"], container["HostConfig"]
            assert "@sha256:" in config["Image"]
            assert config["User"] not in {"", "0", "root"}
            assert limits["ReadonlyRootfs"]
            assert limits["CapDrop"] == ["ALL"]
            assert limits["Memory"] > 0
            assert limits["NanoCpus"] > 0
            assert limits["RestartPolicy"]["Name"] == "unless-stopped"
            assert "max-size" in limits["LogConfig"]["Config"]
            assert any("no-new-privileges" in option for option in limits["SecurityOpt"])


def test_hosts_are_spread_encrypted_and_require_imdsv2(deployed: Environment) -> None:
    reservations = aws("ec2").describe_instances(
        Filters=[
            {"Name": "tag:Name", "Values": ["goals-e2e-*"]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
    )["Reservations"]
    instances = [instance for reservation in reservations for instance in reservation["Instances"]]
    assert len({instance["Placement"]["AvailabilityZone"] for instance in instances}) == 2
    for instance in instances:
        assert instance["MetadataOptions"]["HttpTokens"] == "required"
        (device,) = instance["BlockDeviceMappings"]
        (volume,) = aws("ec2").describe_volumes(VolumeIds=[device["Ebs"]["VolumeId"]])["Volumes"]
        assert volume["Encrypted"]
        assert volume["VolumeType"] == "gp3"


def test_port_80_is_open_to_the_load_balancer_alone_and_22_to_named_addresses(deployed: Environment) -> None:
    (group,) = aws("ec2").describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["goals-e2e-hosts"]}]
    )["SecurityGroups"]
    (balancer,) = aws("ec2").describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["goals-e2e-lb"]}]
    )["SecurityGroups"]
    rules = {rule["FromPort"]: rule for rule in group["IpPermissions"]}
    assert set(rules) == {22, 80, 27017}
    assert [pair["GroupId"] for pair in rules[80]["UserIdGroupPairs"]] == [balancer["GroupId"]]
    assert not rules[80]["IpRanges"]
    assert [source["CidrIp"] for source in rules[22]["IpRanges"]] == ["172.30.0.0/24"]
    assert [pair["GroupId"] for pair in rules[27017]["UserIdGroupPairs"]] == [group["GroupId"]]


def test_the_private_key_is_for_the_owner_only(deployed: Environment) -> None:
    key = ROOT / ".slipway/goals-e2e/goals-e2e.pem"
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_changed_variable_alone_is_released_and_nothing_else(deployed: Environment) -> None:
    before = deployed.containers("frontend")
    services = yaml.safe_load((ROOT / "group_vars/all/app.yml").read_text())["app_services"]
    services["backend"]["environment"]["GREETING"] = "hello"
    run = deployed.deploy(
        "-e", json.dumps({"app_services": services}), "--skip-tags", "provision,configure"
    ).succeeded()
    assert set(run.changed()) == {"goals-e2e-1", "goals-e2e-2"}
    for containers in deployed.containers("backend").values():
        assert "GREETING=hello" in containers[0]["Config"]["Env"]
    after = deployed.containers("frontend")
    assert {host: [c["Id"] for c in found] for host, found in before.items()} == {
        host: [c["Id"] for c in found] for host, found in after.items()
    }
