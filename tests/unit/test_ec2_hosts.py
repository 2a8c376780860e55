"""The hosts that the inventory ec2_hosts finds, and which commands are the warm process's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from ansible.errors import AnsibleParserError

from plugins.inventory import ec2_hosts
from plugins.inventory.ec2_hosts import hosts_of
from plugins.plugin_utils import ec2_instances, warm

REGION = "eu-central-1"
TAGS = {"slipway_app": "goals", "slipway_environment": "prod", "slipway_role": "app"}
ROOT = Path(__file__).resolve().parents[2]
TAGS_OF_FILE = {"app": "goals", "environment": "prod", "region": REGION}
QUESTION: dict[str, Any] = {
    "tags": TAGS,
    "region": REGION,
    **dict.fromkeys(("profile", "endpoint_url", "access_key", "secret_key")),
}


def launch(name: str, **tags: str) -> str:
    """Launch an instance with the tags of the environment, but for those given."""
    ec2 = boto3.client("ec2", region_name=REGION)
    named = {**TAGS, "Name": name, **tags}
    answer = ec2.run_instances(
        ImageId="ami-12c6146b",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {
                "ResourceType": "instance",
                "Tags": [{"Key": key, "Value": value} for key, value in named.items() if value],
            }
        ],
    )
    return str(answer["Instances"][0]["InstanceId"])


@pytest.mark.usefixtures("moto")
def test_the_running_instances_of_the_environment_are_found() -> None:
    ours, nameless, stopped = launch("goals-prod-1"), launch(""), launch("goals-prod-3")
    launch("goals-staging-1", slipway_environment="staging")
    boto3.client("ec2", region_name=REGION).stop_instances(InstanceIds=[stopped])
    found = {instance["id"]: instance for instance in ec2_instances.found(QUESTION)}
    assert found.keys() == {ours, nameless}
    assert (found[ours]["name"], found[nameless]["name"]) == ("goals-prod-1", "")
    assert found[ours]["private"].startswith("10.")
    assert found[ours]["public"]


def test_what_aws_refuses_is_not_asked_again_by_the_plugin_that_ansible_tries_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [(1, b"", b"no credentials"), (0, b"[]", b"")]
    monkeypatch.setattr(ec2_hosts, "_answer", lambda *_: answers.pop(0))
    for _ in range(2):
        with pytest.raises(AnsibleParserError, match="no credentials"):
            ec2_hosts.instances(QUESTION, None)
    assert ec2_hosts.instances(QUESTION, None) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("plugin: slipway.core.ec2_hosts\napp: goals", True),
        ("---\n# ours\n'plugin' : 'slipway.core.ec2_hosts'", True),
        ("{app: goals, plugin: slipway.core.ec2_hosts}", True),
        ("$ANSIBLE_VAULT;1.1;AES256\n3836", True),
        ("plugin: amazon.aws.aws_ec2\n", False),
        ("all:\n  hosts:\n    web:\n", False),
    ],
)
def test_a_file_is_taken_that_names_the_plugin_or_may(tmp_path: Path, text: str, *, named: bool) -> None:
    path = tmp_path / "aws.yml"
    path.write_text(text)
    assert ec2_hosts.InventoryModule().verify_file(str(path)) is named


def test_ansible_inventory_finds_them(tmp_path: Path) -> None:
    path = tmp_path / "aws.yml"
    path.write_text(yaml.safe_dump({"plugin": "slipway.core.ec2_hosts", **TAGS_OF_FILE}))
    done = subprocess.run(
        [ROOT / ".venv/bin/ansible-inventory", "--list", "-i", str(path)],
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    # Nothing answers there: what is said of it is about AWS, and about nothing before that.
    assert "The hosts of the environment cannot be found on AWS" in done.stderr, done.stderr


def instance(number: int, name: str, public: str = "192.0.2.1") -> Mapping[str, str]:
    return {"id": f"i-{number}", "name": name, "public": public, "private": f"10.0.0.{number}"}


def test_each_instance_is_a_host_whatever_its_name() -> None:
    found = [instance(2, "a"), instance(1, "a"), instance(3, "")]
    assert [name for name, _ in hosts_of(found, "public")] == ["a", "a-i-2", "i-3"]


@pytest.mark.parametrize(
    ("public", "wanted", "address"),
    [
        ("192.0.2.1", "public", "192.0.2.1"),
        ("", "public", "10.0.0.1"),
        ("192.0.2.1", "private", "10.0.0.1"),
    ],
)
def test_a_host_is_connected_to_at_the_address_asked_for(public: str, wanted: str, address: str) -> None:
    ((_, variables),) = hosts_of([instance(1, "a", public)], wanted)
    assert variables["ansible_host"] == address
    assert (variables["ec2_instance_id"], variables["ec2_private_ip_address"]) == ("i-1", "10.0.0.1")


@pytest.mark.parametrize(
    ("command", "variables"),
    [
        ("/bin/sh -c '/warm/python'", {}),
        ("/bin/sh -c 'READS=/r/a LANG='\"'\"'a b'\"'\"' /warm/python'", {"READS": "/r/a", "LANG": "a b"}),
        ("/bin/sh -c '/warm/python && sleep 0'", None),
        ("/bin/sh -c '/usr/bin/python3'", None),
        ("/bin/sh -c 'sudo -u x /warm/python'", None),
        ("/bin/sh -c '/warm/python /tmp/module.py'", None),
        ("/bin/sh -c 'echo '\"'\"'", None),
        ("", None),
    ],
)
def test_the_warm_interpreter_alone_is_run_without_a_shell(
    command: str, variables: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(warm.VARIABLE, "/warm/python")
    assert warm.environment_of(command) == variables


def test_without_a_warm_process_no_command_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(warm.VARIABLE, raising=False)
    assert warm.environment_of("/bin/sh -c ''") is None
