"""Tasks: one network interface each, real exit codes and reasons, lost ones replaced."""

import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from docker.errors import APIError, ImageNotFound
from ministack.core import container_reaper
from ministack.core.responses import json_response, request_scope
from ministack.services import ec2, ecs

from lab.conformance import ecs_run
from lab.conformance.around import Parameters, Record, Response, around
from lab.conformance.ec2_boot import addresses
from lab.conformance.ecs_run import RUNS, Run, StartFailure
from lab.network import free_address
from lab.settings import IMAGE_PREFIX, Settings

logger = logging.getLogger("lab.ecs")

# It holds the network namespace that a task's containers share.
PAUSE_IMAGE = f"{IMAGE_PREFIX}/debian:bookworm"
FOREVER = ["sleep", "infinity"]
RESOURCE_FAILURE = "ResourceInitializationError: unable to pull secrets or registry auth: "
RETRIEVAL = "execution resource retrieval failed: "

_placing = threading.Lock()


def tasks_have_one_network_interface(settings: Settings) -> None:
    """A task's containers share one network interface, whose address reaches hosts and load balancers."""

    def work(_original: Callable[..., None], task: Record, definition: Record, *more: Any) -> None:
        overrides, client, account, region = more
        run = RUNS[task["taskArn"]] = Run(task, definition, overrides, client)
        with request_scope(account, region):
            try:
                _live(run, settings)
            except Exception:
                logger.exception("task %s", run.arn)
                run.end("Task failed to start", "TaskFailedToStart")
            finally:
                ecs_run.finish(run)
                RUNS.pop(run.arn, None)

    def elsewhere(original: Callable[[Record], str | None], data: Record) -> str | None:
        """A service's tasks are spread over its subnets."""
        config = (data.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
        subnets = config.get("subnets") or []
        others = Counter(
            task.get("_subnet")
            for task in ecs._tasks.values()
            if task.get("group") == data.get("group") and task["desiredStatus"] != "STOPPED"
        )
        return str(min(subnets, key=lambda subnet: others[subnet])) if subnets else original(data)

    def watched(_original: Callable[..., None], *_args: Any) -> None:
        """Each task's own thread looks after it."""

    around(ecs, "_run_task_worker")(work)
    around(ecs, "_maybe_mark_stopped")(watched)
    around(ecs, "_requested_subnet")(elsewhere)


def _live(run: Run, settings: Settings) -> None:
    """From PROVISIONING until something ends the task."""
    try:
        run.show("PENDING")
        secrets = {each["name"]: ecs._resolve_container_secrets(each) for each in run.containers()}
        run.show("ACTIVATING")
        run.task["pullStartedAt"] = ecs._iso()
        for definition in run.containers():
            definition["_image"] = _image(run, definition, settings)
        run.task["pullStoppedAt"] = ecs._iso()
        _attach(run, settings)
        ecs_run.begin(run, lambda run, each: _start(run, each, secrets[each["name"]], settings))
    except ecs._SecretResolutionError as error:
        run.end(f"{RESOURCE_FAILURE}{RETRIEVAL}{error}", "TaskFailedToStart")
    except StartFailure as error:
        run.end(str(error), "TaskFailedToStart")
    except APIError as error:
        run.end(f"CannotStartContainerError: {error.explanation}", "TaskFailedToStart")
    if run.stop is None:
        run.task["startedAt"] = ecs._iso()
        run.task["_started"] = time.time()
        run.show("RUNNING")
    while run.stop is None:
        time.sleep(ecs_run.LOOK_SECONDS)
        ecs_run.observe(run)
        if ecs._tasks.get(run.arn) is not run.task:
            run.end("Task stopped by reset", "UserInitiated")


def _image(run: Run, definition: Record, settings: Settings) -> str:
    """What the engine calls the image, there by now. Raises StartFailure if it cannot be had."""
    wanted = str(definition["image"])
    reference = wanted
    for refer in ecs_run.REFERENCES:
        reference = refer(reference)
    ours = reference.startswith(f"127.0.0.1:{settings.port}/")
    try:
        image = run.client.images.get(reference)
        known = not ours or "@" in reference
    except ImageNotFound:
        known = False
    if not known:
        try:
            image = run.client.images.pull(reference)
        except ecs_run.ENGINE_ERRORS as error:
            cause = getattr(error, "explanation", None) or str(error)
            raise StartFailure(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
                f"failed to resolve ref {wanted}: {cause}"
            ) from error
    wish = ((run.definition.get("runtimePlatform") or {}).get("cpuArchitecture") or "").lower()
    if wish and {"x86_64": "amd64"}.get(wish, wish) != image.attrs["Architecture"]:
        raise StartFailure(
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): image Manifest does "
            f"not contain descriptor matching platform 'linux/{wish}'"
        )
    digests = [each.split("@")[1] for each in image.attrs.get("RepoDigests") or []]
    if digests:
        run.record(definition["name"])["imageDigest"] = (
            reference.split("@")[1] if "@" in reference else digests[0]
        )
    return reference


def _attach(run: Run, settings: Settings) -> None:
    """Make the network namespace and show its interface."""
    if run.definition.get("networkMode") == "host":
        return
    ports = {}
    if run.definition.get("networkMode") != "awsvpc":
        for each in run.containers():
            for mapping in each.get("portMappings", []):
                ports[f"{mapping['containerPort']}/tcp"] = mapping.get("hostPort") or None
    with _placing:
        # From the other end than instances, and in turn, so that no address is soon another task's.
        address = free_address(run.client, settings, addresses(), backwards=True)
        run.pause = run.client.containers.create(
            PAUSE_IMAGE,
            FOREVER,
            name=f"ministack-ecs-{run.identifier[:8]}-pause",
            hostname=f"ip-{address.replace('.', '-')}",
            labels=container_reaper.own_labels("ecs"),
            network=settings.network,
            networking_config={settings.network: run.client.api.create_endpoint_config(ipv4_address=address)},
            ports=ports,
        )
        run.task["_docker_ids"] = [run.pause.id]
        run.pause.start()
    for attached in ecs_run.ATTACHED:
        attached(run)
    run.task["_container_ip"] = address
    if run.definition.get("networkMode") == "awsvpc":
        _show_interface(run, address)


def _show_interface(run: Run, address: str) -> None:
    attachment = ecs.new_uuid()
    subnet = ec2._subnets.get(run.task.get("_subnet") or "")
    if subnet:
        run.task["availabilityZone"] = subnet["AvailabilityZone"]
    details = {
        "subnetId": run.task.get("_subnet"),
        "networkInterfaceId": f"eni-{attachment.replace('-', '')[:17]}",
        "macAddress": "02:42:" + ":".join(f"{int(part):02x}" for part in address.split(".")),
        "privateDnsName": f"ip-{address.replace('.', '-')}.{ecs.get_region()}.compute.internal",
        "privateIPv4Address": address,
    }
    run.task["attachments"] = [
        {
            "id": attachment,
            "type": "ElasticNetworkInterface",
            "status": "ATTACHED",
            "details": [{"name": name, "value": value} for name, value in details.items() if value],
        }
    ]
    for record in run.task["containers"]:
        record["networkInterfaces"] = [{"attachmentId": attachment, "privateIpv4Address": address}]


def _start(run: Run, definition: Record, secrets: dict[str, str], settings: Settings) -> None:
    name = definition["name"]
    override = ecs._container_override_for(run.overrides, name)
    environment = {each["name"]: each["value"] for each in definition.get("environment", [])}
    environment |= secrets
    environment |= {each["name"]: each["value"] for each in override.get("environment", [])}
    host_mode = run.definition.get("networkMode") == "host"
    cluster = run.task["clusterArn"]
    run.tokens[name] = ecs._register_metadata(
        run.arn, cluster, run.definition, definition, run.task["launchType"], environment, host_mode,
        settings.gateway,
    )  # fmt: skip
    wanted = {**definition, "image": definition["_image"]}
    if "command" in override:
        wanted["command"] = override["command"]
    options = ecs._build_run_kwargs(
        wanted, run.definition, environment, {}, settings.network, host_mode, run.identifier, run.arn,
        settings.gateway, cluster,
    )  # fmt: skip
    for unwanted in ("detach", "network", "platform", "ports"):
        options.pop(unwanted, None)
    if run.pause is not None:
        options["network_mode"] = f"container:{run.pause.id}"
    for add in ecs_run.OPTIONS:
        add(run, definition, options)
    container = run.client.containers.create(wanted["image"], **options)
    run.started[name] = container
    run.task["_docker_ids"] = [*run.task["_docker_ids"], container.id]
    container.start()
    run.times[name] = time.monotonic()
    run.record(name).update({"runtimeId": f"{run.identifier.replace('-', '')}-{container.id[:10]}"})
    run.record(name)["lastStatus"] = "RUNNING"
    ecs.ecs_metadata.set_docker_id(run.tokens[name], container.id)
    ecs.ecs_metadata.set_container_status(run.tokens[name], "RUNNING")
    _forward_log(run, definition, container)


def _forward_log(run: Run, definition: Record, container: Any) -> None:
    config = ecs._awslogs_config(definition, run.identifier, container.id)
    if config:
        where = (ecs.get_account_id(), config["region"] or ecs.get_region())
        log = threading.Thread(target=ecs._forward_awslogs, args=(container, config, *where), daemon=True)
        log.start()
        run.logs.append(log)


def definitions_show_what_they_were_given_alone(_settings: Settings) -> None:
    """A task definition shows every member that it was given, and of ipcMode and pidMode no empty one."""

    @around(ecs, "_register_task_definition")
    def register(original: Callable[[Parameters], Response], data: Parameters) -> Response:
        answer = original(data)
        if answer[0] != 200:
            return answer
        definition = ecs._task_defs[f"{data['family']}:{ecs._task_def_latest[data['family']]}"]
        for name in ("ipcMode", "pidMode"):
            if definition[name] == "":
                del definition[name]
        definition |= {name: value for name, value in data.items() if name not in {*definition, "tags"}}
        shown: Response = json_response({"taskDefinition": definition, "tags": data.get("tags", [])})
        return shown


def tasks_pull_from_ecr(settings: Settings) -> None:
    """A task pulls an image of ECR by the repository's URI, anew where a tag may have moved."""
    hosts = (r"\d{12}\.dkr\.ecr\.[^./]+\.amazonaws\.com", re.escape(f"{settings.gateway}:{settings.port}"))
    names = re.compile(rf"^({'|'.join(hosts)})/")
    ecs_run.REFERENCES.append(lambda image: names.sub(f"127.0.0.1:{settings.port}/", image))


def stopped_tasks_show_how_their_containers_ended(_settings: Settings) -> None:
    """StopTask answers at once; the task stops with each container's own exit code."""

    def stop(_original: Callable[[Parameters], Response], data: Parameters) -> Response:
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        task = ecs._resolve_task(data.get("task", ""), cluster)
        if task is None:
            missing: Response = ecs.error_response_json(
                "InvalidParameterException", "The referenced task was not found.", 400
            )
            return missing
        run = RUNS.get(task["taskArn"])
        if run is not None:
            run.end(data.get("reason") or "Task stopped by user", "UserInitiated")
        answer: Response = json_response({"task": ecs._sanitize(task)})
        return answer

    around(ecs, "_stop_task")(stop)


def lost_tasks_are_stopped(_settings: Settings) -> None:
    """A task whose machine was lost is STOPPED and says so; it is not listed as wanted."""

    @around(ecs, "_restore_state")
    def stopped(original: Callable[[Any], None], data: Any) -> None:
        original(data)
        for task in ecs._tasks.all_values():
            if task["desiredStatus"] != "STOPPED" or not task.get("stoppedAt"):
                task.update({"desiredStatus": "STOPPED", "lastStatus": "STOPPED", "stoppedAt": ecs._iso()})
                task["stopCode"] = task.get("stopCode") or "TerminationNotice"
                task["stoppedReason"] = task.get("stoppedReason") or "Task was lost with its machine"
                for container in task["containers"]:
                    container["lastStatus"] = "STOPPED"
