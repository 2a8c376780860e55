"""What the development rung renders from the application model. Services are normalised ones.

Development differs from production on purpose: the image holds tools and no code, the code is mounted from
the developer's machine, and what confines a production container (user, read-only root, limits) is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .faults import Fault
from .model import start_order

Services = Mapping[str, Mapping[str, Any]]


def dev_builds(services: Services, stack: str, project_dir: str) -> list[dict[str, Any]]:
    """Give one build for each service that has an image to build and none named for development.

    Each has service, image (the name that is built), context (absolute), dockerfile, target and args.
    """
    return [
        {
            "service": name,
            "image": _built_image(stack, name),
            "context": str(Path(project_dir, service["build"]["context"])),
            "dockerfile": service["build"]["dockerfile"],
            "target": service["dev"]["target"] or service["build"]["target"],
            "args": dict(service["build"]["args"]),
        }
        for name, service in sorted(services.items())
        if service["build"] and not service["dev"]["image"]
    ]


def dev_volumes(services: Services, stack: str) -> list[str]:
    """Give the names of the Docker volumes that the services keep their data in."""
    return sorted(
        _volume(stack, name, volume["name"])
        for name, service in services.items()
        for volume in service["volumes"]
        if volume["name"]
    )


def dev_containers(
    services: Services, stack: str, project_dir: str, address: str = "127.0.0.1"
) -> list[dict[str, Any]]:
    """Give the containers in the order in which they start, close to docker_container's own arguments.

    Each has service, name, image, command, environment, user, mounts, ports, port, healthcheck, stop_timeout,
    and url where the service answers HTTP on a published port.
    """
    return [_container(name, services[name], stack, project_dir, address) for name in start_order(services)]


def dev_faults(services: Services, project_dir: str) -> list[Fault]:
    """Name what development needs and this machine or the model does not have."""
    faults = [
        fault
        for name, service in sorted(services.items())
        for find in (_missing_files, _missing_secrets, _useless_port)
        for fault in find(f"app_services.{name}", service, Path(project_dir))
    ]
    return faults + list(_shared_ports(services))


def _built_image(stack: str, service: str) -> str:
    return f"{stack}-{service}:development"


def _volume(stack: str, service: str, volume: str) -> str:
    return f"{stack}-{service}-{volume}"


def _container(
    name: str, service: Mapping[str, Any], stack: str, project_dir: str, address: str
) -> dict[str, Any]:
    dev = service["dev"]
    built = bool(service["build"]) and not dev["image"]
    version = {"APP_VERSION": "development"} if service["build"] else {}
    port = service["port"]
    return {
        "service": name,
        "name": f"{stack}-{name}",
        "image": _built_image(stack, name) if built else dev["image"] or service["image"],
        "command": dev["command"] or service["command"],
        "environment": {**version, **service["environment"], **dev["environment"]},
        # The user of the production image may own nothing in the development image, which names its own.
        "user": None if service["build"] else service["user"],
        "mounts": [*_data(name, service, stack), *_sources(dev, project_dir)],
        "ports": [f"{address}:{dev['port']}:{port}"] if dev["port"] and port else [],
        "port": dev["port"],
        "healthcheck": _healthcheck(service["health_check"]),
        "stop_timeout": service["stop_timeout"],
        "url": _url(service, address),
    }


def _data(name: str, service: Mapping[str, Any], stack: str) -> Iterator[dict[str, Any]]:
    for volume in service["volumes"]:
        named = volume["name"] is not None
        source = _volume(stack, name, volume["name"]) if named else volume["source"]
        yield {"type": "volume" if named else "bind", "source": source, "target": volume["path"]}


def _sources(dev: Mapping[str, Any], project_dir: str) -> Iterator[dict[str, Any]]:
    for mount in dev["mounts"]:
        yield {"type": "bind", "source": str(Path(project_dir, mount["source"])), "target": mount["path"]}


def _healthcheck(check: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Give Docker's own check for a command. A path is asked from outside, over the published port."""
    if not check or not check["command"]:
        return None
    seconds = {key: f"{check[key]}s" for key in ("interval", "timeout", "start_period")}
    return {"test": ["CMD", *check["command"]], "retries": check["retries"], **seconds}


def _url(service: Mapping[str, Any], address: str) -> str | None:
    check, port = service["health_check"], service["dev"]["port"]
    return f"http://{address}:{port}{check['path']}" if check and check["path"] and port else None


def _missing_files(key: str, service: Mapping[str, Any], project: Path) -> Iterator[Fault]:
    build = service["build"]
    if (
        build
        and not service["dev"]["image"]
        and not (project / build["context"] / build["dockerfile"]).is_file()
    ):
        yield _fault(
            f"{key}.build",
            f"no file {build['context']}/{build['dockerfile']} in {project}",
            "the folder that is built from, with the Dockerfile in it",
            "correct context and dockerfile; context is relative to the project's root",
        )
    for index, mount in enumerate(service["dev"]["mounts"]):
        if not (project / mount["source"]).exists():
            yield _fault(
                f"{key}.dev.mounts[{index}].source",
                f"no file or folder {mount['source']} in {project}",
                "the sources to mount, relative to the project's root",
                "correct source, or make the folder",
            )


def _missing_secrets(key: str, service: Mapping[str, Any], project: Path) -> Iterator[Fault]:
    for name in sorted(set(service["secrets"]) - set(service["dev"]["environment"])):
        yield _fault(
            f"{key}.dev.environment.{name}",
            "nothing: the key is missing, and secrets are not fetched from AWS for development",
            f"a value for development of the secret {name}",
            f"add dev.environment.{name} with a value that is worth nothing elsewhere",
        )


def _useless_port(key: str, service: Mapping[str, Any], project: Path) -> Iterator[Fault]:
    if service["dev"]["port"] and service["port"] is None:
        yield _fault(
            f"{key}.dev.port",
            f"{service['dev']['port']}, but the service has no port to publish there",
            "the service's own port beside it",
            "add port, the one that the container listens on",
        )


def _shared_ports(services: Services) -> Iterator[Fault]:
    owners: dict[int, str] = {}
    for name, service in sorted(services.items()):
        port = service["dev"]["port"]
        if port and owners.setdefault(port, name) != name:
            yield _fault(
                f"app_services.{name}.dev.port",
                f"{port}, which {owners[port]} publishes too",
                "one service to a port of this machine",
                "choose another port for one of the two",
            )


def _fault(key: str, problem: str, expected: str, remedy: str) -> Fault:
    return Fault("the development rung (playbooks/dev.yml)", key, problem, expected, remedy)
