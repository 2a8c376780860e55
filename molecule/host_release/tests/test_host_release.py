"""A released application on a host."""

from __future__ import annotations

import json
from typing import Any

from testinfra.host import Host

HIDDEN = "a-token-nobody-may-see"


def containers(host: Host, role: str) -> list[dict[str, Any]]:
    """Inspect the application's containers of a role."""
    names = host.check_output(f"docker ps --all --quiet --filter label=slipway.role={role}").split()
    found: list[dict[str, Any]] = json.loads(host.check_output(f"docker inspect {' '.join(names)}"))
    return found


def test_the_application_answers_through_the_proxy(host: Host) -> None:
    for path in ("/ping", "/-/health/web"):
        answer = host.check_output(f"curl --silent --fail http://127.0.0.1{path}")
        assert answer == "OK"


def test_one_container_serves_and_the_replaced_one_is_gone(host: Host) -> None:
    (web,) = containers(host, "service")
    assert web["State"]["Running"]
    assert "COLOUR=blue" in web["Config"]["Env"]
    assert f"TOKEN={HIDDEN}" in web["Config"]["Env"]
    assert HIDDEN not in json.dumps(web["Config"]["Labels"]) + web["Name"]


def test_containers_are_hardened(host: Host) -> None:
    for container in [*containers(host, "service"), *containers(host, "proxy")]:
        settings = container["HostConfig"]
        assert settings["CapDrop"] == ["ALL"]
        assert settings["ReadonlyRootfs"]
        assert settings["SecurityOpt"] == ["no-new-privileges"]
        assert settings["Memory"] > 0
        assert settings["LogConfig"]["Config"]["max-size"] == "10m"
        assert container["Config"]["User"].startswith("65532")
        process = host.file(f"/proc/{container['State']['Pid']}/status").content_string
        assert "NoNewPrivs:\t1" in process
        assert "CapEff:\t0000000000000000" in process


def test_the_proxy_has_no_way_to_the_engine(host: Host) -> None:
    (proxy,) = containers(host, "proxy")
    assert [mount["Source"] for mount in proxy["Mounts"]] == ["/etc/slipway/molecule/proxy"]
    assert not any(mount["RW"] for mount in proxy["Mounts"])
    assert proxy["HostConfig"]["RestartPolicy"]["Name"] == "always"
    assert set(proxy["HostConfig"]["PortBindings"]) == {"80/tcp"}


def test_the_proxy_reads_a_file_of_ours(host: Host) -> None:
    routes = host.file("/etc/slipway/molecule/proxy/dynamic/routes.yml")
    assert routes.user == "root"
    assert routes.mode == 0o644
    assert HIDDEN not in routes.content_string


def test_an_engine_restart_brings_everything_back(host: Host) -> None:
    host.check_output("systemctl restart docker")
    host.check_output(
        "curl --silent --fail --retry 20 --retry-all-errors --retry-delay 1 http://127.0.0.1/ping"
    )
