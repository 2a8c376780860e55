"""What an environment keeps of its releases, against moto: conditional writes, ages, the bucket itself."""

import io
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from plugins.module_utils.release_store import Conflict, Store, bucket_name, environment_store
from tests.unit.aws_doubles import Double, refused

REGION = "eu-central-1"
KEY = "lock.json"


@pytest.fixture
def s3(moto: None) -> Any:
    return boto3.client("s3", region_name=REGION)


@pytest.fixture
def store(s3: Any) -> Store:
    made = Store(s3, "goals-prod-releases-123456789012")
    made.ensure({"slipway_app": "goals"})
    return made


def test_a_long_name_stays_within_what_s3_takes() -> None:
    assert bucket_name("goals-prod", "123456789012") == "goals-prod-releases-123456789012"
    assert len(bucket_name("a" * 60, "123456789012")) == 63


def test_the_bucket_is_private_and_made_once(s3: Any) -> None:
    store = environment_store(
        {"s3": s3, "sts": boto3.client("sts", region_name=REGION)}.__getitem__, "goals-prod"
    )
    assert not store.exists()
    assert store.ensure({"slipway_app": "goals"})
    assert store.exists()
    assert not store.ensure({"slipway_app": "goals"})
    blocked = s3.get_public_access_block(Bucket=store.bucket)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    assert s3.get_bucket_tagging(Bucket=store.bucket)["TagSet"] == [{"Key": "slipway_app", "Value": "goals"}]


def test_aws_is_not_asked_for_an_account_that_is_known(s3: Any) -> None:
    store = environment_store({"s3": s3}.__getitem__, "goals-prod", "123456789012")
    assert (store.bucket, store.owner) == ("goals-prod-releases-123456789012", "123456789012")


def test_many_make_the_bucket_at_once(s3: Any) -> None:
    store = Store(s3, "goals-prod-releases-123456789012")
    failures: list[Exception] = []

    def make() -> None:
        try:
            store.ensure({})
        except Exception as error:  # noqa: BLE001  # told to the test
            failures.append(error)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_it_goes_with_what_is_in_it(store: Store) -> None:
    store.put("releases/1.json", {})
    store.remove()
    assert not store.exists()
    store.remove()


def test_what_is_written_is_read(store: Store) -> None:
    etag = store.write(KEY, {"by": "one"}, None)
    found = store.read(KEY)
    assert found is not None
    assert (found.body, found.etag) == ({"by": "one"}, etag)
    assert store.read("releases/none.json") is None
    store.put("releases/2.json", {})
    store.put("releases/1.json", {})
    assert store.keys("releases/") == ["releases/1.json", "releases/2.json"]


def test_nothing_is_found_without_a_bucket(s3: Any) -> None:
    store = Store(s3, "goals-prod-releases-123456789012")
    assert store.read(KEY) is None
    assert store.keys("releases/") == []


def test_of_two_who_create_one_hears_of_the_other(store: Store) -> None:
    store.write(KEY, {"by": "one"}, None)
    with pytest.raises(Conflict):
        store.write(KEY, {"by": "two"}, None)
    assert (found := store.read(KEY))
    assert found.body == {"by": "one"}


def test_of_two_who_replace_one_hears_of_the_other(store: Store) -> None:
    seen = store.write(KEY, {"by": "one"}, None)
    store.write(KEY, {"by": "two"}, seen)
    with pytest.raises(Conflict):
        store.write(KEY, {"by": "three"}, seen)


def test_what_is_gone_is_not_replaced(s3: Any, store: Store) -> None:
    seen = store.write(KEY, {"by": "one"}, None)
    s3.delete_object(Bucket=store.bucket, Key=KEY)
    with pytest.raises(Conflict):
        store.write(KEY, {"by": "one", "again": True}, seen)
    store.remove()
    with pytest.raises(Conflict):
        store.write(KEY, {"by": "one", "again": True}, seen)


def test_a_write_that_was_sent_twice_is_no_conflict(store: Store) -> None:
    first = store.write(KEY, {"by": "one"}, None)
    assert store.write(KEY, {"by": "one"}, None) == first


class Busy(Double):
    """S3 while another call writes the same object."""

    service = "s3"
    answers = 3

    def do_put_object(self, **_: Any) -> dict[str, Any]:
        self.answers -= 1
        if self.answers:
            raise refused("ConditionalRequestConflict", "PutObject")
        return {"ETag": '"1"'}


def test_a_busy_s3_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    busy = Busy()
    assert Store(busy, "any").write(KEY, {}, None) == '"1"'
    assert len(busy.calls) == 3


def test_age_is_by_the_clock_of_s3() -> None:
    """No matter what this machine's clock says, which here is years away."""
    client = boto3.client("s3", region_name=REGION, aws_access_key_id="any", aws_secret_access_key="any")
    written = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    headers = {"date": format_datetime(written + timedelta(seconds=42), usegmt=True)}
    answer = {
        "Body": io.BytesIO(b"{}"),
        "ETag": '"1"',
        "LastModified": written,
        "ResponseMetadata": {"HTTPHeaders": headers},
    }
    with Stubber(client) as stub:
        stub.add_response("get_object", answer, {"Bucket": "any", "Key": KEY, "ExpectedBucketOwner": ANY})
        found = Store(client, "any", "123456789012").read(KEY)
    assert found is not None
    assert found.age == 42
