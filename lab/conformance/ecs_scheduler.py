"""The service scheduler: which tasks to start and to stop next, and what becomes of a deployment."""

import logging
import math
import threading
import time
from collections.abc import Callable

from ministack.core.responses import request_scope
from ministack.services import ecs

from lab.conformance.around import Record
from lab.conformance.ecs_run import RUNS
from lab.rolling_update import View, decide

logger = logging.getLogger("lab.ecs.scheduler")

TICK_SECONDS = 0.25
# How long a task without any health check must run before it counts as healthy.
STEADY_SECONDS = 2.0
# Failures in a row after which ECS waits longer and longer between attempts.
PATIENT_FAILURES = 3
LONGEST_WAIT_SECONDS = 60

LOCK = threading.RLock()
_wake = threading.Event()

# What patches add. Whether a running task is healthy as far as they can see.
HEALTHY: list[Callable[[Record, Record], bool]] = []
# Before decisions: targets to register, unhealthy tasks to stop.
BEFORE: list[Callable[[Record, list[Record]], None]] = []
# After a task of a deployment in progress failed.
FAILED: list[Callable[[Record, Record], None]] = []
# Something to tell in the service's events.
TELL: list[Callable[[Record, str], None]] = []


def tell(service: Record, message: str) -> None:
    """Put a message into the service's events, as far as these are AWS's."""
    for each in TELL:
        each(service, f"(service {service['serviceName']}) {message}")


def wake() -> None:
    """Let the scheduler look now."""
    _wake.set()


def run() -> None:
    """Look after every service, for ever."""
    while True:
        _wake.wait(TICK_SECONDS)
        _wake.clear()
        with LOCK:
            services = list(ecs._services.all_items())
        for (account, region, key), service in services:
            try:
                with LOCK, request_scope(account, region):
                    _look_after(key, service)
            except Exception:
                # One service's fault must not keep the others from theirs.
                logger.exception("service %s", key)


def tasks_of(service: Record) -> list[Record]:
    """Every task of a service that is known, ended ones too."""
    group = f"service:{service['serviceName']}"
    return [
        task
        for task in list(ecs._tasks.values())
        if task.get("group") == group and task["clusterArn"] == service["clusterArn"]
    ]


def wanted(task: Record) -> bool:
    """Whether a task is to run."""
    return bool(task["desiredStatus"] == "RUNNING" and task["lastStatus"] != "STOPPED")


def stop(task: Record, reason: str) -> None:
    """Stop a task in the scheduler's name."""
    run = RUNS.get(task["taskArn"])
    if run is not None:
        run.end(reason, "ServiceSchedulerInitiated")


def healthy(service: Record, task: Record) -> bool:
    """Whether a task counts for the healthy percent."""
    if task["lastStatus"] != "RUNNING" or not wanted(task):
        return False
    return all(each(service, task) for each in HEALTHY)


def _look_after(key: str, service: Record) -> None:
    tasks = tasks_of(service)
    alive = [task for task in tasks if task["lastStatus"] != "STOPPED"]
    if service["status"] == "DRAINING":
        _drain(service, alive)
    if service["status"] != "ACTIVE":
        return
    for before in BEFORE:
        before(service, alive)
    for task in tasks:
        if task["desiredStatus"] == "STOPPED" and not task.get("_judged"):
            task["_judged"] = True
            _judge(service, task)
    _count(service, alive)
    primary = ecs._primary_deployment(service)
    if primary is None:
        return
    if primary["rolloutState"] == "FAILED":
        _scale_in(service, primary, alive)
        return
    _converge(key, service, primary, alive)
    _count(service, [task for task in tasks_of(service) if task["lastStatus"] != "STOPPED"])
    _conclude(service, primary, alive)


def _drain(service: Record, alive: list[Record]) -> None:
    for before in BEFORE:
        before(service, alive)
    for task in alive:
        if wanted(task):
            stop(task, f"Scaling activity initiated by (deployment {service['deployments'][0]['id']})")
    _count(service, alive)
    if not alive:
        service["status"] = "INACTIVE"
        service["deployments"] = []


def _judge(service: Record, task: Record) -> None:
    """Count a task that ended although nobody asked it to."""
    if task["stopCode"] == "TaskFailedToStart":
        tell(service, f"was unable to place a task. Reason: {task['stoppedReason']}.")
    failed = task["stopCode"] in ("TaskFailedToStart", "EssentialContainerExited") or task.get("_unhealthy")
    deployment = ecs._deployment_for_task(service, task)
    if not failed or deployment is None or deployment["rolloutState"] == "FAILED":
        return
    deployment["_in_a_row"] = deployment.get("_in_a_row", 0) + 1
    patience = deployment["_in_a_row"] - PATIENT_FAILURES
    if patience >= 0:
        deployment["_not_before"] = time.time() + min(2**patience, LONGEST_WAIT_SECONDS)
        if patience == 0:
            tell(service, "is unable to consistently start tasks successfully.")
    if deployment["rolloutState"] == "IN_PROGRESS":
        deployment["failedTasks"] += 1
        deployment["updatedAt"] = ecs._iso()
        for each in FAILED:
            each(service, deployment)


def _count(service: Record, alive: list[Record]) -> None:
    for deployment in service["deployments"]:
        mine = [task for task in alive if ecs._deployment_for_task(service, task) is deployment]
        deployment["runningCount"] = sum(task["lastStatus"] == "RUNNING" for task in mine)
        deployment["pendingCount"] = sum(
            task["lastStatus"] in ("PROVISIONING", "PENDING", "ACTIVATING") for task in mine
        )
    service["runningCount"] = sum(each["runningCount"] for each in service["deployments"])
    service["pendingCount"] = sum(each["pendingCount"] for each in service["deployments"])


def _converge(key: str, service: Record, primary: Record, alive: list[Record]) -> None:
    desired = service["desiredCount"]
    config = service.get("deploymentConfiguration") or {}
    least = math.ceil(desired * int(config.get("minimumHealthyPercent", 100)) / 100)
    most = desired * int(config.get("maximumPercent", 200)) // 100
    new: list[View] = []
    old: list[View] = []
    ending = 0
    for task in alive:
        if not wanted(task):
            ending += 1
            continue
        view = View(task["taskArn"], healthy(service, task), task.get("_born", 0.0))
        (new if ecs._deployment_for_task(service, task) is primary else old).append(view)
    # Outside of a deployment the percentages say nothing.
    if not old and not ending:
        most = max(most, desired)
    if len(new) >= desired and all(each.healthy for each in new):
        primary["failedTasks"] = primary["_in_a_row"] = 0
    count, stopping = decide(desired, least, most, new=new, old=old, ending=ending)
    if count and time.time() >= primary.get("_not_before", 0):
        _start(key, service, primary, count)
    if stopping:
        chosen = [task for task in alive if task["taskArn"] in stopping]
        identifiers = ", ".join(f"(task {task['taskArn'].rsplit('/', 1)[-1]})" for task in chosen)
        tell(service, f"has stopped {len(chosen)} running tasks: {identifiers}.")
        for task in chosen:
            stop(task, f"Scaling activity initiated by (deployment {primary['id']})")
        service["_steady"] = False
    elif old and not count and len(new) < desired and not ending and most <= len(old) <= least:
        stuck = (
            "was unable to stop or start tasks during a deployment because of the service deployment "
            "configuration. Update the minimumHealthyPercent or maximumPercent value and try again."
        )
        if primary.get("_stuck") is not True:
            primary["_stuck"] = True
            tell(service, stuck)


def _scale_in(service: Record, primary: Record, alive: list[Record]) -> None:
    """A failed deployment starts nothing; what is too much goes, its own tasks first."""
    kept = [task for task in alive if wanted(task)]
    kept.sort(key=lambda task: (healthy(service, task), task.get("_deployment_id") != primary["id"]))
    for task in kept[: max(len(kept) - service["desiredCount"], 0)]:
        stop(task, f"Scaling activity initiated by (deployment {primary['id']})")


def _start(key: str, service: Record, primary: Record, count: int) -> None:
    request = {
        "cluster": key.split("/", 1)[0],
        "taskDefinition": primary["taskDefinition"],
        # One a call, because all of a call are in one subnet.
        "count": 1,
        "group": f"service:{service['serviceName']}",
        "startedBy": primary["id"],
        "launchType": service.get("launchType"),
        "capacityProviderStrategy": service.get("capacityProviderStrategy"),
        "platformVersion": service.get("platformVersion", ""),
        "networkConfiguration": service.get("networkConfiguration", {}),
        "enableExecuteCommand": service.get("enableExecuteCommand", False),
        "tags": service.get("tags", []) if service.get("propagateTags") == "SERVICE" else [],
        "_deploymentId": primary["id"],
    }
    answers = [ecs._run_task(dict(request)) for _ in range(count)]
    refusal = next((answer[2].decode() for answer in answers if answer[0] != 200), "")
    if refusal and not primary.get("_unplaced"):
        primary["_unplaced"] = True
        tell(service, f"was unable to place a task. Reason: {refusal}")
    started = [
        task
        for task in tasks_of(service)
        if task.get("_deployment_id") == primary["id"] and "_born" not in task
    ]
    if not started:
        return
    for task in started:
        task["_born"] = time.time()
    identifiers = " ".join(f"(task {task['taskArn'].rsplit('/', 1)[-1]})" for task in started)
    tell(service, f"has started {len(started)} tasks: {identifiers}.")
    service["_steady"] = False


def _conclude(service: Record, primary: Record, alive: list[Record]) -> None:
    """Complete a deployment whose tasks are all there, healthy and alone."""
    mine = [task for task in alive if ecs._deployment_for_task(service, task) is primary]
    alone = len(mine) == len(alive)
    well = sum(healthy(service, task) for task in mine)
    if not alone or len(mine) != service["desiredCount"] or well != len(mine):
        return
    if primary["rolloutState"] == "IN_PROGRESS":
        primary["rolloutState"] = "COMPLETED"
        primary["rolloutStateReason"] = f"ECS deployment {primary['id']} completed."
        primary["updatedAt"] = ecs._iso()
        primary["failedTasks"] = 0
        tell(service, f"(deployment {primary['id']}) deployment completed.")
        service["_steady"] = False
    service["deployments"] = [primary]
    if not service.get("_steady"):
        service["_steady"] = True
        tell(service, "has reached a steady state.")
