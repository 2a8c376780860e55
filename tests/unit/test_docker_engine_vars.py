"""What roles/docker_engine would install and write on each system, also on those that cannot run here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

ROLE = Path("roles/docker_engine")


class Host:
    """The role's variables and tasks as one host would see them."""

    def __init__(self, distribution: str, version: str, **settings: Any) -> None:
        self.loader = DataLoader()
        files = ["defaults/main.yml", "vars/main.yml", f"vars/{distribution.lower()}.yml"]
        self.variables: dict[str, Any] = {}
        for name in files:
            self.variables |= self.load(name)
        self.variables |= settings
        self.variables["ansible_facts"] = {
            "distribution": distribution,
            "distribution_version": version,
            "distribution_major_version": version.partition(".")[0],
            "distribution_release": {
                "12": "bookworm",
                "13": "trixie",
                "22.04": "jammy",
                "24.04": "noble",
            }.get(version),
            "architecture": "aarch64",
        }

    def load(self, name: str) -> Any:
        return self.loader.load_from_file(str(ROLE / name), trusted_as_template=True)

    def value(self, name: str) -> Any:
        return self.rendered(self.variables[name])

    def rendered(self, value: Any) -> Any:
        return Templar(loader=self.loader, variables=self.variables).template(value)

    def task(self, file: str, name: str, *keys: str) -> Any:
        tasks = self.load(f"tasks/{file}")
        value = next(task for task in tasks if task["name"] == name)
        for key in keys:
            value = value[key]
        return self.rendered(value)


DOCKER = ["docker-ce", "docker-ce-cli", "containerd.io"]


@pytest.mark.parametrize(
    ("system", "source", "packages", "daemon", "validates"),
    [
        (("Debian", "12"), "docker", DOCKER, "/usr/bin/dockerd", True),
        (("Debian", "13"), "docker", DOCKER, "/usr/bin/dockerd", True),
        (("Debian", "12"), "distribution", ["docker.io"], "/usr/sbin/dockerd", False),
        (("Debian", "13"), "distribution", ["docker.io", "docker-cli"], "/usr/sbin/dockerd", True),
        (("Ubuntu", "22.04"), "docker", DOCKER, "/usr/bin/dockerd", True),
        (("Ubuntu", "24.04"), "distribution", ["docker.io"], "/usr/bin/dockerd", True),
        (("Amazon", "2023"), "docker", ["docker"], "/usr/bin/dockerd", True),
        (("Amazon", "2023"), "distribution", ["docker"], "/usr/bin/dockerd", True),
    ],
)
def test_packages_and_daemon(
    system: tuple[str, str], source: str, packages: list[str], daemon: str, validates: bool
) -> None:
    distribution, version = system
    host = Host(distribution, version, docker_engine_source=source)
    release = host.value("__docker_engine_release")
    assert release in host.value("__docker_engine_supported")[distribution]
    assert host.value("__docker_engine_packages") == packages
    assert host.value("__docker_engine_daemon") == daemon
    expected = f"{daemon} --validate --config-file %s" if validates else "python3 -m json.tool %s /dev/null"
    assert host.value("__docker_engine_validate") == expected


@pytest.mark.parametrize(
    ("distribution", "version", "path", "suite"),
    [
        ("Debian", "12", "debian", "bookworm"),
        ("Debian", "13", "debian", "trixie"),
        ("Ubuntu", "22.04", "ubuntu", "jammy"),
        ("Ubuntu", "24.04", "ubuntu", "noble"),
    ],
)
def test_dockers_repository(distribution: str, version: str, path: str, suite: str) -> None:
    host = Host(distribution, version)
    assert host.value("__docker_engine_from_docker") is True
    content = host.task("repository.yml", "Name Docker's repository", "ansible.builtin.copy", "content")
    assert content.splitlines()[1:] == [
        "Types: deb",
        f"URIs: https://download.docker.com/linux/{path}",
        f"Suites: {suite}",
        "Components: stable",
        "Architectures: arm64",
        "Signed-By: /etc/apt/keyrings/docker.asc",
    ]
    key = host.task(
        "repository.yml", "Fetch the key of Docker's repository", "ansible.builtin.get_url", "url"
    )
    assert key == "https://download.docker.com/linux/debian/gpg"


def test_amazon_linux_takes_its_own_package_at_the_held_version() -> None:
    host = Host("Amazon", "2023", docker_engine_version="25.0", docker_engine_extra_packages=["git"])
    assert host.value("__docker_engine_from_docker") is False
    module = host.task("install_dnf.yml", "Install the engine's packages", "ansible.builtin.dnf")
    assert module["name"] == ["docker-25.0*", "git"]
    assert module["allow_downgrade"] is True


def test_a_held_version_is_pinned_above_what_is_installed() -> None:
    content = Host("Debian", "12", docker_engine_version="28.3").task(
        "install_apt.yml", "Hold the engine's version", "ansible.builtin.copy", "content"
    )
    assert content.splitlines()[1:] == [
        "Package: docker-ce docker-ce-cli",
        r"Pin: version /^([0-9]+:)?28\.3([^0-9]|$)/",
        "Pin-Priority: 1001",
    ]


def test_overrides_and_registries_leave_the_other_options_as_they_are() -> None:
    host = Host(
        "Debian",
        "12",
        docker_engine_daemon_overrides={"log-opts": {"max-file": "9"}},
        docker_engine_insecure_registries=["registry.example:5000"],
    )
    options = host.value("__docker_engine_options")
    assert options["log-opts"] == {"max-size": "10m", "max-file": "9"}
    assert options["insecure-registries"] == ["registry.example:5000"]
    assert options["live-restore"] is True
    assert "insecure-registries" not in Host("Debian", "12").value("__docker_engine_options")
