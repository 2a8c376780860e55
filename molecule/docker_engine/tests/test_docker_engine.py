"""The engine as the role leaves it, after its configuration changed once."""

from __future__ import annotations

import json
from typing import Any

from testinfra.host import Host

testinfra_hosts = ["ansible://all"]


def docker(host: Host, command: str) -> Any:
    return json.loads(host.check_output(f"docker {command} --format '{{{{json .}}}}'"))


def test_it_answers_with_the_options_given(host: Host) -> None:
    info = docker(host, "info")
    assert info["LiveRestoreEnabled"] is True
    assert info["LoggingDriver"] == "json-file"
    assert info["RegistryConfig"]["IndexConfigs"]["registry.example:5000"]["Secure"] is False
    bridge = docker(host, "network inspect bridge")
    assert bridge["Options"]["com.docker.network.bridge.enable_icc"] == "false"


def test_a_container_runs_without_new_privileges_and_within_limits(host: Host, tiny: str) -> None:
    seen = host.check_output(
        f"docker run --rm {tiny} /usr/bin/sh -c"
        " 'grep NoNewPrivs /proc/self/status; ulimit -S -n; ulimit -H -n'"
    )
    assert seen.split() == ["NoNewPrivs:", "1", "8192", "16384"]


def test_logs_rotate_as_the_changed_configuration_says(host: Host, sleeper: str) -> None:
    log = docker(host, f"inspect {sleeper}")["HostConfig"]["LogConfig"]
    assert log == {"Type": "json-file", "Config": {"max-file": "5", "max-size": "10m"}}


def test_a_published_port_needs_no_process(host: Host, sleeper: str) -> None:
    assert host.process.filter(comm="docker-proxy") == []
    assert "dpt:8080" in host.check_output("iptables --table nat --list DOCKER --numeric")


def test_one_engine_runs(host: Host) -> None:
    assert len(host.process.filter(comm="dockerd")) == 1


def test_unattended_upgrades_leave_it_alone(host: Host) -> None:
    blacklist = host.check_output("apt-config dump --format '%v%n' Unattended-Upgrade::Package-Blacklist")
    assert blacklist.split() == ["docker", "containerd", "runc"]
