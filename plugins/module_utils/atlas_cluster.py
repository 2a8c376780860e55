"""An Atlas cluster as it should be, as it is, and the one request that makes them equal. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from .atlas_api import AtlasError

FLEX = "FLEX"
IDLE = "IDLE"
# A replica set: three nodes of one region that vote.
NODES = 3
PRIORITY = 7

# What of a dedicated cluster's replication specs is sent back: the rest is for reading.
_SPEC = ("id", "zoneName")
_REGION = (
    "providerName",
    "regionName",
    "priority",
    "electableSpecs",
    "readOnlySpecs",
    "analyticsSpecs",
    "autoScaling",
    "analyticsAutoScaling",
)
# Nodes that are of one size; those for analytics may be of another.
_SIZED = ("electableSpecs", "readOnlySpecs")
# Where Atlas's API keeps a field that can be updated.
_KEYS = {
    "backup": "backupEnabled",
    "termination_protection": "terminationProtectionEnabled",
    "version": "mongoDBMajorVersion",
}
_FIXED = ("provider", "region")


@dataclass(frozen=True)
class Cluster:
    """One cluster, as wanted or as it is."""

    name: str
    # FLEX, or M10 and higher for a dedicated cluster.
    tier: str
    provider: str
    # As Atlas writes it: EU_CENTRAL_1.
    region: str
    termination_protection: bool
    tags: Mapping[str, str]
    # Of a dedicated cluster; None is whatever Atlas does.
    backup: bool | None = None
    version: str | None = None

    @property
    def kind(self) -> str:
        """Its collection in the API."""
        return "flexClusters" if self.tier == FLEX else "clusters"

    def shown(self) -> dict[str, Any]:
        """Give it for a diff."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def read(found: Mapping[str, Any]) -> Cluster:
    """Read a cluster of either kind as the API gives it."""
    tags = {tag["key"]: tag["value"] for tag in found.get("tags", [])}
    protected = found.get("terminationProtectionEnabled", False)
    if "providerSettings" in found:
        settings = found["providerSettings"]
        return Cluster(
            found["name"], FLEX, settings["backingProviderName"], settings["regionName"], protected, tags
        )
    home = _home(found)
    return Cluster(
        found["name"],
        home["electableSpecs"]["instanceSize"],
        home["providerName"],
        home["regionName"],
        protected,
        tags,
        found.get("backupEnabled", False),
        found.get("mongoDBMajorVersion"),
    )


def goal(wanted: Cluster, found: Mapping[str, Any] | None) -> Cluster:
    """Give what is wanted with what is left to others: their tags, and the tier where Atlas scales it.

    Raises:
        AtlasError: the cluster cannot become what is wanted.
    """
    if found is None:
        return wanted
    actual = read(found)
    _usable(actual, found)
    differing = [key for key in _FIXED if getattr(wanted, key) != getattr(actual, key)]
    if differing:
        said = ", ".join(
            f"{key} {getattr(actual, key)} (wanted: {getattr(wanted, key)})" for key in differing
        )
        raise AtlasError(
            f"the cluster {actual.name} has {said}, which cannot be changed in place: set it back, or name a "
            "new cluster and move the data there"
        )
    return replace(
        wanted,
        tags={**actual.tags, **wanted.tags},
        tier=actual.tier if _scales(found) else wanted.tier,
        backup=actual.backup if wanted.backup is None else wanted.backup,
        version=wanted.version or actual.version,
    )


def creation(wanted: Cluster) -> dict[str, Any]:
    """Give the body of the request that creates a cluster."""
    body: dict[str, Any] = {
        "name": wanted.name,
        "tags": _tags(wanted.tags),
        "terminationProtectionEnabled": wanted.termination_protection,
    }
    if wanted.tier == FLEX:
        body["providerSettings"] = {"backingProviderName": wanted.provider, "regionName": wanted.region}
        return body
    region = {
        "providerName": wanted.provider,
        "regionName": wanted.region,
        "priority": PRIORITY,
        "electableSpecs": {"instanceSize": wanted.tier, "nodeCount": NODES},
    }
    body |= {"clusterType": "REPLICASET", "replicationSpecs": [{"regionConfigs": [region]}]}
    if wanted.backup is not None:
        body["backupEnabled"] = wanted.backup
    if wanted.version:
        body["mongoDBMajorVersion"] = wanted.version
    return body


def update(wanted: Cluster, found: Mapping[str, Any]) -> dict[str, Any]:
    """Give the body of the request that makes a cluster what :func:`goal` gave; empty if nothing differs."""
    actual = read(found)
    body = {
        theirs: getattr(wanted, ours)
        for ours, theirs in _KEYS.items()
        if getattr(wanted, ours) != getattr(actual, ours)
    }
    if wanted.tags != actual.tags:
        body["tags"] = _tags(wanted.tags)
    if wanted.tier != actual.tier:
        body["replicationSpecs"] = _resized(found["replicationSpecs"], wanted.tier)
    return body


def connection_string(found: Mapping[str, Any]) -> str:
    """Give the cluster's address without a user; empty as long as there is none."""
    address: str = found.get("connectionStrings", {}).get("standardSrv", "")
    return address


def _usable(actual: Cluster, found: Mapping[str, Any]) -> None:
    if found.get("stateName") in {"DELETING", "DELETED"}:
        raise AtlasError(f"the cluster {actual.name} is being deleted: wait until it is gone, and run again")
    if found.get("paused"):
        raise AtlasError(
            f"the cluster {actual.name} is paused and serves nobody: resume it "
            f"(atlas clusters start {actual.name}), and run again"
        )


def _home(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where a dedicated cluster's primary is preferred."""
    regions = [region for spec in found["replicationSpecs"] for region in spec["regionConfigs"]]
    home: Mapping[str, Any] = max(regions, key=lambda region: region["priority"])
    return home


def _scales(found: Mapping[str, Any]) -> bool:
    if "replicationSpecs" not in found:
        return False
    enabled: bool = _home(found).get("autoScaling", {}).get("compute", {}).get("enabled", False)
    return enabled


def _resized(specs: Sequence[Mapping[str, Any]], size: str) -> list[dict[str, Any]]:
    resized = []
    for spec in specs:
        regions = []
        for found in spec["regionConfigs"]:
            region = {key: copy.deepcopy(found[key]) for key in _REGION if key in found}
            for nodes in _SIZED:
                if nodes in region:
                    region[nodes]["instanceSize"] = size
            regions.append(region)
        resized.append({**{key: spec[key] for key in _SPEC if key in spec}, "regionConfigs": regions})
    return resized


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]
