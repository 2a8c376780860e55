"""What the engine owes to systemd."""

from __future__ import annotations

import json

from testinfra.host import Host

testinfra_hosts = ["ansible://systemd"]


def state(host: Host, container: str) -> tuple[str, int]:
    found = json.loads(host.check_output(f"docker inspect {container} --format '{{{{json .State}}}}'"))
    return found["Status"], found["Pid"]


def test_it_comes_back_with_the_host(host: Host) -> None:
    assert host.service("docker").is_enabled


def test_containers_outlive_its_restart(host: Host, sleeper: str) -> None:
    before = state(host, sleeper)
    assert before[0] == "running"
    host.check_output("systemctl restart docker")
    assert state(host, sleeper) == before
