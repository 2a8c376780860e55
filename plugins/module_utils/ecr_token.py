"""A login for the registry of an AWS account."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient


def login(client: ECRClient, registries: Iterable[str]) -> dict[str, Any]:
    """Ask ECR (GetAuthorizationToken) for a login of twelve hours.

    Gives `registry`, the account's own registry, and `registry_auth`, the login under the host of each of
    `registries`, or of the account's own where there is none.
    """
    (answer,) = client.get_authorization_token()["authorizationData"]
    username, _colon, password = base64.b64decode(answer["authorizationToken"]).decode().partition(":")
    own = answer["proxyEndpoint"].partition("://")[2]
    hosts = {registry.partition("/")[0] for registry in registries if registry} or {own}
    return {
        "registry": own,
        "registry_auth": {host: {"username": username, "password": password} for host in sorted(hosts)},
    }
