"""The role images: a repository as it should be, and in it one image, named after its content."""

import json
from typing import Any

import boto3
import pytest

NAME = "molecule-images/web"


@pytest.fixture
def ecr(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return boto3.client("ecr", endpoint_url="http://127.0.0.1:4566", region_name="eu-central-1")


def test_the_repository(ecr: Any) -> None:
    (found,) = ecr.describe_repositories(repositoryNames=[NAME])["repositories"]
    assert found["imageTagMutability"] == "IMMUTABLE"
    assert found["imageScanningConfiguration"]["scanOnPush"]
    policy = json.loads(ecr.get_lifecycle_policy(repositoryName=NAME)["lifecyclePolicyText"])
    assert policy["rules"][0]["selection"]["countNumber"] == 50
    tags = ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
    assert tags == [{"Key": "slipway_app", "Value": "molecule-images"}]


def test_two_runs_left_one_image(ecr: Any) -> None:
    (image,) = ecr.describe_images(repositoryName=NAME)["imageDetails"]
    (tag,) = image["imageTags"]
    assert len(tag) == 12
    int(tag, 16)
