"""Who reaches an Atlas cluster: the project's IP access list, and the database user. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .atlas_api import AtlasError

# Users that log in by a password are kept in this database.
USERS = "admin"
SECURITY_GROUP = "sg-"


@dataclass(frozen=True)
class Entry:
    """One entry of the access list: a block of addresses, or a security group of a peered VPC."""

    # A CIDR, also for one address, or the id of a security group.
    value: str
    comment: str = ""

    def body(self) -> dict[str, str]:
        """Write it as the API does."""
        key = "awsSecurityGroup" if self.value.startswith(SECURITY_GROUP) else "cidrBlock"
        return {key: self.value, "comment": self.comment}


@dataclass(frozen=True)
class User:
    """A database user and what it may do, in one cluster alone."""

    name: str
    # Pairs of role and database.
    roles: frozenset[tuple[str, str]]
    cluster: str

    def body(self) -> dict[str, Any]:
        """Write as the API does what it may do."""
        return {
            "roles": [{"roleName": role, "databaseName": database} for role, database in sorted(self.roles)],
            "scopes": [{"name": self.cluster, "type": "CLUSTER"}],
        }

    def shown(self) -> dict[str, Any]:
        """Give it for a diff."""
        return {"name": self.name, **self.body()}


def entries(given: Iterable[Any]) -> list[Entry]:
    """Read entries as an inventory has them: texts, or mappings of ``cidr`` and ``description``.

    Raises:
        AtlasError: some are wrong; all of these are named.
    """
    read, faults = [], []
    for position, item in enumerate(given):
        try:
            read.append(_entry(item))
        except ValueError as error:
            faults.append(f"access_list[{position}]: {error}")
    if faults:
        raise AtlasError("; ".join(faults))
    return read


def listed(found: Mapping[str, Any]) -> Entry:
    """Read an entry as the API gives it."""
    return Entry(
        found.get("awsSecurityGroup") or _block(found.get("cidrBlock") or found["ipAddress"]),
        found.get("comment", ""),
    )


def user(found: Mapping[str, Any], cluster: str) -> User:
    """Read a user as the API gives it; its cluster is empty unless it is bound to the given one alone."""
    scopes = [(scope["type"], scope["name"]) for scope in found.get("scopes", [])]
    return User(
        found["username"],
        frozenset((role["roleName"], role["databaseName"]) for role in found.get("roles", [])),
        cluster if scopes == [("CLUSTER", cluster)] else "",
    )


def _entry(item: Any) -> Entry:
    given = {"cidr": item} if isinstance(item, str) else item
    if not isinstance(given, Mapping) or "cidr" not in given or set(given) - {"cidr", "description"}:
        raise ValueError(
            f"{item!r}: expected a CIDR, a security group, or a mapping of `cidr` and `description`"
        )
    value = str(given["cidr"])
    return Entry(
        value if value.startswith(SECURITY_GROUP) else _block(value), str(given.get("description", ""))
    )


def _block(text: str) -> str:
    try:
        return str(ipaddress.IPv4Network(text))
    except ValueError as error:
        raise ValueError(f"{error}: expected a CIDR such as 203.0.113.7/32") from error
