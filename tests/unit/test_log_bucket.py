"""The bucket of access logs, against moto: made once, mended, removed with what is in it."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from plugins.module_utils.log_bucket import wanted
from plugins.module_utils.s3_buckets import BucketError, Buckets, converge, remove
from plugins.modules import log_bucket
from tests.unit.aws_doubles import run as run_module

NAME = "goals-prod-lb-logs-123456789012"
GOAL = wanted(NAME, "123456789012", 90, {"slipway_app": "goals"})
REGION = "eu-central-1"


@pytest.fixture
def s3(moto: None) -> Any:
    return boto3.client("s3", region_name=REGION)


def test_it_is_made_once(s3: Any) -> None:
    buckets = Buckets(s3, REGION)
    assert converge(buckets, NAME, GOAL, check_mode=True)["changed"]
    assert s3.list_buckets()["Buckets"] == []
    assert converge(buckets, NAME, GOAL, check_mode=False)["diff"] == {"before": {}, "after": GOAL}
    again = converge(buckets, NAME, GOAL, check_mode=False)
    assert (again["changed"], again["diff"]["before"]) == (False, GOAL)


@pytest.mark.parametrize(
    "drift",
    [
        lambda s3: s3.delete_bucket_policy(Bucket=NAME),
        lambda s3: s3.delete_public_access_block(Bucket=NAME),
        lambda s3: s3.delete_bucket_encryption(Bucket=NAME),
        lambda s3: s3.delete_bucket_ownership_controls(Bucket=NAME),
        lambda s3: s3.delete_bucket_lifecycle(Bucket=NAME),
        lambda s3: s3.delete_bucket_tagging(Bucket=NAME),
    ],
)
def test_what_is_gone_comes_back(s3: Any, drift: Callable[[Any], None]) -> None:
    buckets = Buckets(s3, REGION)
    converge(buckets, NAME, GOAL, check_mode=False)
    drift(s3)
    assert converge(buckets, NAME, GOAL, check_mode=True)["changed"]
    assert converge(buckets, NAME, GOAL, check_mode=False)["changed"]
    assert buckets.actual(NAME) == GOAL


def test_tags_of_others_stay(s3: Any) -> None:
    buckets = Buckets(s3, REGION)
    converge(buckets, NAME, GOAL, check_mode=False)
    tags = [{"Key": "team", "Value": "blue"}]
    s3.put_bucket_tagging(Bucket=NAME, Tagging={"TagSet": tags})
    converge(buckets, NAME, GOAL, check_mode=False)
    assert (buckets.actual(NAME) or {})["tags"] == {"team": "blue", "slipway_app": "goals"}


def test_it_goes_with_what_is_in_it(s3: Any) -> None:
    buckets = Buckets(s3, REGION)
    converge(buckets, NAME, GOAL, check_mode=False)
    s3.put_object(Bucket=NAME, Key="AWSLogs/123456789012/a.log.gz", Body=b"")
    assert remove(buckets, NAME, check_mode=True)["changed"]
    assert len(s3.list_buckets()["Buckets"]) == 1
    assert remove(buckets, NAME, check_mode=False)["changed"]
    assert s3.list_buckets()["Buckets"] == []
    assert not remove(buckets, NAME, check_mode=False)["changed"]


def test_a_name_that_another_account_has_is_told() -> None:
    client = boto3.client("s3", region_name=REGION, aws_access_key_id="any", aws_secret_access_key="any")
    with Stubber(client) as stub:
        stub.add_client_error("head_bucket", "403", http_status_code=403)
        with pytest.raises(BucketError, match=r"another account.*load_balancer_access_logs_bucket"):
            Buckets(client, REGION, "load_balancer_access_logs_bucket").actual(NAME)


def test_the_whole_module(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    params: dict[str, Any] = {"name": NAME, "resource_tags": {"slipway_app": "goals"}}
    assert run_module(log_bucket, capsys, check_mode=True, **params)["changed"]
    assert run_module(log_bucket, capsys, **params)["changed"]
    assert not run_module(log_bucket, capsys, **params)["changed"]
    assert run_module(log_bucket, capsys, state="absent", **params)["changed"]
