"""The connection string with user and password: in Secrets Manager, and nowhere else."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from .atlas_api import AtlasError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

ALPHABET = string.ascii_letters + string.digits
PASSWORD_LENGTH = 32
# Users are kept in admin; the others are what Atlas advises.
OPTIONS = {"authSource": "admin", "retryWrites": "true", "w": "majority"}
# Says of which cluster a secret holds the address, and that it was written here.
TAG = "slipway_atlas_cluster"


@dataclass(frozen=True)
class Held:
    """What a secret holds."""

    # The cluster that it was written for, empty if that was not here.
    cluster: str
    value: str = field(repr=False)


class ConnectionSecret:
    """One secret of Secrets Manager."""

    def __init__(self, client: SecretsManagerClient, name: str) -> None:
        self._client = client
        self.name = name

    def read(self) -> Held | None:
        """Give what the secret holds, None where there is none.

        Raises:
            AtlasError: it is scheduled for deletion, or binary.
        """
        try:
            described = self._client.describe_secret(SecretId=self.name)
            if "DeletedDate" in described:
                raise AtlasError(
                    f"the secret {self.name} is scheduled for deletion: restore it "
                    f"(aws secretsmanager restore-secret --secret-id {self.name}), or name another"
                )
            found = self._client.get_secret_value(SecretId=self.name)
        except self._client.exceptions.ResourceNotFoundException:
            return None
        if "SecretString" not in found:
            raise AtlasError(f"the secret {self.name} is binary: name another")
        tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
        return Held(tags.get(TAG, ""), found["SecretString"])

    def write(self, value: str, held: Held | None, tags: Mapping[str, str]) -> None:
        """Make the secret (CreateSecret), or give it a new version (PutSecretValue)."""
        if held:
            self._client.put_secret_value(SecretId=self.name, SecretString=value)
        else:
            self._client.create_secret(
                Name=self.name,
                SecretString=value,
                Tags=[{"Key": key, "Value": text} for key, text in sorted(tags.items())],
            )


def new_password() -> str:
    """Give a random password."""
    return "".join(secrets.choice(ALPHABET) for _ in range(PASSWORD_LENGTH))


def with_user(address: str, user: str, password: str, database: str) -> str:
    """Give an address with user, password and database, and the options that it has and those of Atlas.

    >>> with_user("mongodb+srv://goals.ab1c.mongodb.net", "goals", "p/w", "goals")
    'mongodb+srv://goals:p%2Fw@goals.ab1c.mongodb.net/goals?authSource=admin&retryWrites=true&w=majority'
    """
    scheme, _separator, rest = address.partition("://")
    place, _question, query = rest.partition("?")
    hosts = place.partition("/")[0]
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    options = urlencode({**OPTIONS, **dict(parse_qsl(query))})
    return f"{scheme}://{login}@{hosts}/{quote(database, safe='')}?{options}"


def login_of(value: str) -> tuple[str, str]:
    """Give user and password in a connection string; empty where there are none.

    >>> login_of("mongodb+srv://goals:p%2Fw@goals.ab1c.mongodb.net/goals")
    ('goals', 'p/w')
    """
    if not value.startswith(("mongodb://", "mongodb+srv://")):
        return "", ""
    # Several hosts make no URL of one host and port; what precedes them is read all the same.
    login, at, _hosts = urlsplit(value).netloc.rpartition("@")
    user, _colon, password = login.partition(":")
    return (unquote(user), unquote(password)) if at else ("", "")


def password_of(value: str, user: str) -> str:
    """Give a user's password in a connection string; empty where it has none, or another user's."""
    found, password = login_of(value)
    return password if found == user else ""
