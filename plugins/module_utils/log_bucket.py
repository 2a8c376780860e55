"""The S3 bucket for the access logs of load balancers, as wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .s3_buckets import private

# How load balancers in every region write to a bucket.
WRITER = "logdelivery.elasticloadbalancing.amazonaws.com"


def wanted(name: str, account: str, days: int, tags: Mapping[str, str]) -> dict[str, Any]:
    """Describe the bucket: as private as any, but open to the account's load balancers."""
    write = {
        "Sid": "LoadBalancersWrite",
        "Effect": "Allow",
        "Principal": {"Service": WRITER},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{name}/AWSLogs/{account}/*",
    }
    return private(name, tags, days, [write])
