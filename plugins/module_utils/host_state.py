"""What an application has on a host, as text to compare with what it had. Standard library alone."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .docker_api import DockerError, Engine

LABEL_APP = "slipway.app"
CHECK = "check"
#: What counts as healthy: host_effects.HTTP_OK.
HTTP_OK = range(200, 400)


def state_of(app: str, config_dir: str, docker_socket: str, checks: Iterable[Mapping[str, Any]]) -> str:
    """Say what there is of an application, a thing a line; nothing where the engine does not tell.

    A container's id stands for all that it was made with, its secrets too, which never changes. Said are what
    can change beside it, the files that a release writes, and which of `checks` are answered well: each names
    a `container` by id, and the `port`, `path`, `host` and `timeout` (seconds) of a GET request.
    """
    engine = Engine(docker_socket, timeout=10)
    try:
        found = [engine.container(entry["Id"]) for entry in engine.containers(f"{LABEL_APP}={app}")]
        lines = [_container(engine, inspect) for inspect in found]
        lines.append(f"network {(engine.network(app) or {}).get('Id')}")
    except DockerError:
        return ""
    lines += _files(Path(config_dir, app))
    addresses = {inspect["Id"]: _address(inspect, app) for inspect in found if inspect["State"]["Running"]}
    lines += [f"{CHECK} {json.dumps(check)} {_well(addresses, check)}" for check in checks]
    return "\n".join(sorted(lines))


def _container(engine: Engine, inspect: Mapping[str, Any]) -> str:
    state = inspect["State"]
    image = engine.image(inspect["Image"]) or {}
    said = {
        "name": inspect["Name"],
        "state": [state[name] for name in ("Running", "Restarting", "Paused", "StartedAt")],
        "health": (state.get("Health") or {}).get("Status"),
        "image": [inspect["Image"], image.get("RepoDigests"), image.get("RepoTags")],
        "host": inspect["HostConfig"],
        "networks": {
            name: [one.get("IPAddress"), one.get("Aliases")]
            for name, one in inspect["NetworkSettings"]["Networks"].items()
        },
    }
    return f"container {inspect['Id']} {json.dumps(said, sort_keys=True)}"


def _address(inspect: Mapping[str, Any], network: str) -> str:
    return str(inspect["NetworkSettings"]["Networks"].get(network, {}).get("IPAddress", ""))


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield f"file {path} {path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _well(addresses: Mapping[str, str], check: Mapping[str, Any]) -> bool:
    address = addresses.get(check["container"])
    if not address:
        return False
    connection = http.client.HTTPConnection(address, check["port"], timeout=check["timeout"])
    try:
        connection.request("GET", check["path"], headers={"Host": check["host"], "Connection": "close"})
        return connection.getresponse().status in HTTP_OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
