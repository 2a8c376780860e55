"""Repositories are made once, mended where they differ, and otherwise left alone."""

import json
from collections.abc import Iterator
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber

from plugins.module_utils.ecr_repositories import Repositories, Repository, converge, keep_newest

ARN = "arn:aws:ecr:eu-central-1:123456789012:repository/goals/api"
WANTED = Repository("goals/api", True, True, keep_newest(50), {"slipway_app": "goals"})
NAME = {"repositoryName": "goals/api"}


@pytest.fixture
def stub() -> Iterator[Stubber]:
    client = boto3.client("ecr", region_name="eu-central-1")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def run(stub: Stubber, *, check_mode: bool = False) -> dict[str, Any]:
    return converge(Repositories(cast(Any, stub.client)), [WANTED], check_mode=check_mode)


def exists(stub: Stubber, *, mutability: str = "IMMUTABLE", keep: int = 50, **tags: str) -> None:
    stub.add_response(
        "describe_repositories",
        {
            "repositories": [
                {
                    "repositoryArn": ARN,
                    "repositoryUri": "x",
                    "imageTagMutability": mutability,
                    "imageScanningConfiguration": {"scanOnPush": True},
                }
            ]
        },
        {"repositoryNames": ["goals/api"]},
    )
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    stub.add_response("list_tags_for_resource", {"tags": listed}, {"resourceArn": ARN})
    if keep:
        text = json.dumps(keep_newest(keep), indent=2)
        stub.add_response("get_lifecycle_policy", {"lifecyclePolicyText": text}, NAME)
    else:
        stub.add_client_error("get_lifecycle_policy", "LifecyclePolicyNotFoundException")


def test_equal_is_unchanged_and_tags_of_others_stay(stub: Stubber) -> None:
    exists(stub, slipway_app="goals", team="blue")
    result = run(stub)
    assert not result["changed"]
    assert result["diff"]["before"] == result["diff"]["after"]


def test_a_missing_one_is_made_whole(stub: Stubber) -> None:
    stub.add_client_error("describe_repositories", "RepositoryNotFoundException")
    stub.add_response(
        "create_repository",
        {},
        {
            **NAME,
            "imageTagMutability": "IMMUTABLE",
            "imageScanningConfiguration": {"scanOnPush": True},
            "tags": [{"Key": "slipway_app", "Value": "goals"}],
        },
    )
    stub.add_response(
        "put_lifecycle_policy", {}, {**NAME, "lifecyclePolicyText": json.dumps(keep_newest(50))}
    )
    assert run(stub)["repositories"] == ["goals/api"]


def test_one_that_another_environment_makes_meanwhile_is_taken_as_it_is(stub: Stubber) -> None:
    stub.add_client_error("describe_repositories", "RepositoryNotFoundException")
    stub.add_client_error("create_repository", "RepositoryAlreadyExistsException")
    exists(stub, slipway_app="goals")
    assert run(stub)["repositories"] == ["goals/api"]


def test_check_mode_says_so_and_does_nothing(stub: Stubber) -> None:
    stub.add_client_error("describe_repositories", "RepositoryNotFoundException")
    result = run(stub, check_mode=True)
    assert result["changed"]
    assert result["diff"]["before"] == {"repositories": []}


def test_what_differs_is_mended(stub: Stubber) -> None:
    exists(stub, mutability="MUTABLE", keep=0)
    stub.add_response("put_image_tag_mutability", {}, {**NAME, "imageTagMutability": "IMMUTABLE"})
    stub.add_response(
        "tag_resource", {}, {"resourceArn": ARN, "tags": [{"Key": "slipway_app", "Value": "goals"}]}
    )
    stub.add_response(
        "put_lifecycle_policy", {}, {**NAME, "lifecyclePolicyText": json.dumps(keep_newest(50))}
    )
    assert run(stub)["changed"]


def test_another_lifecycle_is_all_that_is_put(stub: Stubber) -> None:
    exists(stub, keep=10, slipway_app="goals")
    stub.add_response(
        "put_lifecycle_policy", {}, {**NAME, "lifecyclePolicyText": json.dumps(keep_newest(50))}
    )
    assert run(stub)["changed"]
