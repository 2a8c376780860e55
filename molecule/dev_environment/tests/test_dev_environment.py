"""The development environment as the role leaves it."""

import http.client
import json
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
STACK = "molecule-dev-environment"


def inspect(name: str) -> dict[str, Any]:
    done = subprocess.run(["docker", "inspect", name], check=True, capture_output=True, text=True)
    (found,) = json.loads(done.stdout)
    return dict(found)


def test_the_application_answers_on_this_machine_alone() -> None:
    connection = http.client.HTTPConnection("127.0.0.1", 18070, timeout=10)
    connection.request("GET", "/")
    assert b"Hello from a container" in connection.getresponse().read()
    connection.close()
    ports = inspect(f"{STACK}-web")["HostConfig"]["PortBindings"]
    assert ports == {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18070"}]}


def test_sources_are_mounted_and_the_environment_is_developments() -> None:
    web = inspect(f"{STACK}-web")
    (mount,) = web["Mounts"]
    assert (mount["Type"], mount["Source"], mount["Destination"]) == (
        "bind",
        str(ROOT / "examples/hello/src"),
        "/app/src",
    )
    assert {"COLOUR=green", "APP_VERSION=development"} <= set(web["Config"]["Env"])
    assert web["Config"]["Image"] == f"{STACK}-web:development"


def test_the_database_is_healthy_and_keeps_its_data_in_a_volume() -> None:
    database = inspect(f"{STACK}-mongodb")
    assert database["State"]["Health"]["Status"] == "healthy"
    (mount,) = database["Mounts"]
    assert (mount["Name"], mount["Destination"]) == (f"{STACK}-mongodb-data", "/data/db")
    assert not database["HostConfig"]["PortBindings"]


def test_services_know_each_other_by_name() -> None:
    for service in ("web", "mongodb"):
        networks = inspect(f"{STACK}-{service}")["NetworkSettings"]["Networks"]
        assert list(networks) == [STACK]
        assert service in networks[STACK]["Aliases"]


def test_nothing_starts_again_with_the_machine() -> None:
    for service in ("web", "mongodb"):
        assert inspect(f"{STACK}-{service}")["HostConfig"]["RestartPolicy"]["Name"] == "no"
