"""What a container definition asks for, as its container has it."""

import subprocess
import time
from typing import Any

from docker.types import Ulimit
from ministack.services import cloudwatch_logs, ecs

from lab.conformance import ecs_run
from lab.conformance.around import Record
from lab.conformance.ecs_run import Run, Seen, StartFailure
from lab.settings import Settings

SECOND = 1_000_000_000
MIB = 1024 * 1024
START_SECONDS = 180
KILLED = 137


def containers_run_as_their_definition_says(_settings: Settings) -> None:
    """A container has its definition's user, entry point, read-only root, init, tmpfs, ulimits and labels."""

    def add(_run: Run, definition: Record, options: dict[str, Any]) -> None:
        for name, option in (
            ("user", "user"),
            ("entryPoint", "entrypoint"),
            ("workingDirectory", "working_dir"),
        ):
            if definition.get(name):
                options[option] = definition[name]
        options["labels"] = {**definition.get("dockerLabels", {}), **options["labels"]}
        options["read_only"] = bool(definition.get("readonlyRootFilesystem"))
        options["ulimits"] = [
            Ulimit(name=each["name"], soft=each["softLimit"], hard=each["hardLimit"])
            for each in definition.get("ulimits", [])
        ]
        linux = definition.get("linuxParameters") or {}
        options["init"] = bool(linux.get("initProcessEnabled"))
        options["cap_drop"] = (linux.get("capabilities") or {}).get("drop") or []
        options["tmpfs"] = {
            each["containerPath"]: ",".join([f"size={each['size']}m", *each.get("mountOptions", [])])
            for each in linux.get("tmpfs", [])
        }

    ecs_run.OPTIONS.append(add)


def containers_are_limited_to_their_memory(_settings: Settings) -> None:
    """A container over its memory is killed: exit code 137 and OutOfMemoryError."""

    def add(run: Run, definition: Record, options: dict[str, Any]) -> None:
        limit = int(definition.get("memory") or run.definition.get("memory") or 0)
        if limit:
            options["mem_limit"] = limit * MIB
        if definition.get("memoryReservation"):
            options["mem_reservation"] = int(definition["memoryReservation"]) * MIB

    def reason(container: Record) -> str:
        state = container["State"]
        killed = state.get("OOMKilled") or (state["ExitCode"] == KILLED and _in_kernel_log(container["Id"]))
        return "OutOfMemoryError: Container killed due to memory usage" if killed else ""

    ecs_run.OPTIONS.append(add)
    ecs_run.REASONS.append(reason)


def _in_kernel_log(container: str) -> bool:
    """Whether the kernel says that it killed for memory there; Docker 20.10 on cgroup v1 can miss it."""
    read = subprocess.run(["dmesg"], capture_output=True, text=True, check=False)
    return f"oom_memcg=/docker/{container}" in read.stdout


def containers_have_time_to_stop(_settings: Settings) -> None:
    """A container that is told to stop has its stopTimeout, else 30 seconds, before it is killed."""
    ecs_run.PATIENCE.append(lambda definition: int(definition.get("stopTimeout") or ecs_run.STOP_SECONDS))


def containers_have_health_checks(_settings: Settings) -> None:
    """A container is HEALTHY or UNHEALTHY as its healthCheck finds; a task as its essential containers."""

    def add(_run: Run, definition: Record, options: dict[str, Any]) -> None:
        check = definition.get("healthCheck")
        # One that only the image has does not count.
        options["healthcheck"] = {"test": ["NONE"]}
        if check:
            options["healthcheck"] = {
                "test": check["command"],
                "interval": int(check.get("interval", 30)) * SECOND,
                "timeout": int(check.get("timeout", 5)) * SECOND,
                "retries": int(check.get("retries", 3)),
                "start_period": int(check.get("startPeriod", 0)) * SECOND,
            }

    def observe(run: Run, seen: dict[str, Seen]) -> None:
        for name, each in seen.items():
            if each.status == "running":
                run.record(name)["healthStatus"] = each.health
        checked = [
            run.record(each["name"])["healthStatus"]
            for each in run.containers()
            if each.get("healthCheck") and each.get("essential", True)
        ]
        if "UNHEALTHY" in checked:
            run.task["healthStatus"] = "UNHEALTHY"
        else:
            run.task["healthStatus"] = "HEALTHY" if set(checked) == {"HEALTHY"} else "UNKNOWN"

    ecs_run.OPTIONS.append(add)
    ecs_run.OBSERVERS.append(observe)


def containers_start_after_what_they_depend_on(_settings: Settings) -> None:
    """A container starts when those it depends on have started, completed, succeeded or become healthy."""

    def ready(run: Run, definition: Record, seen: dict[str, Seen]) -> bool:
        return all(_met(run, each, seen) for each in definition.get("dependsOn", []))

    def depth(run: Run, name: str) -> int:
        definition = next(each for each in run.containers() if each["name"] == name)
        needs = [each["containerName"] for each in definition.get("dependsOn", [])]
        return 1 + max((depth(run, need) for need in needs), default=-1)

    ecs_run.READY.append(ready)
    ecs_run.DEPTH.append(depth)


def containers_need_their_log_group(_settings: Settings) -> None:
    """A task does not start if the log group of a container is not there and is not to be created."""

    def add(_run: Run, definition: Record, _options: dict[str, Any]) -> None:
        config = ecs._awslogs_config(definition, "", "")
        if config and not config["create_group"] and config["group"] not in cloudwatch_logs._log_groups:
            raise StartFailure(
                "ResourceInitializationError: failed to validate logger args: create stream has been "
                "retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The "
                "specified log group does not exist. : exit status 1"
            )

    ecs_run.OPTIONS.append(add)


def _met(run: Run, dependency: Record, seen: dict[str, Seen]) -> bool:
    """Whether one condition is met. Raises StartFailure if it cannot be any more."""
    name, condition = dependency["containerName"], dependency["condition"]
    if name not in run.started:
        return False
    record = run.record(name)
    ended = record["lastStatus"] == "STOPPED"
    if condition == "START" or (condition == "COMPLETE" and ended):
        return True
    if condition == "SUCCESS" and ended and record.get("exitCode") == 0:
        return True
    shown = seen.get(name)
    if condition == "HEALTHY" and shown is not None and shown.health == "HEALTHY":
        return True
    definition = next(each for each in run.containers() if each["name"] == name)
    patience = int(definition.get("startTimeout") or START_SECONDS)
    late = time.monotonic() - run.times[name] > patience
    hopeless = (ended and condition in ("SUCCESS", "HEALTHY")) or late
    if hopeless or (shown is not None and shown.health == "UNHEALTHY"):
        raise StartFailure("Task failed to start")
    return False
