"""Everything that can be known to be wrong before the first change: the model, this machine, AWS, the hosts.

Each check is a function from an environment and the world to faults. One that cannot be made, because
what it needs is itself at fault, says nothing: the cause is named by another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from . import preflight_hosts
from .alarm_views import KINDS
from .faults import Fault, locate, related
from .model import ROOT, merged, validate
from .model_containers import Container, containers
from .model_schema import APP_NAME, ENVIRONMENT_NAME, SECRET
from .model_shape import read, suggestion
from .own_engine import EngineError, registry_host

Environment = Mapping[str, Any]
Origins = Mapping[str, str]

#: How many images are looked up at a time.
AT_ONCE = 8


@dataclass(frozen=True)
class World:
    """What is outside: each a call, so that a test can put something else in its place."""

    engine: Callable[[], Any]
    aws: Callable[[Environment, Origins], list[Fault]]
    taken: Callable[[int], bool]
    project_dir: Path


def run(environment: Environment, origins: Origins, world: World, known: Iterable[Fault] = ()) -> list[Fault]:
    """Make every check; give each fault once, those of the environment's variables (`known`) first."""
    services = merged(
        environment["app_services"],
        environment["database"],
        environment["database_service_name"],
        environment["database_service"],
    )
    readable = services if isinstance(services, dict) else {}
    faults = list(known)
    complete = {
        **environment,
        "services": readable,
        "references": references(readable),
        "faulty": {fault.key for fault in faults},
    }
    # What is outside is asked all at once; the faults come in the order of the checks.
    with ThreadPoolExecutor(len(CHECKS)) as pool:
        found = pool.map(lambda check: list(check(complete, origins, world)), CHECKS)
    for fault in chain.from_iterable(found):
        if not any(_same(fault, earlier) for earlier in faults):
            faults.append(fault)
    return faults


def references(services: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Give those references to secrets that are well formed."""
    found: dict[str, dict[str, str]] = {}
    for each in containers(services):
        held = each.options.get("secrets")
        for variable, text in held.items() if isinstance(held, dict) else ():
            if isinstance(text, str) and SECRET.pattern and SECRET.pattern.fullmatch(text):
                found.setdefault(each.name, {})[variable] = text
    return found


def check_names(environment: Environment, origins: Origins, world: World) -> list[Fault]:
    """The application's and the environment's names become part of the names of AWS resources."""
    faults: list[Fault] = []

    def report(key: str, problem: str, expected: str, remedy: str) -> None:
        faults.append(Fault(locate(origins, key), key, problem, expected, remedy))

    for key, option in (("app_name", APP_NAME), ("app_environment", ENVIRONMENT_NAME)):
        if environment[key] is not None:
            read(environment[key], option, key, report)
    return faults


def check_model(environment: Environment, origins: Origins, world: World) -> list[Fault]:
    """The application model."""
    if ROOT in environment["faulty"]:
        return []
    name = environment["database_service_name"]
    own = environment["database"] == "container" and name not in (environment["app_services"] or {})
    return validate(
        environment["services"] or environment["app_services"],
        production=environment["app_production"] is not False,
        deploy_target=str(environment["deploy_target"]),
        origins=origins,
        paths={name: "database_service"} if own else {},
    )


def check_build_contexts(environment: Environment, origins: Origins, world: World) -> Iterator[Fault]:
    """Every build has its folder and its Dockerfile."""
    for key, build in _builds(environment):
        context = world.project_dir / build["context"]
        dockerfile = build.get("dockerfile") or "Dockerfile"
        if not context.is_dir():
            yield Fault(
                locate(origins, f"{key}.context"),
                f"{key}.context",
                f"there is no folder {context}",
                "a folder, relative to the project's root",
                "correct the path",
            )
        elif not (context / str(dockerfile)).is_file():
            yield Fault(
                locate(origins, f"{key}.dockerfile"),
                f"{key}.dockerfile",
                f"there is no file {context / str(dockerfile)}",
                "a Dockerfile inside the context",
                "correct dockerfile or context, or write the file",
            )


def check_images(environment: Environment, origins: Origins, world: World) -> Iterator[Fault]:
    """A Docker Engine answers here, and images that are given by name exist."""
    try:
        engine = world.engine()
    except EngineError as error:
        yield Fault(
            "this machine",
            "docker",
            f"no Docker Engine answers: {error}",
            "a Docker Engine on the machine that runs Ansible: it builds and copies images",
            "start Docker (make engine installs one), or name another Engine by DOCKER_HOST",
        )
        return

    def look(named: tuple[str, str]) -> list[Fault]:
        return list(_image_faults(environment, origins, engine, *named))

    # A registry may be far away.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from chain.from_iterable(pool.map(look, _named(environment)))


def _image_faults(
    environment: Environment, origins: Origins, engine: Any, key: str, name: str
) -> Iterator[Fault]:
    # A developer's machine may emulate another processor.
    wanted = environment["architecture"] if environment["deploy_target"] != "dev" else ""
    try:
        able = _architectures(engine, name, wanted, copied=environment["images_mirror"])
    except EngineError as error:
        yield Fault(
            locate(origins, key),
            key,
            f"{name} is not on this machine, and {registry_host(name)} cannot be asked: {error}",
            "an image that can be had",
            "check the network to the registry and its login (docker login), or the image's name",
        )
        return
    if able is None:
        yield Fault(
            locate(origins, key),
            key,
            f"{registry_host(name)} has no image {name}",
            "an image that exists",
            "correct the name or the tag",
        )
    elif able and wanted and wanted not in able:
        yield Fault(
            locate(origins, key),
            key,
            f"{name} is for {', '.join(sorted(able))}",
            f"an image for {wanted}, as the application's own are",
            "choose an image or a tag for that platform, or set images_platform to another one",
        )


def check_platform(environment: Environment, origins: Origins, world: World) -> Iterator[Fault]:
    """Images are for the processors that tasks run on."""
    runs, built = environment["task_architecture"], environment["architecture"]
    if runs and built and runs != built:
        yield Fault(
            locate(origins, "images_platform"),
            "images_platform",
            f"images are for {built}, tasks run on {runs}",
            "images and tasks of one architecture",
            f"set images_platform: linux/{runs} (the Docker Engine here must be able to build for it), "
            "or ecs_task_definitions_architecture (X86_64 or ARM64) to that of the images",
        )


def check_way_to_images(environment: Environment, origins: Origins, world: World) -> Iterator[Fault]:
    """Tasks without a way out pull their images from ECR of their own region, and from nowhere else."""
    if environment["deploy_target"] != "ecs" or environment["network_private"] != "endpoints":
        return
    connection = environment.get("aws_connection")
    region = connection.get("region") if isinstance(connection, dict) else None
    reason = "network_private is endpoints, by which tasks reach ECR of their region and no other registry"
    copied = [] if environment["images_mirror"] else list(_named_services(environment))
    for key, name in copied:
        if region and not ecr_of(region, name):
            yield Fault(
                locate(origins, key),
                key,
                f"{name}, of {registry_host(name)}; {reason}",
                f"an image of ECR in {region}",
                "copy named images to ECR with each release (images_mirror: true), name a repository of ECR "
                "or of a pull through cache in it, or give tasks a way out (network_private: nat)",
            )
    if not environment["images_ecr"] and (environment["images_mirror"] or any(_builds(environment))):
        yield Fault(
            locate(origins, "images_ecr"),
            "images_ecr",
            f"images are pushed to another registry than ECR; {reason}",
            f"true: a registry of ECR in {region}",
            "set images_ecr: true, or give tasks a way out (network_private: nat)",
        )


def ecr_of(region: str, name: str) -> bool:
    """Tell whether an image is in a private registry of ECR in a region.

    >>> ecr_of("eu-central-1", "123456789012.dkr.ecr.eu-central-1.amazonaws.com/goals/api:1")
    True
    >>> ecr_of("eu-central-1", "public.ecr.aws/docker/library/mongo:8")
    False
    """
    host = rf"\d{{12}}\.dkr[.-]ecr\.{re.escape(region)}\.(amazonaws\.com(\.cn)?|on\.aws)"
    return re.fullmatch(host, registry_host(name)) is not None


def check_ssh(environment: Environment, origins: Origins, world: World) -> Iterator[Fault]:
    """Hosts that are reached by ssh let this machine in."""
    if environment["ssh"] and environment.get("ssh_allowed_cidrs") == []:
        yield Fault(
            locate(origins, "ssh_allowed_cidrs"),
            "ssh_allowed_cidrs",
            "an empty list, while hosts are reached by ssh",
            "the addresses that port 22 of the hosts is open to, as CIDRs",
            "write your own address: [203.0.113.7/32] (curl https://checkip.amazonaws.com)",
        )


def check_aws(environment: Environment, origins: Origins, world: World) -> list[Fault]:
    """AWS answers, knows us, and has what the environment names."""
    # A target that needs no AWS has no connection here; nor has one whose connection is at fault.
    connected = isinstance(environment.get("aws_connection"), dict)
    return world.aws(environment, origins) if connected else []


def check_variables(environment: Environment, origins: Origins, world: World) -> Iterator[Fault]:
    """Variables that secrets are kept in are defined."""
    for service, held in environment["references"].items():
        for variable, text in held.items():
            store, _colon, name = text.partition(":")
            if store == "vault" and name not in environment["defined"]:
                key = f"{ROOT}.{service}.secrets.{variable}"
                yield Fault(
                    locate(origins, key),
                    key,
                    f"the Ansible variable {name!r} is not defined",
                    "a variable that holds the value, vaulted",
                    f"define it: ansible-vault encrypt_string --name {name}",
                )


def check_alarms(environment: Environment, origins: Origins, world: World) -> Iterator[Fault]:
    """Alarms have limits that are numbers, and tell somebody who can be told."""
    limits, notify = environment["alarms_limits"], environment["alarms_notify"]
    for name, limit in limits.items() if isinstance(limits, dict) else ():
        key = f"alarms_limits.{name}"
        if name not in KINDS:
            meant = suggestion(str(name), KINDS)
            yield Fault(
                locate(origins, key),
                key,
                "a key that there is not",
                "one of " + ", ".join(sorted(KINDS)),
                f"write {meant}" if meant else "remove it",
            )
        elif limit is not None and (isinstance(limit, bool) or not isinstance(limit, (int, float))):
            yield Fault(
                locate(origins, key),
                key,
                repr(limit),
                "a number, or null for no such alarm",
                "write a number",
            )
    for index, each in enumerate(notify if isinstance(notify, list) else ()):
        if not re.fullmatch(r"[^@\s]+@[^@\s]+|arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[\w-]+", str(each)):
            key = f"alarms_notify[{index}]"
            yield Fault(
                locate(origins, key),
                key,
                repr(each),
                "an e-mail address or the ARN of an SNS topic",
                "correct it; anything else is told by a topic of yours, given by its ARN",
            )


def check_hosts(environment: Environment, origins: Origins, world: World) -> list[Fault]:
    """Hosts that exist already can take the release."""
    return preflight_hosts.check(
        environment["hosts"],
        str(environment["app_name"]),
        environment["architecture"],
        environment["disk_gib"],
    )


def check_dev_ports(environment: Environment, origins: Origins, world: World) -> Iterator[Fault]:
    """Ports that dev publishes are free, or held by our own container."""
    if environment["deploy_target"] != "dev":
        return
    for name, service in environment["services"].items():
        dev = service.get("dev") if isinstance(service, dict) else None
        port = dev.get("port") if isinstance(dev, dict) else None
        if isinstance(port, int) and world.taken(port):
            key = f"{ROOT}.{name}.dev.port"
            yield Fault(
                locate(origins, key),
                key,
                f"port {port} of this machine is taken by another program",
                "a port on 127.0.0.1 that is free",
                "stop that program (ss -ltnp names it), or choose another port",
            )


CHECKS: tuple[Callable[[Environment, Origins, World], Iterable[Fault]], ...] = (
    check_names,
    check_model,
    check_build_contexts,
    check_variables,
    check_ssh,
    check_alarms,
    check_images,
    check_platform,
    check_way_to_images,
    check_aws,
    check_hosts,
    check_dev_ports,
)


def _same(fault: Fault, earlier: Fault) -> bool:
    """A fault about a key that has one already is no news, unless it is of the world and not of the text."""
    return fault == earlier or (
        fault.where == earlier.where and fault.problem == earlier.problem and related(fault.key, earlier.key)
    )


def _builds(environment: Environment) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for each in _containers(environment):
        build = each.options.get("build")
        if isinstance(build, dict) and isinstance(build.get("context"), str):
            yield _key(environment, each, "build"), build


def _architectures(engine: Any, name: str, wanted: str, *, copied: bool) -> frozenset[str] | None:
    """Give the architectures of an image, none where nobody says; None where there is no such image."""
    local = engine.local(name)
    own = frozenset([local["Architecture"]] if local and local.get("Architecture") else [])
    # This machine's copy is enough, but for one of another platform that is not what is copied: the tag
    # may hold more platforms in its registry than the one that was pulled here.
    if local and (copied or not own or wanted in {"", *own}):
        return own
    found: frozenset[str] | None = engine.architectures(name)
    return found


def _named(environment: Environment) -> Iterator[tuple[str, str]]:
    yield from _named_services(environment)
    # What only hosts need is of no concern to a developer's machine.
    extra = environment["images_extra"] if environment["deploy_target"] != "dev" else {}
    for name, image in extra.items():
        yield f"images_extra.{name}", image


def _named_services(environment: Environment) -> Iterator[tuple[str, str]]:
    for each in _containers(environment):
        image = each.options.get("image")
        if isinstance(image, str):
            yield _key(environment, each, "image"), image


def _containers(environment: Environment) -> Iterator[Container]:
    """Give the containers that the target runs."""
    alone = environment["deploy_target"] == "dev"
    return (each for each in containers(environment["services"]) if not (alone and each.sidecar))


def _key(environment: Environment, container: Container, key: str) -> str:
    name = container.service
    own = name == environment["database_service_name"] and name not in environment["app_services"]
    return f"{'database_service' if own else f'{ROOT}.{name}'}.{container.at(key)}"
