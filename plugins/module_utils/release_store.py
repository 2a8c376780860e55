"""What an environment keeps of its releases, as JSON objects in an S3 bucket of its own.

Writes are conditional (S3's If-None-Match and If-Match), so that of two machines that write at once one hears
of the other. Ages are by S3's clock alone: no controller's has to be right.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from .model_views import aws_name
from .s3_buckets import Buckets, converge, private

Answer = TypeVar("Answer")

MISSING = {"NoSuchKey", "NoSuchBucket", "404"}
# S3 answers so while another call changes the same bucket, or writes the same object: ask again.
BUSY = {"OperationAborted", "ConditionalRequestConflict"}
TRIES = 20


class Conflict(Exception):
    """The condition of a write did not hold: another one wrote before."""


@dataclass(frozen=True)
class Stored:
    """An object: its content, the tag of this version, the seconds since it was written by S3's clock."""

    body: dict[str, Any]
    etag: str
    age: float


def bucket_name(stack: str, account: str) -> str:
    """Name the bucket of an application's environment; names are shared by all of AWS's customers."""
    return aws_name(f"{stack}-releases-{account}", 63)


def environment_store(client_of: Callable[[str], Any], stack: str, account: str = "") -> Store:
    """Give the store of an environment. `client_of` makes the client of a service by its name.

    :param account: where it is known; otherwise AWS is asked for it
    """
    account = account or client_of("sts").get_caller_identity()["Account"]
    return Store(client_of("s3"), bucket_name(stack, account), account)


class Store:
    """One bucket; keys are paths such as releases/ID.json.

    :param owner: the account that the bucket must belong to; S3 refuses every request where it does not

    `now` is the time of S3's last answer to a read.
    """

    now: datetime

    def __init__(self, client: Any, bucket: str, owner: str = "") -> None:
        self._client = client
        self._owned = {"ExpectedBucketOwner": owner} if owner else {}
        self.bucket, self.owner = bucket, owner

    def ensure(self, tags: Mapping[str, str]) -> bool:
        """Make the bucket, or mend what differs; whether there was anything to do."""
        buckets = Buckets(self._client, self._client.meta.region_name)
        made = _insist(lambda: converge(buckets, self.bucket, private(self.bucket, tags), check_mode=False))
        return bool(made["changed"])

    def exists(self) -> bool:
        """Tell whether the bucket is there."""
        try:
            self._client.head_bucket(Bucket=self.bucket, **self._owned)
        except ClientError as error:
            if _code(error) in MISSING:
                return False
            raise
        return True

    def remove(self) -> None:
        """Remove the bucket with all that is in it, if it is there."""
        if self.exists():
            Buckets(self._client, self._client.meta.region_name).delete(self.bucket)

    def read(self, key: str) -> Stored | None:
        """Read an object; None where there is none, or no bucket."""
        try:
            found = self._client.get_object(Bucket=self.bucket, Key=key, **self._owned)
        except ClientError as error:
            if _code(error) not in MISSING:
                raise
            self.now = _time(error.response)
            return None
        self.now = _time(found)
        body = json.loads(found["Body"].read())
        return Stored(body, found["ETag"], (self.now - found["LastModified"]).total_seconds())

    def write(self, key: str, body: Mapping[str, Any], etag: str | None) -> str:
        """Write an object only if there is none (etag None), or if it is still the one with this etag.

        Two writers must never write the same content: etags are made of it.
        Returns the new etag; raises Conflict.
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            return _insist(lambda: self._put(key, body, condition))
        except ClientError as error:
            gone = etag is not None and _code(error) in MISSING
            if not gone and _code(error) != "PreconditionFailed":
                raise
            # A request whose answer was lost is sent again by botocore, and then meets what it wrote itself.
            found = self.read(key)
            if found is not None and found.body == body:
                return found.etag
            raise Conflict(f"s3://{self.bucket}/{key} was written by another run") from error

    def put(self, key: str, body: Mapping[str, Any]) -> None:
        """Write an object, whatever was there."""
        self._put(key, body, {})

    def keys(self, prefix: str) -> list[str]:
        """List the keys that begin so, in order; none where there is no bucket."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, **self._owned
        )
        try:
            return sorted(each["Key"] for page in pages for each in page.get("Contents", []))
        except ClientError as error:
            if _code(error) in MISSING:
                return []
            raise

    def _put(self, key: str, body: Mapping[str, Any], condition: Mapping[str, str]) -> str:
        content = json.dumps(body, sort_keys=True).encode()
        kind = {"ContentType": "application/json"}
        answer = self._client.put_object(
            Bucket=self.bucket, Key=key, Body=content, **kind, **condition, **self._owned
        )
        return str(answer["ETag"])


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def _time(answer: Any) -> datetime:
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])


def _insist(call: Callable[[], Answer]) -> Answer:
    """Repeat what S3 was too busy for."""
    for _ in range(TRIES):
        try:
            return call()
        except ClientError as error:
            if _code(error) not in BUSY:
                raise
            time.sleep(0.5)
    return call()
