"""The hosts as AWS describes them, and as ssh finds them."""

import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.environment import aws

STACK = "goals-ec2-hosts"
LIVING = ["pending", "running", "stopping", "stopped"]


@pytest.fixture(scope="module")
def ec2() -> Any:
    return aws("ec2")


@pytest.fixture(scope="module")
def instances(ec2: Any) -> list[Any]:
    filters = [
        {"Name": "tag:slipway_environment", "Values": ["ec2-hosts"]},
        {"Name": "instance-state-name", "Values": LIVING},
    ]
    reservations = ec2.describe_instances(Filters=filters)["Reservations"]
    found = [instance for reservation in reservations for instance in reservation["Instances"]]
    return sorted(found, key=lambda instance: tags(instance)["Name"])


@pytest.fixture(scope="module")
def key_file() -> Path:
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "state" / f"{STACK}.pem"


def tags(resource: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource["Tags"]}


def test_there_are_two_over_two_zones(instances: list[Any]) -> None:
    assert [tags(instance)["Name"] for instance in instances] == [f"{STACK}-1", f"{STACK}-2"]
    zones = [instance["Placement"]["AvailabilityZone"] for instance in instances]
    assert zones == ["eu-central-1a", "eu-central-1b"]


def test_they_run_and_bear_the_tags_that_the_inventory_looks_for(instances: list[Any]) -> None:
    for instance in instances:
        assert instance["State"]["Name"] == "running"
        expected = {"slipway_app": "goals", "slipway_environment": "ec2-hosts", "slipway_role": "app"}
        assert expected.items() <= tags(instance).items()


def test_metadata_is_given_to_tokens_alone_and_not_to_containers(instances: list[Any]) -> None:
    for instance in instances:
        options = instance["MetadataOptions"]
        assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 1)


def test_volumes_are_encrypted_gp3(ec2: Any, instances: list[Any]) -> None:
    for instance in instances:
        volumes = [mapping["Ebs"]["VolumeId"] for mapping in instance["BlockDeviceMappings"]]
        (volume,) = ec2.describe_volumes(VolumeIds=volumes)["Volumes"]
        assert (volume["Encrypted"], volume["VolumeType"], volume["Size"]) == (True, "gp3", 20)


def test_they_are_behind_their_security_group(ec2: Any, instances: list[Any]) -> None:
    filters = [{"Name": "group-name", "Values": [f"{STACK}-hosts"]}]
    (group,) = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    assert [instance["SecurityGroups"][0]["GroupId"] for instance in instances] == [group["GroupId"]] * 2


def test_private_key_is_for_its_owner_alone(key_file: Path) -> None:
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700


def test_key_opens_each_host(instances: list[Any], key_file: Path, tmp_path: Path) -> None:
    for instance in instances:
        address = instance.get("PublicIpAddress") or instance["PrivateIpAddress"]
        options = [
            "-i",
            str(key_file),
            "-o",
            f"UserKnownHostsFile={tmp_path / 'known'}",
            "-o",
            "BatchMode=yes",
        ]
        done = subprocess.run(
            ["ssh", *options, "-o", "StrictHostKeyChecking=accept-new", f"admin@{address}", "id", "-un"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout.strip() == "admin", done.stderr


def test_key_pair_is_ed25519_and_tagged(ec2: Any) -> None:
    (pair,) = ec2.describe_key_pairs(KeyNames=[STACK])["KeyPairs"]
    assert pair["KeyType"] == "ed25519"
    assert tags(pair)["slipway_app"] == "goals"
