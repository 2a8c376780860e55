"""The role release: what differs is recorded, once, with how it ended and without what ran it."""

import json
from typing import Any

import boto3
import pytest


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    s3 = boto3.client("s3", endpoint_url="http://127.0.0.1:4566", region_name="eu-central-1")
    (bucket,) = (
        each["Name"]
        for each in s3.list_buckets()["Buckets"]
        if each["Name"].startswith("molecule-release-history-")
    )
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="releases/")["Contents"]]
    return [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]


def test_two_runs_left_one_good_release(records: list[dict[str, Any]]) -> None:
    (record,) = records
    assert (record["result"], record["kind"], record["target"], record["base"]) == (
        "good",
        "release",
        "ecs",
        "",
    )
    assert record["changed"] == ["web"]
    assert record["url"] == "http://release.example"
    assert record["actor"]["user"]
    assert record["document"]["images"]["web"]["image"] == "shop/web@sha256:0d6c1f0c1a"
