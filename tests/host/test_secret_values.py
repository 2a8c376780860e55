"""Secrets through Ansible and the lab's Secrets Manager and Parameter Store: read, made, and never shown.

SLIPWAY_TEST_AWS names another endpoint of the same kind.
"""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

ROOT = Path(__file__).parents[2]
ENDPOINT = os.environ.get("SLIPWAY_TEST_AWS", "http://127.0.0.1:4566")
REGION = "eu-central-1"
HUSH = ("whole-secret-value", "json-secret-value", "parameter-value", "vaulted-value")


@dataclass
class Stage:
    """One application's secrets in the lab, and a play that reads them."""

    name: str
    folder: Path
    manager: Any
    parameters: Any

    def play(self, *flags: str, references: dict[str, str], **variables: Any) -> tuple[int, str]:
        """Run the role secrets; give the exit code and all that was written to the terminal."""
        kept = self.folder / "kept.json"
        kept.unlink(missing_ok=True)
        play = {
            "name": "Read the secrets",
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {
                "ansible_python_interpreter": sys.executable,
                "app_services": {
                    "api": {"image": "api:1", "secrets": references},
                    "web": {"image": "web:1"},
                },
                "database": "none",
                "database_service_name": "",
                "database_service": {},
                "aws_tags": {"slipway_app": self.name},
                "vaulted": HUSH[3],
                **variables,
            },
            "module_defaults": {
                "group/slipway.core.aws": {
                    "region": REGION,
                    "endpoint_url": ENDPOINT,
                    "access_key": "test",
                    "secret_key": "test",
                }
            },
            "roles": ["secrets"],
            "post_tasks": [
                {
                    "name": "Keep the values for the test",
                    "ansible.builtin.copy": {
                        "content": "{{ secrets_values | to_json }}",
                        "dest": str(kept),
                        "mode": "0600",
                    },
                    "no_log": True,
                    "check_mode": False,
                    "diff": False,
                }
            ],
        }
        file = self.folder / "play.yml"
        file.write_text(yaml.safe_dump([play]))
        done = subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", file, *flags],
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_INJECT_INVOCATION": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def values(self) -> dict[str, dict[str, str]]:
        """Give what the role published."""
        found: dict[str, dict[str, str]] = json.loads((self.folder / "kept.json").read_text())
        return found


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    name = f"slipway-test-{uuid.uuid4().hex[:8]}"
    manager = boto3.client("secretsmanager", endpoint_url=ENDPOINT, region_name=REGION)
    parameters = boto3.client("ssm", endpoint_url=ENDPOINT, region_name=REGION)
    manager.create_secret(Name=f"{name}/whole", SecretString=HUSH[0])
    manager.create_secret(Name=f"{name}/json", SecretString=json.dumps({"url": HUSH[1]}))
    parameters.put_parameter(Name=f"/{name}/key", Value=HUSH[2], Type="SecureString")
    yield Stage(name, tmp_path, manager, parameters)
    for held in manager.list_secrets(Filters=[{"Key": "name", "Values": [name]}])["SecretList"]:
        manager.delete_secret(SecretId=held["ARN"], ForceDeleteWithoutRecovery=True)
    parameters.delete_parameter(Name=f"/{name}/key")


def test_read_from_every_store_and_shown_nowhere(stage: Stage) -> None:
    references = {
        "A": f"secretsmanager:{stage.name}/whole",
        "B": f"secretsmanager:{stage.name}/json#url",
        "C": f"ssm:/{stage.name}/key",
        "D": "vault:vaulted",
    }
    code, output = stage.play("-vvvvv", "--diff", references=references)
    assert code == 0, output
    assert stage.values() == {"api": dict(zip("ABCD", HUSH, strict=True))}
    # The test's own variables are not shown by Ansible either, so no value may be there at all.
    assert not [value for value in HUSH if value in output]
    assert "changed=1" in output  # the test's own file


def test_missing_ones_are_named_together_and_visibly(stage: Stage) -> None:
    references = {
        "A": f"secretsmanager:{stage.name}/gone",
        "B": f"secretsmanager:{stage.name}/json#nokey",
        "C": f"ssm:/{stage.name}/gone",
        "D": "vault:gone",
        "E": f"secretsmanager:{stage.name}/whole",
    }
    code, output = stage.play("-vvvvv", references=references)
    assert code != 0
    for variable in "ABCD":
        assert f"app_services.api.secrets.{variable}" in output
    assert "cause: secret_missing" in output
    assert not [value for value in HUSH if value in output]


def test_a_declared_one_is_made_once(stage: Stage) -> None:
    name = f"{stage.name}/session"
    settings: dict[str, Any] = {
        "references": {"KEY": f"secretsmanager:{name}"},
        "secrets_generate": {name: {"length": 40}},
    }
    code, output = stage.play("--check", **settings)
    assert code == 0, output
    assert stage.values() == {"api": {"KEY": "(to be made)"}}

    code, output = stage.play(**settings)
    assert code == 0, output
    made = stage.values()["api"]["KEY"]
    assert len(made) == 40
    assert stage.manager.get_secret_value(SecretId=name)["SecretString"] == made
    tags = stage.manager.describe_secret(SecretId=name)["Tags"]
    assert {"Key": "slipway_app", "Value": stage.name} in tags

    stage.play(**settings)
    assert stage.values()["api"]["KEY"] == made
