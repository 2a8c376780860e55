"""Services: deployments that tell the truth, roll without a gap, and go back when they fail."""

import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import json_response
from ministack.services import alb, ecs

from lab.conformance import ecs_run, ecs_scheduler
from lab.conformance.around import Parameters, Record, Response, around
from lab.conformance.ecs_run import Run
from lab.conformance.ecs_scheduler import LOCK, stop, tell, wake, wanted
from lab.conformance.elb_describe import users
from lab.conformance.elb_targets import HEALTH
from lab.settings import Settings

EVENTS_KEPT = 100
DRAIN_MARGIN_SECONDS = 10
DEPLOYMENT_DEFAULTS = {
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "strategy": "ROLLING",
    "bakeTimeInMinutes": 0,
}
# Changes of these start a deployment, as another task definition does.
DEPLOYED = (
    "capacityProviderStrategy",
    "enableECSManagedTags",
    "loadBalancers",
    "networkConfiguration",
    "placementConstraints",
    "placementStrategy",
    "platformVersion",
    "propagateTags",
    "serviceConnectConfiguration",
    "serviceRegistries",
    "volumeConfigurations",
)
# What MiniStack drops of CreateService, of UpdateService, or of both.
KEPT = (
    "availabilityZoneRebalancing",
    "deploymentController",
    "enableECSManagedTags",
    "placementConstraints",
    "placementStrategy",
    "propagateTags",
    "serviceConnectConfiguration",
    "serviceRegistries",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
)


def deployments_complete_when_their_tasks_are_healthy(_settings: Settings) -> None:
    """A deployment is IN_PROGRESS until its tasks are healthy and old ones gone, within the percents."""

    def running_long_enough(_service: Record, task: Record) -> bool:
        return bool(time.time() - task.get("_started", time.time()) >= ecs_scheduler.STEADY_SECONDS)

    @around(ecs, "_make_deployment")
    def in_progress(original: Callable[..., Record], *args: Any, **named: Any) -> Record:
        made = original(*args, **named)
        made["rolloutState"] = "IN_PROGRESS"
        made["rolloutStateReason"] = f"ECS deployment {made['id']} in progress."
        return made

    def reconcile(_original: Callable[..., None], *_args: Any) -> None:
        wake()

    def nothing(_original: Callable[..., None], *_args: Any, **_named: Any) -> None:
        """The scheduler does it."""

    def locked(original: Callable[[Parameters], Response], data: Parameters) -> Response:
        with LOCK:
            return original(data)

    @around(ecs, "_delete_service")
    def drain(original: Callable[[Parameters], Response], data: Parameters) -> Response:
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        reference = ecs._resolve_service_ref(data.get("service", ""))
        service = ecs._services.get(f"{cluster}/{reference[0]}") if reference else None
        if service is None or (not data.get("force") and service["desiredCount"] > 0):
            return original(data)
        with LOCK:
            if service["status"] == "ACTIVE":
                service.update({"status": "DRAINING", "desiredCount": 0})
            wake()
            answer: Response = json_response({"service": ecs._sanitize(service)})
            return answer

    @around(ecs, "_create_service")
    def unless_draining(original: Callable[[Parameters], Response], data: Parameters) -> Response:
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        service = ecs._services.get(f"{cluster}/{data.get('serviceName')}")
        if service is not None and service["status"] == "DRAINING":
            refusal: Response = ecs.error_response_json(
                "InvalidParameterException", "Unable to Start a service that is still Draining.", 400
            )
            return refusal
        with LOCK:
            return original(data)

    around(ecs, "_update_service")(locked)
    around(ecs, "_reconcile_service_tasks")(reconcile)
    for name in ("_refresh_service_state", "_sync_service_targets", "_complete_service_deployment",
                 "_record_service_task_failure", "_schedule_service_deployment_completion"):  # fmt: skip
        around(ecs, name)(nothing)
    ecs_scheduler.HEALTHY.append(running_long_enough)
    threading.Thread(target=ecs_scheduler.run, name="lab-ecs-scheduler", daemon=True).start()


def services_keep_what_they_are_given(_settings: Settings) -> None:
    """A service has every field that it was given; a change of one that its tasks have is a deployment."""

    @around(ecs, "_create_service")
    def create(original: Callable[[Parameters], Response], data: Parameters) -> Response:
        answer = original(data)
        return _kept(data) if answer[0] == 200 else answer

    @around(ecs, "_update_service")
    def update(original: Callable[[Parameters], Response], data: Parameters) -> Response:
        service = _find(data, "service")
        if service is None or service["status"] != "ACTIVE":
            missing: Response = ecs.error_response_json(
                "ServiceNotActiveException", "Service was not ACTIVE.", 400
            )
            return original(data) if service is None else missing
        changed = [name for name in DEPLOYED if name in data and data[name] != service.get(name)]
        with LOCK:
            # First, because a deployment that this call begins is to have them.
            service.update({name: data[name] for name in KEPT if name in data})
            if "deploymentConfiguration" in data:
                merged = {**service["deploymentConfiguration"], **data["deploymentConfiguration"]}
                data = {**data, "deploymentConfiguration": merged}
            answer = original(
                {**data, "forceNewDeployment": bool(changed) or data.get("forceNewDeployment", False)}
            )
        return _kept(data) if answer[0] == 200 else answer

    def _kept(data: Parameters) -> Response:
        service = _find(data, "service" if "service" in data else "serviceName")
        if service is None:
            raise LookupError(data.get("service", data.get("serviceName")))
        # The scheduler is at work on it as soon as it is there.
        with LOCK:
            service.update({name: data[name] for name in KEPT if name in data})
            service["deploymentConfiguration"] = {**DEPLOYMENT_DEFAULTS, **service["deploymentConfiguration"]}
            answer: Response = json_response({"service": ecs._sanitize(service)})
        return answer


def _find(data: Parameters, name: str) -> Record | None:
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    reference = ecs._resolve_service_ref(data.get(name, ""))
    found: Record | None = ecs._services.get(f"{cluster}/{reference[0]}") if reference else None
    return found


def tasks_are_targets_while_they_serve(_settings: Settings) -> None:
    """A service's running tasks are targets; one that goes is drained before its containers stop."""

    def sync(service: Record, alive: list[Record]) -> None:
        wish = []
        for task in alive:
            if wanted(task) and task["lastStatus"] == "RUNNING":
                wish += _targets(service, task)
        ours = [tuple(each) for each in service.get("_targets", [])]
        leaving = [each for each in ours if each not in wish]
        for group, address, port in leaving:
            _elb("DeregisterTargets", group, address, port)
            tell(service, f"deregistered 1 targets in (target-group {group})")
        if leaving:
            tell(service, f"has begun draining connections on {len(leaving)} tasks.")
        for group, address, port in wish:
            if (group, address, port) not in ours or not _registered(group, address, port):
                _elb("RegisterTargets", group, address, port)
                if (group, address, port) not in ours:
                    tell(service, f"registered 1 targets in (target-group {group})")
        service["_targets"] = [list(each) for each in wish]

    def serves(service: Record, task: Record) -> bool:
        states = [_state(*each) for each in _targets(service, task)]
        return all(state in ("healthy", "unused") for state in states)

    def leave(run: Run) -> None:
        """Wait until no load balancer sends the task anything; the scheduler deregisters it."""
        service = _service_of(run.task)
        if service is None:
            return
        begun = time.time()
        wake()
        for group, address, port in _targets(service, run.task):
            delay = DRAIN_MARGIN_SECONDS + _delay(group)
            while _registered(group, address, port, draining=True) and time.time() < begun + delay:
                time.sleep(ecs_scheduler.TICK_SECONDS / 2)

    @around(ecs, "_create_service")
    def with_balancer(original: Callable[[Parameters], Response], data: Parameters) -> Response:
        for each in data.get("loadBalancers", []):
            group = each.get("targetGroupArn", "")
            if not users(group):
                message = (
                    f"The target group with targetGroupArn {group} does not have an associated load balancer."
                )
                refusal: Response = ecs.error_response_json("InvalidParameterException", message, 400)
                return refusal
        return original(data)

    ecs_scheduler.BEFORE.append(sync)
    ecs_scheduler.HEALTHY.append(serves)
    ecs_run.LEAVING.append(leave)


def _targets(service: Record, task: Record) -> list[tuple[str, str, int]]:
    address = task.get("_container_ip")
    return [
        (each["targetGroupArn"], str(address), int(each["containerPort"]))
        for each in service.get("loadBalancers") or []
        if address and each.get("targetGroupArn") and _defines(task, each["containerName"])
    ]


def _defines(task: Record, container: str) -> bool:
    return any(each["name"] == container for each in task["containers"])


def _elb(action: str, group: str, address: str, port: int) -> None:
    member = {"Targets.member.1.Id": address, "Targets.member.1.Port": str(port)}
    alb._ACTION_MAP[action]({"TargetGroupArn": group, **member})


def _registered(group: str, address: str, port: int, draining: bool = False) -> bool:
    return any(
        (each["Id"], int(each.get("Port") or 0)) == (address, port)
        and (draining or "DrainingUntil" not in each)
        for each in alb._targets.get(group, [])
    )


def _state(group: str, address: str, port: int) -> str:
    health = HEALTH.get((group, address, port))
    return health.state if health else "initial"


def _delay(group: str) -> int:
    for attribute in alb._tg_attrs.get(group, []):
        if attribute["Key"] == "deregistration_delay.timeout_seconds":
            return int(attribute["Value"])
    return 300


def _service_of(task: Record) -> Record | None:
    name = task.get("group", "").removeprefix("service:")
    cluster = ecs._cluster_name_from_arn(task["clusterArn"])
    found: Record | None = ecs._services.get(f"{cluster}/{name}")
    return found


def unhealthy_tasks_are_replaced(_settings: Settings) -> None:
    """A service replaces a task that fails the container's or load balancer's checks after its grace."""

    def judge(service: Record, alive: list[Record]) -> None:
        grace = service.get("healthCheckGracePeriodSeconds") or 0
        for task in alive:
            if not wanted(task) or time.time() < task.get("_started", time.time()) + grace:
                continue
            identifier = task["taskArn"].rsplit("/", 1)[-1]
            if task.get("healthStatus") == "UNHEALTHY":
                task["_unhealthy"] = True
                tell(service, f"(task {identifier}) failed container health checks.")
                stop(task, "Task failed container health checks")
                continue
            for group, address, port in _targets(service, task):
                if _state(group, address, port) == "unhealthy":
                    why = HEALTH[(group, address, port)].description
                    task["_unhealthy"] = True
                    tell(
                        service, f"(port {port}) is unhealthy in (target-group {group}) due to (reason {why})"
                    )
                    stop(task, f"Task failed ELB health checks in (target-group {group})")
                    break

    def checked(_service: Record, task: Record) -> bool:
        definition = ecs._task_defs.get(ecs._resolve_td_key(task["taskDefinitionArn"]))
        checks = any(
            each.get("healthCheck") and each.get("essential", True)
            for each in (definition or {}).get("containerDefinitions", [])
        )
        return not checks or task.get("healthStatus") == "HEALTHY"

    ecs_scheduler.BEFORE.append(judge)
    ecs_scheduler.HEALTHY.append(checked)


def failed_deployments_are_rolled_back(_settings: Settings) -> None:
    """The circuit breaker fails a deployment after too many failed tasks and rolls back to the last one."""

    def breaker(service: Record, deployment: Record) -> None:
        config = (service.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
        if not config.get("enable") or deployment is not ecs._primary_deployment(service):
            return
        if deployment["failedTasks"] < ecs._circuit_breaker_threshold(service):
            return
        deployment["rolloutState"] = "FAILED"
        deployment["rolloutStateReason"] = "ECS deployment circuit breaker: tasks failed to start."
        tell(service, f"(deployment {deployment['id']}) deployment failed: tasks failed to start.")
        completed = [each for each in service["deployments"] if each["rolloutState"] == "COMPLETED"]
        if not config.get("rollback") or not completed:
            return
        last = completed[0]
        deployment.update({"status": "ACTIVE", "desiredCount": 0})
        last.update(
            {
                "status": "PRIMARY",
                "desiredCount": service["desiredCount"],
                "rolloutState": "IN_PROGRESS",
                "rolloutStateReason": (
                    f"ECS deployment circuit breaker: rolling back to deploymentId {last['id']}."
                ),
                "updatedAt": ecs._iso(),
                "failedTasks": 0,
            }
        )
        service["deployments"].sort(key=lambda each: each["status"] != "PRIMARY")
        service["taskDefinition"] = last["taskDefinition"]
        tell(service, f"rolling back to deployment {last['id']}.")

    ecs_scheduler.FAILED.append(breaker)


def clusters_in_use_are_not_deleted(_settings: Settings) -> None:
    """DeleteCluster refuses a cluster with services that are active or tasks that have not stopped."""

    @around(ecs, "_delete_cluster")
    def unless_in_use(original: Callable[[Parameters], Response], data: Parameters) -> Response:
        name = ecs._resolve_cluster_name(data.get("cluster", "default"))
        arn = (ecs._clusters.get(name) or {}).get("clusterArn")
        for kind, present in (
            ("Services", [each for each in ecs._services.values() if each["status"] == "ACTIVE"]),
            ("Tasks", [each for each in ecs._tasks.values() if each["lastStatus"] != "STOPPED"]),
        ):
            if any(each["clusterArn"] == arn for each in present):
                message = f"The Cluster cannot be deleted while {kind} are active."
                code = f"ClusterContains{kind}Exception"
                refusal: Response = ecs.error_response_json(code, message, 400)
                return refusal
        return original(data)


def services_tell_what_they_do(_settings: Settings) -> None:
    """A service's events say what the scheduler does and cannot do, newest first."""

    def tell(service: Record, message: str) -> None:
        event = {"id": ecs.new_uuid(), "createdAt": ecs._iso(), "message": message}
        service["events"] = [event, *service["events"]][:EVENTS_KEPT]

    @around(ecs, "_update_service")
    def without_invented_ones(original: Callable[[Parameters], Response], data: Parameters) -> Response:
        service = _find(data, "service")
        before = list(service["events"]) if service else []
        with LOCK:
            answer = original(data)
            if service:
                service["events"] = before
        return answer

    ecs_scheduler.TELL.append(tell)
