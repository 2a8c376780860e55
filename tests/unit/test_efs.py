"""Mount targets stay where they serve, and leave without the files."""

from typing import Any

from plugins.module_utils.efs import FileSystem, FileSystems, converge, unmount
from tests.unit.aws_doubles import Double

GROUPS = ("sg-00000001",)
ZONES = {"subnet-00000001": "a", "subnet-00000002": "b", "subnet-00000008": "a", "subnet-00000009": "b"}


class Efs(Double):
    """One file system with mount targets."""

    service = "efs"

    def __init__(self, *subnets: str) -> None:
        super().__init__()
        self.mounts = {f"fsmt-{subnet}": subnet for subnet in subnets}

    def do_describe_file_systems(self, **_params: Any) -> Any:
        system = {"FileSystemId": "fs-1", "LifeCycleState": "available", "ThroughputMode": "elastic"}
        return {"FileSystems": [{**system, "Tags": [{"Key": "Name", "Value": "goals-prod"}]}]}

    def do_describe_access_points(self, **_params: Any) -> Any:
        return {"AccessPoints": []}

    def do_describe_backup_policy(self, **_params: Any) -> Any:
        return {"BackupPolicy": {"Status": "ENABLED"}}

    def do_describe_lifecycle_configuration(self, **_params: Any) -> Any:
        return {"LifecyclePolicies": []}

    def do_describe_mount_targets(self, **_params: Any) -> Any:
        return {
            "MountTargets": [
                {"MountTargetId": target, "SubnetId": subnet, "LifeCycleState": "available"}
                for target, subnet in self.mounts.items()
            ]
        }

    def do_describe_mount_target_security_groups(self, **_params: Any) -> Any:
        return {"SecurityGroups": list(GROUPS)}

    def do_create_mount_target(self, SubnetId: str, **_params: Any) -> Any:
        self.mounts[f"fsmt-{SubnetId}"] = SubnetId

    def do_delete_mount_target(self, MountTargetId: str) -> None:
        del self.mounts[MountTargetId]


def run(client: Any, *subnets: str, check_mode: bool = False) -> dict[str, Any]:
    wanted = FileSystem(
        "goals-prod", "elastic", True, 0, {"Name": "goals-prod"}, dict.fromkeys(subnets, GROUPS), {}
    )
    systems = FileSystems(client, timeout=0, sleep=lambda _seconds: None)
    return converge(
        systems, wanted, lambda asked: {subnet: ZONES[subnet] for subnet in asked}, check_mode=check_mode
    )


def test_a_mount_target_serves_every_subnet_of_its_zone() -> None:
    client = Efs("subnet-00000001", "subnet-00000002")
    assert not run(client, "subnet-00000008", "subnet-00000009")["changed"]
    assert client.writes() == []


def test_a_zone_without_one_gets_one_in_the_subnet_that_is_wanted() -> None:
    client = Efs("subnet-00000001")
    assert run(client, "subnet-00000008", "subnet-00000009")["changed"]
    assert sorted(client.mounts.values()) == ["subnet-00000001", "subnet-00000009"]
    assert not run(client, "subnet-00000008", "subnet-00000009")["changed"]


def test_unmounting_keeps_the_files() -> None:
    client = Efs("subnet-00000001", "subnet-00000002")
    systems = FileSystems(client, timeout=0, sleep=lambda _seconds: None)  # type: ignore[arg-type]
    assert unmount(systems, "goals-prod", check_mode=True)["changed"]
    assert client.writes() == []
    assert unmount(systems, "goals-prod", check_mode=False)["changed"]
    assert {name for name, _params in client.writes()} == {"delete_mount_target"}
    assert not unmount(systems, "goals-prod", check_mode=False)["changed"]
