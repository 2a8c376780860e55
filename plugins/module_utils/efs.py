"""An EFS file system, its mount targets and its access points: as wanted, as they are, the calls between.

community.aws.efs knows neither access points nor backups nor check mode.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_efs import EFSClient

NOT_MADE = "(to be made)"


class FileSystemError(Exception):
    """Something that cannot be made as it is wanted, worded for the operator."""


@dataclass(frozen=True)
class AccessPoint:
    """A folder of the file system, with the user that all access through it is of."""

    path: str
    uid: int
    gid: int
    permissions: str = "0750"

    def request(self) -> dict[str, Any]:
        """Give the part of CreateAccessPoint that cannot be changed later."""
        return {
            "PosixUser": {"Uid": self.uid, "Gid": self.gid},
            "RootDirectory": {
                "Path": self.path,
                "CreationInfo": {
                    "OwnerUid": self.uid,
                    "OwnerGid": self.gid,
                    "Permissions": self.permissions,
                },
            },
        }


@dataclass(frozen=True)
class FileSystem:
    """One file system, as wanted or as it is."""

    name: str
    throughput: str
    backup: bool
    # Days until files that nobody reads move to cheaper storage; 0 for never.
    infrequent_after: int
    tags: Mapping[str, str]
    # Subnet to the security groups of its mount target.
    mounts: Mapping[str, tuple[str, ...]]
    access_points: Mapping[str, AccessPoint]
    id: str = field(default="", compare=False)
    access_point_ids: Mapping[str, str] = field(default_factory=dict, compare=False)

    def shown(self) -> dict[str, Any]:
        """Give the settings for a diff."""
        return {
            "name": self.name,
            "throughput": self.throughput,
            "backup": self.backup,
            "infrequent_after": self.infrequent_after,
            "tags": dict(self.tags),
            "mounts": {subnet: sorted(groups) for subnet, groups in sorted(self.mounts.items())},
            "access_points": {name: vars(point) for name, point in sorted(self.access_points.items())},
        }


class FileSystems:
    """The file systems of one account and region."""

    def __init__(
        self, client: EFSClient, *, timeout: float, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._timeout = timeout
        self._sleep = sleep

    def actual(self, name: str) -> FileSystem | None:
        """Read a file system by its creation token, which is its name; None where there is none."""
        found = self._client.describe_file_systems(CreationToken=name)["FileSystems"]
        alive = [system for system in found if system["LifeCycleState"] not in {"deleting", "deleted"}]
        if not alive:
            return None
        system = alive[0]
        identity = system["FileSystemId"]
        points = self._client.describe_access_points(FileSystemId=identity)["AccessPoints"]
        named = {
            _tag(point.get("Tags", []), "Name"): point
            for point in points
            if point["LifeCycleState"] not in {"deleting", "deleted"}
        }
        return FileSystem(
            name,
            system.get("ThroughputMode", "bursting"),
            self._backup(identity),
            self._infrequent_after(identity),
            {tag["Key"]: tag["Value"] for tag in system.get("Tags", [])},
            self._mounts(identity),
            {name: _access_point(point) for name, point in named.items()},
            id=identity,
            access_point_ids={name: point["AccessPointId"] for name, point in named.items()},
        )

    def create(self, wanted: FileSystem) -> str:
        """Create an encrypted file system, wait for it and give its id."""
        made = self._client.create_file_system(
            CreationToken=wanted.name,
            PerformanceMode="generalPurpose",
            Encrypted=True,
            ThroughputMode=wanted.throughput,  # type: ignore[arg-type]
            Backup=wanted.backup,
            Tags=[{"Key": key, "Value": value} for key, value in sorted(wanted.tags.items())],
        )
        identity = made["FileSystemId"]
        self._wait(
            f"the file system {identity}",
            lambda: all(
                system["LifeCycleState"] == "available"
                for system in self._client.describe_file_systems(FileSystemId=identity)["FileSystems"]
            ),
        )
        return identity

    def mend(self, wanted: FileSystem, actual: FileSystem) -> None:
        """Change what differs in an existing file system. Nothing is removed."""
        if wanted.throughput != actual.throughput:
            self._client.update_file_system(FileSystemId=actual.id, ThroughputMode=wanted.throughput)  # type: ignore[arg-type]
        if wanted.backup != actual.backup:
            self._client.put_backup_policy(
                FileSystemId=actual.id, BackupPolicy={"Status": "ENABLED" if wanted.backup else "DISABLED"}
            )
        if wanted.infrequent_after != actual.infrequent_after:
            days = wanted.infrequent_after
            policies = [{"TransitionToIA": f"AFTER_{days}_DAYS"}] if days else []
            self._client.put_lifecycle_configuration(FileSystemId=actual.id, LifecyclePolicies=policies)  # type: ignore[arg-type]
        if wanted.tags != actual.tags:
            self._client.tag_resource(
                ResourceId=actual.id,
                Tags=[{"Key": key, "Value": value} for key, value in sorted(wanted.tags.items())],
            )

    @staticmethod
    def placed(
        wanted: FileSystem, actual: FileSystem, zones: Callable[[Collection[str]], Mapping[str, str]]
    ) -> FileSystem:
        """Leave a mount target where it is if it serves the zone of a subnet that is wanted.

        EFS allows one for each zone, which all its subnets reach, and tasks lose their files when it goes.
        """
        if not actual.mounts or not set(wanted.mounts) - set(actual.mounts):
            return wanted
        where = zones({*wanted.mounts, *actual.mounts})
        serving = {where[subnet]: subnet for subnet in actual.mounts if subnet in where}
        mounts = {
            serving.get(where.get(subnet, ""), subnet): groups for subnet, groups in wanted.mounts.items()
        }
        return replace(wanted, mounts=mounts)

    def mount(self, identity: str, wanted: Mapping[str, tuple[str, ...]]) -> None:
        """Make the mount targets that are missing, and mend the security groups of others."""
        there = {
            target["SubnetId"]: target["MountTargetId"]
            for target in self._client.describe_mount_targets(FileSystemId=identity)["MountTargets"]
        }
        have = self._mounts(identity)
        for subnet, groups in wanted.items():
            if subnet not in there:
                self._client.create_mount_target(
                    FileSystemId=identity, SubnetId=subnet, SecurityGroups=list(groups)
                )
            elif set(have[subnet]) != set(groups):
                self._client.modify_mount_target_security_groups(
                    MountTargetId=there[subnet], SecurityGroups=list(groups)
                )
        self._wait(
            f"the mount targets of {identity}",
            lambda: all(
                target["LifeCycleState"] == "available"
                for target in self._client.describe_mount_targets(FileSystemId=identity)["MountTargets"]
            ),
        )

    def add_access_point(self, identity: str, name: str, wanted: AccessPoint, tags: Mapping[str, str]) -> str:
        """Create an access point, wait for it and give its id."""
        made = self._client.create_access_point(
            FileSystemId=identity,
            # A retried request makes no second one; another path or user is another token.
            ClientToken=f"{name}-{wanted.path}-{wanted.uid}-{wanted.gid}"[:64],
            Tags=[{"Key": key, "Value": value} for key, value in sorted({**tags, "Name": name}.items())],
            **wanted.request(),
        )
        point = made["AccessPointId"]
        self._wait(
            f"the access point {point}",
            lambda: all(
                found["LifeCycleState"] == "available"
                for found in self._client.describe_access_points(AccessPointId=point)["AccessPoints"]
            ),
        )
        return point

    def delete(self, actual: FileSystem) -> None:
        """Delete the file system with all that is in it."""
        for point in actual.access_point_ids.values():
            self._client.delete_access_point(AccessPointId=point)
        self.unmount(actual)
        self._client.delete_file_system(FileSystemId=actual.id)

    def unmount(self, actual: FileSystem) -> None:
        """Delete the mount targets, which hold subnets and security groups; the files stay."""
        for target in self._client.describe_mount_targets(FileSystemId=actual.id)["MountTargets"]:
            self._client.delete_mount_target(MountTargetId=target["MountTargetId"])
        self._wait(
            f"the end of the mount targets of {actual.id}",
            lambda: not self._client.describe_mount_targets(FileSystemId=actual.id)["MountTargets"],
        )

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self._timeout
        while not condition():
            if time.monotonic() > deadline:
                raise FileSystemError(f"waited {self._timeout:.0f} s for {what}: run again to go on waiting")
            self._sleep(1)

    def _mounts(self, identity: str) -> dict[str, tuple[str, ...]]:
        return {
            target["SubnetId"]: tuple(
                sorted(
                    self._client.describe_mount_target_security_groups(MountTargetId=target["MountTargetId"])[
                        "SecurityGroups"
                    ]
                )
            )
            for target in self._client.describe_mount_targets(FileSystemId=identity)["MountTargets"]
        }

    def _backup(self, identity: str) -> bool:
        try:
            policy = self._client.describe_backup_policy(FileSystemId=identity)["BackupPolicy"]
        except self._client.exceptions.PolicyNotFound:
            return False
        return policy["Status"] in {"ENABLED", "ENABLING"}

    def _infrequent_after(self, identity: str) -> int:
        policies = self._client.describe_lifecycle_configuration(FileSystemId=identity)["LifecyclePolicies"]
        given = [policy["TransitionToIA"] for policy in policies if "TransitionToIA" in policy]
        return int(given[0].split("_")[1]) if given else 0


def converge(
    systems: FileSystems,
    wanted: FileSystem,
    zones: Callable[[Collection[str]], Mapping[str, str]],
    *,
    check_mode: bool,
) -> dict[str, Any]:
    """Make the file system as wanted; give changed, its id, those of its access points, and the diff.

    :param zones: looks up the zones of subnets
    Raises:
        FileSystemError: an access point would have to change, which would lead to other files.
    """
    actual = systems.actual(wanted.name)
    wanted = systems.placed(wanted, actual, zones) if actual else wanted
    goal = _merged(wanted, actual)
    moved = [
        name
        for name, point in wanted.access_points.items()
        if actual and name in actual.access_points and actual.access_points[name] != point
    ]
    if actual and moved:
        words = ", ".join(
            f"{name} has {actual.access_points[name]}, wanted {wanted.access_points[name]}" for name in moved
        )
        raise FileSystemError(
            "EFS never changes an access point, and another one would lead to other files or another owner: "
            f"{words}. Set it back, or give the volume another name and move its data"
        )
    result = {
        "changed": goal != actual,
        "diff": {"before": actual.shown() if actual else {}, "after": goal.shown()},
    }
    if goal != actual and not check_mode:
        actual = _made(systems, goal, actual, wanted.tags)
    points = actual.access_point_ids if actual else {}
    return {
        **result,
        "id": actual.id if actual else NOT_MADE,
        "access_points": {name: points.get(name, NOT_MADE) for name in wanted.access_points},
    }


def remove(systems: FileSystems, name: str, *, check_mode: bool) -> dict[str, Any]:
    """Remove the file system with all that is in it."""
    actual = systems.actual(name)
    if actual and not check_mode:
        systems.delete(actual)
    return {
        "changed": actual is not None,
        "diff": {"before": actual.shown() if actual else {}, "after": {}},
    }


def unmount(systems: FileSystems, name: str, *, check_mode: bool) -> dict[str, Any]:
    """Remove the mount targets, so that the network can go, and keep the files."""
    actual = systems.actual(name)
    if not actual:
        return {"changed": False, "diff": {"before": {}, "after": {}}}
    if actual.mounts and not check_mode:
        systems.unmount(actual)
    bare = replace(actual, mounts={})
    return {"changed": bare != actual, "diff": {"before": actual.shown(), "after": bare.shown()}}


def _made(
    systems: FileSystems, goal: FileSystem, actual: FileSystem | None, tags: Mapping[str, str]
) -> FileSystem | None:
    if actual is None:
        systems.create(goal)
        actual = systems.actual(goal.name)
    if actual:
        systems.mend(goal, actual)
        systems.mount(actual.id, goal.mounts)
        for name in sorted(set(goal.access_points) - set(actual.access_points)):
            systems.add_access_point(actual.id, name, goal.access_points[name], tags)
    return systems.actual(goal.name)


def _merged(wanted: FileSystem, actual: FileSystem | None) -> FileSystem:
    """Add what is there and not ours to remove: tags of others, mount targets, access points with data."""
    if actual is None:
        return wanted
    return FileSystem(
        wanted.name,
        wanted.throughput,
        wanted.backup,
        wanted.infrequent_after,
        {**actual.tags, **wanted.tags},
        {**actual.mounts, **wanted.mounts},
        {**actual.access_points, **wanted.access_points},
    )


def _access_point(point: Mapping[str, Any]) -> AccessPoint:
    root = point.get("RootDirectory", {})
    created = root.get("CreationInfo", {})
    user = point.get("PosixUser", {})
    return AccessPoint(
        root.get("Path", "/"), user.get("Uid", 0), user.get("Gid", 0), created.get("Permissions", "")
    )


def _tag(tags: list[Any], key: str) -> str:
    return next((tag["Value"] for tag in tags if tag["Key"] == key), "")
