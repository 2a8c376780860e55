"""What several test modules run on."""

from collections.abc import Iterator, Mapping
from email.utils import formatdate
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws
from moto.core import botocore_stubber
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket


def dated(url: str, status: int, headers: Mapping[str, str], raw: Any) -> AWSResponse:
    return AWSResponse(url, status, {"Date": formatdate(usegmt=True), **headers}, raw)  # type: ignore[arg-type]


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS as moto has it, with credentials for clients and modules."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    # moto takes the condition of a bucket's policy, that a request came in clear, for met.
    monkeypatch.setattr(FakeBucket, "get_permission", lambda *_: PermissionResult.NEUTRAL)
    # Every answer of AWS has a date; moto leaves it to the server that it has none of here.
    monkeypatch.setattr(botocore_stubber, "AWSResponse", dated)
    with mock_aws():
        yield
