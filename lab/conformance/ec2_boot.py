"""What an instance boots as: a machine with an address of its own, its key and its user data."""

import base64
import functools
import io
import json
import tarfile
from collections.abc import Callable
from typing import Any

from ministack.services import ec2

from lab.conformance.around import Record, around
from lab.machine import HostFlags, host_flags
from lab.network import INSTANCE_LABEL, LAB_LABEL, free_address
from lab.settings import Settings

SEED = "var/lib/cloud/seed/nocloud"

# The files that cloud-init finds at an instance's first boot; empty until the patch for it is applied.
_seed: list[Callable[[Record], dict[str, str]]] = []
_flags: Callable[[], HostFlags] = functools.cache(host_flags)


def instances_boot_their_own_init(settings: Settings) -> None:
    """An instance runs its image's own init as process 1 and keeps its private address for life."""

    @around(ec2, "_vm_launch")
    def boot(_original: Callable[[Record, str], Any], instance: Record, image: str) -> Any:
        client = ec2._get_docker()
        flags = _flags()
        address = free_address(client, settings, addresses())
        name = f"{settings.network}-{instance['InstanceId']}"
        container = client.containers.create(
            image,
            name=name,
            hostname=f"ip-{address.replace('.', '-')}",
            # Not MiniStack's own labels: it removes all containers with those whenever it starts or stops.
            labels={LAB_LABEL: settings.network, INSTANCE_LABEL: instance["InstanceId"]},
            # An instance that reboots itself ends its container.
            restart_policy={"Name": "unless-stopped"},
            network=settings.network,
            networking_config={settings.network: client.api.create_endpoint_config(ipv4_address=address)},
            privileged=flags.privileged,
            cap_add=flags.capabilities,
            security_opt=flags.security_opts,
            cgroupns=flags.cgroupns_mode,
            volumes=flags.volumes,
            tmpfs=dict.fromkeys(flags.tmpfs, ""),
        )
        instance.update({"_container_id": container.id, "_container_name": name, "VmManager": "docker"})
        instance["_address"] = address
        for make in _seed:
            container.put_archive("/", _archive(make({**instance, "PrivateIpAddress": address})))
        container.start()
        ec2._docker_in_use = True
        ec2._vm_apply_container_ip(instance, container, settings.network)
        instance["_ssm_managed"] = ec2._probe_shell(container)
        return container


def instances_get_their_key_pair_and_user_data(settings: Settings) -> None:
    """cloud-init finds the instance's key pair, host name and user data at its first boot."""

    def seed(instance: Record) -> dict[str, str]:
        pair = ec2._key_pairs.get(instance.get("KeyName", ""), {})
        address = instance["PrivateIpAddress"].replace(".", "-")
        metadata = {
            "instance-id": instance["InstanceId"],
            "local-hostname": f"ip-{address}.{settings.region}.compute.internal",
            "public-keys": [pair["PublicKey"]] if pair.get("PublicKey") else [],
        }
        return {
            f"{SEED}/meta-data": json.dumps(metadata),
            f"{SEED}/user-data": base64.b64decode(instance.get("UserData") or "").decode(),
        }

    _seed.append(seed)


def addresses() -> set[str]:
    """Of all instances, running or stopped; Docker itself counts only the running."""
    return {str(each["_address"]) for each in ec2._instances.all_values() if each.get("_address")}


def _archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            member.mode = 0o600
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()
