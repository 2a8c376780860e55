"""S3 buckets of our own: as wanted, as they are, the calls between.

amazon.aws.s3_bucket has no check mode: a plan would not show the bucket.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

BLOCKED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


class BucketError(Exception):
    """A bucket that cannot be had, worded for the operator."""


def private(
    name: str, tags: Mapping[str, str], days: int | None = None, statements: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Describe a bucket: encrypted by S3, closed to the public, reached by TLS alone.

    :param days: when its objects expire; None: never
    :param statements: of its policy, beside the one that denies what is not encrypted on its way
    """
    arn = f"arn:aws:s3:::{name}"
    encrypted = {
        "Sid": "NothingInClear",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {
        "policy": {"Version": "2012-10-17", "Statement": [*statements, encrypted]},
        # Load balancers can write to no other kind of encrypted bucket.
        "encryption": "AES256",
        "ownership": "BucketOwnerEnforced",
        "public_access_blocked": True,
        "days": days,
        "tags": dict(tags),
    }


class Buckets:
    """The buckets of one account.

    :param setting: the variable that names the bucket, for whom it cannot be had; "": its name is not chosen
    """

    def __init__(self, client: Any, region: str, setting: str = "") -> None:
        self._client = client
        self._region = region
        self._setting = setting

    def actual(self, name: str) -> dict[str, Any] | None:
        """Describe a bucket; None where there is none.

        Raises BucketError for one of another account.
        """
        try:
            self._client.head_bucket(Bucket=name)
        except ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchBucket"}:
                return None
            if error.response["Error"]["Code"] == "403":
                remedy = f": choose another name in {self._setting}" if self._setting else ""
                raise BucketError(
                    f"the bucket {name} belongs to another account, "
                    f"or you may not see it (s3:ListBucket){remedy}"
                ) from error
            raise
        blocked = self._ask("get_public_access_block", name).get("PublicAccessBlockConfiguration", {})
        encryption = self._ask("get_bucket_encryption", name).get("ServerSideEncryptionConfiguration", {})
        by = [each["ApplyServerSideEncryptionByDefault"] for each in encryption.get("Rules", [])]
        ownership = self._ask("get_bucket_ownership_controls", name).get("OwnershipControls", {})
        rules = self._ask("get_bucket_lifecycle_configuration", name).get("Rules", [])
        days = [each.get("Expiration", {}).get("Days") for each in rules if each["Status"] == "Enabled"]
        tags = self._ask("get_bucket_tagging", name).get("TagSet", [])
        return {
            "policy": json.loads(self._ask("get_bucket_policy", name).get("Policy", "{}")),
            "encryption": by[0]["SSEAlgorithm"] if by else "",
            "ownership": "".join(each["ObjectOwnership"] for each in ownership.get("Rules", [])),
            "public_access_blocked": all(blocked.get(key) for key in BLOCKED),
            "days": days[0] if len(days) == 1 else None,
            "tags": {tag["Key"]: tag["Value"] for tag in tags},
        }

    def create(self, name: str) -> None:
        """Create a bucket in the region."""
        # us-east-1 is the one that must not be named.
        place = {} if self._region == "us-east-1" else {"LocationConstraint": self._region}
        try:
            self._client.create_bucket(Bucket=name, **({"CreateBucketConfiguration": place} if place else {}))
        except ClientError as error:
            # Another run made it since this one looked.
            if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
                raise

    def mend(self, name: str, was: Mapping[str, Any], goal: Mapping[str, Any]) -> None:
        """Change what differs."""
        differs = {key for key in goal if was.get(key) != goal[key]}
        if "public_access_blocked" in differs:
            self._client.put_public_access_block(
                Bucket=name, PublicAccessBlockConfiguration=dict.fromkeys(BLOCKED, True)
            )
        if "ownership" in differs:
            self._client.put_bucket_ownership_controls(
                Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": goal["ownership"]}]}
            )
        if "encryption" in differs:
            rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": goal["encryption"]}}
            self._client.put_bucket_encryption(
                Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]}
            )
        if "policy" in differs:
            self._client.put_bucket_policy(Bucket=name, Policy=json.dumps(goal["policy"]))
        if "days" in differs:
            expire = {"ID": "expire", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": goal["days"]}}
            self._client.put_bucket_lifecycle_configuration(
                Bucket=name, LifecycleConfiguration={"Rules": [expire]}
            )
        if "tags" in differs:
            tags = [{"Key": key, "Value": value} for key, value in sorted(goal["tags"].items())]
            self._client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})

    def delete(self, name: str) -> None:
        """Delete a bucket with everything in it."""
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=name):
            keys = [{"Key": each["Key"]} for each in page.get("Contents", [])]
            if keys:
                refused = self._client.delete_objects(Bucket=name, Delete={"Objects": keys}).get("Errors")
                if refused:
                    raise BucketError(f"objects of {name} cannot be deleted: {refused[:3]}")
        self._client.delete_bucket(Bucket=name)

    def _ask(self, operation: str, name: str) -> dict[str, Any]:
        """Ask for one setting; nothing where S3 says that there is none."""
        try:
            found: dict[str, Any] = getattr(self._client, operation)(Bucket=name)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code.startswith("NoSuch") or code.endswith("NotFoundError"):
                return {}
            raise
        return found


def converge(buckets: Buckets, name: str, goal: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Make the bucket as wanted; give changed and the diff. Tags of others stay."""
    actual = buckets.actual(name)
    after = {**goal, "tags": {**(actual or {}).get("tags", {}), **goal["tags"]}}
    if actual != after and not check_mode:
        if actual is None:
            buckets.create(name)
        buckets.mend(name, actual or {}, after)
    return {"changed": actual != after, "diff": {"before": actual or {}, "after": after}}


def remove(buckets: Buckets, name: str, *, check_mode: bool) -> dict[str, Any]:
    """Remove the bucket with all that is in it."""
    actual = buckets.actual(name)
    if actual and not check_mode:
        buckets.delete(name)
    return {"changed": actual is not None, "diff": {"before": actual or {}, "after": {}}}
