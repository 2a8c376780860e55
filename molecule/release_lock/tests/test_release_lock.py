"""The lock of an environment after runs that held it."""

import json

from tests.e2e.environment import aws

BUCKET = "goals-release-lock-releases-000000000000"


def test_the_lock_was_freed_by_each_run_that_held_it() -> None:
    lease = json.loads(aws("s3").get_object(Bucket=BUCKET, Key="lock.json")["Body"].read())
    assert (lease["state"], lease["purpose"]) == ("free", "converge.yml")


def test_the_bucket_is_private() -> None:
    blocked = aws("s3").get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    (statement,) = json.loads(aws("s3").get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
