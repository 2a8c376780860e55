"""The engine from Docker's repository, held at a version that changed once from 28.3 to 29."""

from __future__ import annotations

from testinfra.host import Host

testinfra_hosts = ["ansible://repository"]


def test_the_package_is_that_of_the_held_version(host: Host) -> None:
    policy = host.check_output("apt-cache policy docker-ce")
    assert "Installed: 5:29.0.1-1~debian.12~bookworm" in policy
    assert "http://127.0.0.1:8000/debian bookworm/stable" in policy


def test_the_daemon_validated_its_configuration(host: Host) -> None:
    assert host.file("/run/docker-validated").content_string.startswith("--validate --config-file ")
