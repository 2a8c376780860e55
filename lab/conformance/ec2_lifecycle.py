"""What becomes of an instance: stopped, started, terminated, found again by a new control plane."""

import time
from collections.abc import Callable
from typing import Any

from docker.errors import DockerException, NotFound
from ministack.services import ec2

from lab.conformance.around import Parameters, Record, Response, around, numbered
from lab.settings import Settings

STOP_SECONDS = 20
RUNNING = {"Code": 16, "Name": "running"}
STOPPED = {"Code": 80, "Name": "stopped"}
TERMINATED = {"Code": 48, "Name": "terminated"}


def instances_stop_and_start_again(_settings: Settings) -> None:
    """StopInstances stops the machine, StartInstances starts it again; one that powers off is `stopped`."""

    @around(ec2, "_stop_instances")
    def stop(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        answer = original(p)
        if answer[0] == 200:
            for container in _containers(p):
                container.stop(timeout=STOP_SECONDS)
        return answer

    @around(ec2, "_start_instances")
    def start(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        for container in _containers(p):
            container.start()
        return original(p)

    def reconcile(_original: Callable[[list[Record]], None], instances: list[Record]) -> None:
        client = ec2._get_docker()
        for instance in instances:
            if instance.get("VmManager") != "docker" or instance["State"]["Name"] != "running":
                continue
            try:
                status = client.containers.get(instance["_container_name"]).status
            except NotFound:
                instance.update({"State": dict(TERMINATED), "_terminated_at": time.time()})
                continue
            except DockerException:
                # An engine that does not answer says nothing about its containers.
                continue
            if status in ("exited", "dead"):
                instance["State"] = dict(STOPPED)

    around(ec2, "_vm_reconcile_running")(reconcile)


def terminated_instances_leave_no_volume(_settings: Settings) -> None:
    """TerminateInstances removes what the machine kept on its disks."""

    @around(ec2, "_vm_remove_container")
    def with_volumes(_original: Callable[[Record], None], instance: Record) -> None:
        container = ec2._vm_get_container(instance)
        if container is not None:
            container.remove(force=True, v=True)
        for name in ("_container_id", "_container_name", "_ssm_managed", "_address"):
            instance.pop(name, None)


def instances_outlive_the_control_plane(_settings: Settings) -> None:
    """Instances keep running, and are known, when the EC2 control plane stops and comes back."""

    @around(ec2, "get_state")
    def with_containers(original: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        state = original()
        for key, instance in ec2._instances.all_items():
            kept = state["instances"]._data.get(key, {})
            for name in ("_container_id", "_container_name", "_ssm_managed"):
                if name in instance:
                    kept[name] = instance[name]
        return state

    def keep(_original: Callable[[], None]) -> None:
        # DescribeInstances looks at the containers themselves.
        ec2._docker_in_use = True

    around(ec2, "_reconcile_backed_instances_after_restore")(keep)


def _containers(p: Parameters) -> list[Any]:
    instances = [ec2._instances.get(name) for name in numbered(p, "InstanceId")]
    found = [ec2._vm_get_container(each) for each in instances if each and each.get("VmManager") == "docker"]
    return [container for container in found if container is not None]
