"""The role secrets: what was declared is made, tagged, and made only once."""

from typing import Any

import boto3
import pytest

NAME = "molecule-secrets/session"


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return boto3.client("secretsmanager", endpoint_url="http://127.0.0.1:4566", region_name="eu-central-1")


def test_the_secret(manager: Any) -> None:
    value = manager.get_secret_value(SecretId=NAME)["SecretString"]
    assert len(value) == 40
    assert value.isalnum()
    tags = {tag["Key"]: tag["Value"] for tag in manager.describe_secret(SecretId=NAME)["Tags"]}
    assert tags == {"slipway_app": "molecule-secrets", "slipway_environment": "secrets"}


def test_two_runs_left_one_version(manager: Any) -> None:
    versions = manager.list_secret_version_ids(SecretId=NAME, IncludeDeprecated=True)["Versions"]
    assert len(versions) == 1
