"""Where ECS finds secrets: pinned to a version, all missing ones named, no value read."""

from typing import Any

import boto3
import pytest

from plugins.modules import secret_places
from tests.unit.aws_doubles import run

REFERENCES = {"api": {"URL": "secretsmanager:db#url", "KEY": "ssm:key"}}


@pytest.fixture
def manager(moto: None) -> Any:
    boto3.client("ssm", region_name="eu-central-1").put_parameter(Name="key", Value="v", Type="String")
    return boto3.client("secretsmanager", region_name="eu-central-1")


def test_a_secret_is_pinned_to_its_version(manager: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made = manager.create_secret(Name="db", SecretString="{}")
    places = run(secret_places, capsys, references=REFERENCES)["places"]["api"]
    assert places["URL"] == {"arn": f"{made['ARN']}:url::{made['VersionId']}", "version": made["VersionId"]}
    assert places["KEY"]["version"] == "1"


def test_one_that_this_run_makes_is_missing_from_a_plan_alone(
    manager: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = run(secret_places, capsys, check_mode=True, references=REFERENCES, expected=["db"])
    assert planned["places"]["api"]["URL"] == {"arn": "(to be made):url::", "version": ""}
    for arguments in ({"check_mode": True}, {"expected": ["db"]}):
        failed: Any = run(secret_places, capsys, references=REFERENCES, **arguments)
        assert failed["failed"]
        assert "has db" in failed["msg"]
