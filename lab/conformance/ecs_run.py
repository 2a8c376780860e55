"""One task of ECS as it runs: its containers in the Docker Engine, what is seen of them, and how they end."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from docker.errors import DockerException, NotFound
from ministack.core import container_reaper
from ministack.services import ecs
from requests import RequestException

from lab.conformance.around import Record

logger = logging.getLogger("lab.ecs")

LOOK_SECONDS = 0.2
# Of ECS, where a container definition names none.
STOP_SECONDS = 30
LOG_SECONDS = 3
# Of a container that somebody else removed.
KILLED = 137
# What the engine answers, and that it does not.
ENGINE_ERRORS = (DockerException, RequestException)


class StartFailure(Exception):
    """Why a task does not start, as its stoppedReason says it."""


@dataclass(frozen=True)
class Seen:
    """A container as the engine lists it."""

    status: str
    health: str


@dataclass
class Run:
    """A task, its definition, and what was started for it."""

    task: Record
    definition: Record
    overrides: list[Record]
    client: Any
    pause: Any = None
    started: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    logs: list[threading.Thread] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)
    stop: tuple[str, str] | None = None

    @property
    def arn(self) -> str:
        """The task's ARN."""
        return str(self.task["taskArn"])

    @property
    def identifier(self) -> str:
        """The last part of the ARN."""
        return self.arn.rsplit("/", 1)[-1]

    def containers(self) -> list[Record]:
        """The definitions of its containers."""
        return list(self.definition["containerDefinitions"])

    def record(self, name: str) -> Record:
        """What DescribeTasks shows of one container."""
        return next(each for each in self.task["containers"] if each["name"] == name)

    def end(self, reason: str, code: str) -> None:
        """Let the task's own thread stop it; the first reason is the one that counts."""
        with ecs.resource_lock("ecs-task", self.arn):
            if self.stop is None:
                self.stop = (reason, code)
                self.task["desiredStatus"] = "STOPPED"
                self.task["stoppingAt"] = ecs._iso()
                self.task["stoppedReason"], self.task["stopCode"] = reason, code
                ecs._bump_task_version(self.task)

    def show(self, status: str) -> None:
        """Change what DescribeTasks and the metadata endpoint say of the task."""
        self.task["lastStatus"] = status
        ecs._bump_task_version(self.task)
        ecs.ecs_metadata.set_task_status(self.arn, known_status=status)
        cluster = ecs._cluster_name_from_arn(self.task["clusterArn"])
        if cluster:
            ecs._recount_cluster(cluster)


# Tasks that are not STOPPED, by ARN.
RUNS: dict[str, Run] = {}
# What patches add: to how a container is made; what is done once a task has its interface, before its
# containers are told to stop, and after the last one is gone.
Options = Callable[[Run, Record, dict[str, Any]], None]
OPTIONS: list[Options] = []
ATTACHED: list[Callable[[Run], None]] = []
LEAVING: list[Callable[[Run], None]] = []
ENDED: list[Callable[[Run], None]] = []
# Whether a container may start yet; raises StartFailure if it never will. The deeper stop first.
READY: list[Callable[[Run, Record, dict[str, Seen]], bool]] = []
DEPTH: list[Callable[[Run, str], int]] = []
# How the engine calls an image, by its name in a container definition.
REFERENCES: list[Callable[[str], str]] = []
# What is made of the containers as they are seen.
OBSERVERS: list[Callable[[Run, dict[str, Seen]], None]] = []
# What a container's `reason` says, from the engine's record of its end.
REASONS: list[Callable[[Record], str]] = []
# How long a container may take to stop.
PATIENCE: list[Callable[[Record], int]] = []

_looking = threading.Lock()
_seen: dict[str, Seen] = {}
_looked = [0.0]


def look(client: Any) -> tuple[float, dict[str, Seen]]:
    """When a listing began, and every container of this MiniStack's tasks in it; one serves all tasks."""
    with _looking:
        if time.monotonic() - _looked[0] >= LOOK_SECONDS:
            begun = time.monotonic()
            mine = f"{container_reaper.INSTANCE_LABEL}={container_reaper.instance_id()}"
            listed = client.api.containers(all=True, filters={"label": ["ministack=ecs", mine]})
            _seen.clear()
            _seen.update({each["Id"]: Seen(each["State"], _health(each["Status"])) for each in listed})
            _looked[0] = begun
        return _looked[0], dict(_seen)


def _health(status: str) -> str:
    for text, health in (("(healthy)", "HEALTHY"), ("(unhealthy)", "UNHEALTHY")):
        if text in status:
            return health
    return "UNKNOWN"


def begin(run: Run, start: Callable[[Run, Record], None]) -> None:
    """Start the containers, each when it may, until all have or the task is to stop."""
    waiting = run.containers()
    while waiting and run.stop is None:
        seen = observe(run)
        for definition in list(waiting):
            if run.stop is None and all(ready(run, definition, seen) for ready in READY):
                start(run, definition)
                waiting.remove(definition)
        time.sleep(LOOK_SECONDS if waiting else 0)


def observe(run: Run) -> dict[str, Seen]:
    """Take over what the engine shows of the containers, by name; an essential one's end ends the task."""
    try:
        looked, listed = look(run.client)
    except ENGINE_ERRORS:
        # An engine that does not answer says nothing about its containers.
        return {}
    found = {}
    for definition in run.containers():
        name = definition["name"]
        container = run.started.get(name)
        if container is None:
            continue
        shown = listed.get(container.id)
        if shown is None and run.times.get(name, looked) < looked:
            shown = Seen("dead", "UNKNOWN")
        if shown is None:
            continue
        found[name] = shown
        record = run.record(name)
        if shown.status in ("exited", "dead") and record["lastStatus"] != "STOPPED":
            _take_over_end(run, record, container)
            if definition.get("essential", True):
                run.end("Essential container in task exited", "EssentialContainerExited")
    for take in OBSERVERS:
        take(run, found)
    if found and len(found) == len(run.containers()):
        states = {run.record(each["name"])["lastStatus"] for each in run.containers()}
        if states == {"STOPPED"}:
            run.end("Essential container in task exited", "EssentialContainerExited")
    return found


def _take_over_end(run: Run, record: Record, container: Any) -> None:
    try:
        container.reload()
    except NotFound:
        record.update({"lastStatus": "STOPPED", "exitCode": KILLED})
        return
    state = container.attrs["State"]
    if state["Running"]:
        return
    record["lastStatus"] = "STOPPED"
    record["exitCode"] = state["ExitCode"]
    for reason in REASONS:
        text = reason(container.attrs)
        if text:
            record["reason"] = text
    token = run.tokens.get(record["name"])
    if token:
        ecs.ecs_metadata.set_container_status(token, "STOPPED")


def finish(run: Run) -> None:
    """Stop what runs, dependants first, write down how it ended, and leave nothing in the engine."""
    if run.started:
        run.show("DEACTIVATING")
        for leave in LEAVING:
            leave(run)
    run.show("STOPPING")
    depths: dict[int, list[str]] = {}
    for name in run.started:
        depths.setdefault(max((depth(run, name) for depth in DEPTH), default=0), []).append(name)
    for depth in sorted(depths, reverse=True):
        stoppers = [threading.Thread(target=_stop, args=(run, name)) for name in depths[depth]]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()
    run.task["executionStoppedAt"] = ecs._iso()
    run.show("DEPROVISIONING")
    for log in run.logs:
        log.join(LOG_SECONDS)
    _clean_up(run)
    for record in run.task["containers"]:
        record["lastStatus"] = "STOPPED"
    run.task["_docker_ids"] = []
    run.task["stoppedAt"] = ecs._iso()
    run.show("STOPPED")


def _clean_up(run: Run) -> None:
    """Leave nothing of a task in the engine or at the metadata endpoint."""
    for container in [*run.started.values(), run.pause]:
        if container is not None:
            _remove(container)
    for ended in ENDED:
        try:
            ended(run)
        except ENGINE_ERRORS as error:
            logger.warning("task %s: %s", run.arn, error)
    for token in run.tokens.values():
        ecs.ecs_metadata.unregister_token(token)


def _stop(run: Run, name: str) -> None:
    definition = next(each for each in run.containers() if each["name"] == name)
    container, record = run.started[name], run.record(name)
    try:
        if record["lastStatus"] != "STOPPED":
            container.stop(timeout=max((each(definition) for each in PATIENCE), default=STOP_SECONDS))
            _take_over_end(run, record, container)
    except ENGINE_ERRORS as error:
        logger.warning("container %s of task %s: %s", name, run.arn, error)


def _remove(container: Any) -> None:
    try:
        container.remove(force=True, v=True)
    except NotFound:
        return
    except ENGINE_ERRORS as error:
        logger.warning("container %s: %s", container.name, error)
