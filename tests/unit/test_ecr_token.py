"""A login for ECR, from the answer that AWS documents."""

import base64
import datetime

import boto3
from botocore.stub import Stubber

from plugins.module_utils.ecr_token import login


def ask(*registries: str) -> dict[str, object]:
    client = boto3.client("ecr", region_name="eu-central-1")
    with Stubber(client) as stub:
        stub.add_response(
            "get_authorization_token",
            {
                "authorizationData": [
                    {
                        "authorizationToken": base64.b64encode(b"AWS:a:token").decode(),
                        "expiresAt": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
                        "proxyEndpoint": "https://123456789012.dkr.ecr.eu-central-1.amazonaws.com",
                    }
                ]
            },
            {},
        )
        return login(client, registries)


def test_the_account_s_own_registry() -> None:
    own = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
    assert ask("") == {
        "registry": own,
        "registry_auth": {own: {"username": "AWS", "password": "a:token"}},
    }


def test_a_registry_that_has_two_names() -> None:
    auth = ask("172.30.0.1:4566/team", "127.0.0.1:4566")["registry_auth"]
    assert isinstance(auth, dict)
    assert set(auth) == {"172.30.0.1:4566", "127.0.0.1:4566"}
