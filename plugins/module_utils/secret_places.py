"""Where ECS finds an application's secrets: ARNs and versions, never a value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from .ecs_api import batches
from .secret_store import SSM_AT_ONCE, TO_BE_MADE, Reference, References

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient

CURRENT = "AWSCURRENT"


class PlaceError(Exception):
    """Secrets that do not exist, all of them, worded for the operator."""


def find(
    references: References,
    secrets_manager: Callable[[], SecretsManagerClient],
    parameter_store: Callable[[], SSMClient],
    expected: Collection[str] = (),
    versions: Mapping[str, str] | None = None,
) -> dict[str, dict[str, dict[str, str]]]:
    """Give for each service and variable `arn`, as a container definition's valueFrom has it, and `version`.

    A secret of Secrets Manager is pinned to its version: a task definition always means the same value.
    `expected` names secrets that will be made, and may be missing. `versions` says by place
    (`secretsmanager:name`) which version is meant where it is not the current one.

    Raises:
        PlaceError: some do not exist.
    """
    wanted = {
        (service, variable): Reference.parse(text)
        for service, held in references.items()
        for variable, text in held.items()
    }
    stored = {place.name for place in wanted.values() if place.store == "secretsmanager"}
    parameters = {place.name for place in wanted.values() if place.store == "ssm"}
    secrets = _secrets(stored, secrets_manager()) if stored else {}
    for name in stored & set(expected) - set(secrets):
        secrets[name] = {"arn": TO_BE_MADE, "version": ""}
    values = _parameters(parameters, parameter_store()) if parameters else {}
    missing = sorted((stored - set(secrets)) | (parameters - set(values)))
    if missing:
        raise PlaceError(f"neither Secrets Manager nor Parameter Store has {', '.join(missing)}")
    found: dict[str, dict[str, dict[str, str]]] = {}
    for (service, variable), place in wanted.items():
        found.setdefault(service, {})[variable] = (
            _pinned(secrets[place.name], place.json_key, (versions or {}).get(place.place))
            if place.store == "secretsmanager"
            else values[place.name]
        )
    return found


def versions_of(
    references: References, places: Mapping[str, Mapping[str, Mapping[str, str]]]
) -> dict[str, str]:
    """Give the version of each place, as a later run may ask for it."""
    return {
        Reference.parse(text).place: places[service][variable]["version"]
        for service, held in references.items()
        for variable, text in held.items()
    }


def _pinned(secret: Mapping[str, str], json_key: str, version: str | None) -> dict[str, str]:
    version = version or secret["version"]
    return {"arn": f"{secret['arn']}:{json_key}::{version}", "version": version}


def _secrets(names: set[str], client: SecretsManagerClient) -> dict[str, dict[str, str]]:
    found = {}
    for name in sorted(names):
        try:
            secret = client.describe_secret(SecretId=name)
        except client.exceptions.ResourceNotFoundException:
            continue
        stages = secret.get("VersionIdsToStages", {})
        found[name] = {
            "arn": secret["ARN"],
            "version": next((version for version, labels in stages.items() if CURRENT in labels), ""),
        }
    return found


def _parameters(names: set[str], client: SSMClient) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, Any]] = {}
    for asked in batches(sorted(names), SSM_AT_ONCE):
        # Encrypted values stay encrypted.
        answer = client.get_parameters(Names=asked, WithDecryption=False)
        for parameter in answer["Parameters"]:
            found[parameter["Name"]] = {"arn": parameter["ARN"], "version": str(parameter["Version"])}
    return found
