"""Volumes of tasks: EFS file systems as folders of the lab, scratch space that ends with its task."""

import re
import shlex
from collections.abc import Callable
from typing import Any

from docker.errors import ContainerError
from ministack.services import ecs, efs

from lab.conformance.around import Record, Response, around
from lab.conformance.ecs_run import ENDED, OPTIONS, Run, StartFailure
from lab.file_systems import as_root
from lab.network import LAB_LABEL
from lab.settings import Settings

EFS_FAILURE = (
    "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: "
)


def tasks_mount_efs_file_systems(settings: Settings) -> None:
    """A task's EFS volume is its file system, or its access point's folder, owned as that one says."""

    def add(run: Run, definition: Record, options: dict[str, Any]) -> None:
        for point, volume in _mounts(run, definition, "efsVolumeConfiguration"):
            folder = _folder(run, settings, volume["efsVolumeConfiguration"])
            _mount(options, f"{settings.file_systems}{folder}", point)

    @around(efs, "_delete_file_system")
    def with_folder(original: Callable[[str], Response], identifier: str) -> Response:
        answer = original(identifier)
        if answer[0] < 300 and (settings.file_systems / identifier).exists():
            as_root(ecs._get_docker(), settings, f"rm -rf {shlex.quote(f'/efs/{identifier}')}")
        return answer

    OPTIONS.append(add)


def tasks_have_scratch_volumes(settings: Settings) -> None:
    """Containers of one task share its volumes that name no source; these are gone with the task."""

    def add(run: Run, definition: Record, options: dict[str, Any]) -> None:
        for point, volume in _mounts(run, definition, ""):
            name = f"{settings.network}-{run.identifier}-{volume['name']}"
            if name not in run.volumes:
                run.client.volumes.create(name, labels={LAB_LABEL: settings.network})
                run.volumes.append(name)
            _mount(options, name, point)

    def ended(run: Run) -> None:
        for name in run.volumes:
            run.client.volumes.get(name).remove(force=True)

    OPTIONS.append(add)
    ENDED.append(ended)


def _mounts(run: Run, definition: Record, kind: str) -> list[tuple[Record, Record]]:
    """The mount points of a container whose volume has a configuration of this kind, or none at all."""
    volumes = {each["name"]: each for each in run.definition.get("volumes", [])}
    points = [(each, volumes[each["sourceVolume"]]) for each in definition.get("mountPoints", [])]
    if kind:
        return [(point, volume) for point, volume in points if volume.get(kind)]
    return [
        (point, volume)
        for point, volume in points
        if not (volume.get("host") or {}).get("sourcePath")
        and not any(value for key, value in volume.items() if key.endswith("Configuration"))
    ]


def _mount(options: dict[str, Any], source: str, point: Record) -> None:
    mode = "ro" if point.get("readOnly") else "rw"
    options["volumes"] = [*options.get("volumes", []), f"{source}:{point['containerPath']}:{mode}"]


def _folder(run: Run, settings: Settings, wanted: Record) -> str:
    """The folder to mount, below that of all file systems. Raises StartFailure if AWS would not mount it."""
    system = wanted["fileSystemId"]
    host = f"{system}.efs.{ecs.get_region()}.amazonaws.com"
    if not any(each["FileSystemId"] == system for each in efs._mount_targets.values()):
        raise StartFailure(
            f'{EFS_FAILURE}Failed to resolve "{host}" - check that your file system ID is correct, and '
            "ensure that the VPC has an EFS mount target for this file system ID."
        )
    name = (wanted.get("authorizationConfig") or {}).get("accessPointId")
    path = re.sub("/+", "/", wanted.get("rootDirectory") or "/").rstrip("/")
    make = f"mkdir -p /efs/{system}"
    if name:
        access = efs._access_points.get(name)
        if access is None or access["FileSystemId"] != system:
            raise StartFailure(
                f"{EFS_FAILURE}b'mount.nfs4: access denied by server while mounting 127.0.0.1:/'"
            )
        root = access["RootDirectory"]
        path = (root.get("Path") or "/").rstrip("/")
        creation = root.get("CreationInfo")
        if creation and path:
            target = shlex.quote(f"/efs/{system}{path}")
            owner = f"{creation['OwnerUid']}:{creation['OwnerGid']}"
            change = f"chown {owner} {target} && chmod {creation['Permissions']} {target}"
            # As on AWS, one that exists is left as it is.
            make += f" && (test -d {target} || (mkdir -p {target} && {change}))"
    try:
        as_root(run.client, settings, f"{make} && test -d {shlex.quote(f'/efs/{system}{path}')}")
    except ContainerError as error:
        raise StartFailure(
            f"{EFS_FAILURE}b'mount.nfs4: mounting {host}:{path} failed, "
            "reason given by server: No such file or directory'"
        ) from error
    return f"/{system}{path}"
