"""Secrets of an application: where they are kept, whether they are there, and what they hold.

A reference says where a value is kept (`secretsmanager:goals/db#url`); the value itself only ever passes
from the store to the host that needs it.
"""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .faults import Fault
from .release_failure import THROTTLES

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient

#: {service: {environment variable: reference}}
References = Mapping[str, Mapping[str, str]]

#: Stands in check mode for a value that does not exist yet.
TO_BE_MADE = "(to be made)"
SSM_AT_ONCE = 10
SERVER_ERROR = 500
ALPHABET = string.ascii_letters + string.digits


class SecretError(Exception):
    """Why a secret cannot be had, in words for a fault: the problem, and the remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True)
class Reference:
    """The place of one value."""

    store: str
    name: str
    json_key: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read `store:name` or `store:name#key`.

        >>> Reference.parse("secretsmanager:goals/db#url")
        Reference(store='secretsmanager', name='goals/db', json_key='url')
        """
        store, _colon, place = text.partition(":")
        name, _hash, json_key = place.partition("#") if store == "secretsmanager" else (place, "", "")
        return cls(store, name, json_key)

    @property
    def place(self) -> str:
        """What has a version: the reference without its key."""
        return f"{self.store}:{self.name}"


@dataclass(frozen=True)
class Value:
    """What a store holds, and by which of its versions."""

    text: str
    version: str


class SecretsManager:
    """AWS Secrets Manager. Raises SecretError."""

    def __init__(self, client: SecretsManagerClient) -> None:
        self._client = client

    def check(self, name: str) -> None:
        """See that a secret exists, without reading it (DescribeSecret)."""
        try:
            found = self._client.describe_secret(SecretId=name)
        except ClientError as error:
            raise _explained(error, name, "secretsmanager:DescribeSecret") from error
        if "DeletedDate" in found:
            raise SecretError(
                f"Secrets Manager has {name!r} scheduled for deletion",
                f"restore it: aws secretsmanager restore-secret --secret-id {name}",
            )

    def exists(self, name: str) -> bool:
        """Tell whether there is such a secret; raises for one that is there and cannot be used."""
        try:
            self.check(name)
        except SecretError as error:
            if isinstance(error, MissingSecret):
                return False
            raise
        return True

    def read(self, name: str, version: str = "") -> Value:
        """Give a secret's text, its current one or that of a version (GetSecretValue)."""
        pinned = {"VersionId": version} if version else {}
        try:
            found = self._client.get_secret_value(SecretId=name, **pinned)
        except ClientError as error:
            raise _explained(error, name, "secretsmanager:GetSecretValue") from error
        if "SecretString" not in found:
            raise SecretError(f"the secret {name!r} is binary", "store it as text: containers get it as text")
        return Value(found["SecretString"], found["VersionId"])

    def create(self, name: str, length: int, tags: Mapping[str, str]) -> Value:
        """Make a secret with a random value (CreateSecret); never overwrites one."""
        value = "".join(secrets.choice(ALPHABET) for _ in range(length))
        try:
            made = self._client.create_secret(
                Name=name,
                SecretString=value,
                Tags=[{"Key": key, "Value": tag} for key, tag in sorted(tags.items())],
            )
        except self._client.exceptions.ResourceExistsException:
            # Another run was faster; its value is as random as this one.
            return self.read(name)
        except ClientError as error:
            raise _explained(error, name, "secretsmanager:CreateSecret") from error
        return Value(value, made["VersionId"])


class ParameterStore:
    """SSM Parameter Store."""

    def __init__(self, client: SSMClient) -> None:
        self._client = client

    def read(
        self, names: Iterable[str], versions: Mapping[str, str] | None = None, *, decrypt: bool = True
    ) -> dict[str, Value]:
        """Give the values of those parameters that exist, by name (GetParameters).

        `versions` says by name which version is read where it is not the newest.
        """
        pinned = versions or {}
        wanted = sorted({f"{name}:{pinned[name]}" if pinned.get(name) else name for name in names})
        values: dict[str, Value] = {}
        for start in range(0, len(wanted), SSM_AT_ONCE):
            answer = self._client.get_parameters(
                Names=wanted[start : start + SSM_AT_ONCE], WithDecryption=decrypt
            )
            values.update(
                {item["Name"]: Value(item["Value"], str(item["Version"])) for item in answer["Parameters"]}
            )
        return values


class MissingSecret(SecretError):
    """There is no such secret."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Secrets Manager has no {name!r} in this account and region",
            f"create it (aws secretsmanager create-secret --name {name} --secret-string file://...), or let "
            f"Slipway make a random one by secrets_generate: {{{name}: {{length: 32}}}}",
        )


def by_reference(references: References) -> dict[str, list[tuple[str, str]]]:
    """Give each reference once, with the services and variables that use it."""
    users: dict[str, list[tuple[str, str]]] = {}
    for service in sorted(references):
        for variable, text in sorted(references[service].items()):
            users.setdefault(text, []).append((service, variable))
    return users


def pick(text: str, reference: Reference) -> str:
    """Give the value under the reference's JSON key, or the whole where it has none."""
    if not reference.json_key:
        return text
    remedy = f"correct the key, or store a JSON object with the key {reference.json_key!r}"
    try:
        content = json.loads(text)
    except ValueError:
        # Without `from`: the decoder's error holds the text itself.
        raise SecretError(f"the secret {reference.name!r} is no JSON", remedy) from None
    if not isinstance(content, dict) or reference.json_key not in content:
        raise SecretError(f"the secret {reference.name!r} has no key {reference.json_key!r}", remedy)
    value = content[reference.json_key]
    return value if isinstance(value, str) else json.dumps(value)


def fault(error: SecretError, users: Iterable[tuple[str, str]], where: str) -> Fault:
    """Say for whom a secret cannot be had."""
    keys = ", ".join(f"app_services.{service}.secrets.{variable}" for service, variable in users)
    return Fault(where, keys, error.problem, "a secret that exists and can be read", error.remedy)


def _explained(error: ClientError, name: str, action: str) -> SecretError:
    """Put into words what is wrong with a secret. Raises the error where AWS is at fault."""
    code = error.response["Error"]["Code"]
    if code in THROTTLES or error.response["ResponseMetadata"]["HTTPStatusCode"] >= SERVER_ERROR:
        raise error
    if code == "ResourceNotFoundException":
        return MissingSecret(name)
    said: Any = error.response["Error"].get("Message", code)
    return SecretError(
        f"Secrets Manager refuses {name!r}: {code}: {said}",
        f"let the identity that runs Ansible do {action} (and kms:Decrypt on the secret's key)",
    )
