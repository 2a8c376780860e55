"""What roles/docker_engine would install and write on each system, also on those that cannot run here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

ROLE = Path("roles/docker_engine")


class Host:
    """The role's variables and tasks as one host would see them."""

    def __init__(
        self, distribution: str, version: str, packages: Mapping[str, str] | None = None, **settings: Any
    ) -> None:
        self.loader = DataLoader()
        files = ["defaults/main.yml", "vars/main.yml", f"vars/{distribution}.yml"]
        self.variables: dict[str, Any] = {}
        for name in files:
            self.variables |= self.load(name)
        self.variables |= settings
        codenames = {"12": "bookworm", "13": "trixie", "22.04": "jammy", "24.04": "noble"}
        self.variables["__docker_engine_system"] = {
            "distribution": distribution,
            "version": version,
            "codename": codenames.get(version, ""),
            "architecture": "aarch64",
            "package_manager": "dnf" if distribution == "amzn" else "apt",
            "packages": packages or {},
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

    def file(self, path: str) -> str:
        """Return the content of a file that belongs to the packages."""
        files = self.value("__docker_engine_package_files")
        return str(next(file["content"] for file in files if file["path"] == path))


DOCKER = ["docker-ce", "docker-ce-cli", "containerd.io"]


@pytest.mark.parametrize(
    ("system", "source", "packages", "daemon", "validates"),
    [
        (("debian", "12"), "docker", DOCKER, "/usr/bin/dockerd", True),
        (("debian", "13"), "docker", DOCKER, "/usr/bin/dockerd", True),
        (("debian", "12"), "distribution", ["docker.io"], "/usr/sbin/dockerd", False),
        (("debian", "13"), "distribution", ["docker.io", "docker-cli"], "/usr/sbin/dockerd", True),
        (("ubuntu", "22.04"), "docker", DOCKER, "/usr/bin/dockerd", True),
        (("ubuntu", "24.04"), "distribution", ["docker.io"], "/usr/bin/dockerd", True),
        (("amzn", "2023"), "docker", ["docker"], "/usr/bin/dockerd", True),
        (("amzn", "2023"), "distribution", ["docker"], "/usr/bin/dockerd", True),
    ],
)
def test_packages_and_daemon(
    system: tuple[str, str], source: str, packages: list[str], daemon: str, validates: bool
) -> None:
    distribution, version = system
    host = Host(distribution, version, docker_engine_source=source)
    assert version in host.value("__docker_engine_supported")[distribution]
    assert host.value("__docker_engine_packages") == packages
    assert host.value("__docker_engine_daemon") == daemon
    assert host.value("__docker_engine_due"), "nothing is installed"
    here = dict.fromkeys(packages, "1")
    assert not Host(distribution, version, here, docker_engine_source=source).value("__docker_engine_due")
    assert host.value("__docker_engine_validate") == "python3 -m json.tool %s /dev/null"
    host = Host(distribution, version, here, docker_engine_source=source)
    expected = f"{daemon} --validate --config-file %s" if validates else "python3 -m json.tool %s /dev/null"
    assert host.value("__docker_engine_validate") == expected


@pytest.mark.parametrize(
    ("distribution", "version", "path", "suite"),
    [
        ("debian", "12", "debian", "bookworm"),
        ("debian", "13", "debian", "trixie"),
        ("ubuntu", "22.04", "ubuntu", "jammy"),
        ("ubuntu", "24.04", "ubuntu", "noble"),
    ],
)
def test_dockers_repository(distribution: str, version: str, path: str, suite: str) -> None:
    host = Host(distribution, version)
    assert host.value("__docker_engine_from_docker") is True
    content = host.file("/etc/apt/sources.list.d/docker.sources")
    assert content.splitlines()[1:] == [
        "Types: deb",
        f"URIs: https://download.docker.com/linux/{path}",
        f"Suites: {suite}",
        "Components: stable",
        "Architectures: arm64",
        "Signed-By: /etc/apt/keyrings/docker.asc",
    ]
    key = host.task(
        "install_apt.yml", "Fetch the key of Docker's repository", "ansible.builtin.get_url", "url"
    )
    assert key == "https://download.docker.com/linux/debian/gpg"


def test_amazon_linux_takes_its_own_package_at_the_held_version() -> None:
    host = Host("amzn", "2023", docker_engine_version="25.0", docker_engine_extra_packages=["git"])
    assert host.value("__docker_engine_from_docker") is False
    module = host.task("install_dnf.yml", "Install the engine's packages", "ansible.builtin.dnf")
    assert module["name"] == ["docker-25.0*", "git"]
    assert module["allow_downgrade"] is True


def test_a_held_version_is_pinned_above_what_is_installed() -> None:
    host = Host("debian", "12", docker_engine_version="28.3")
    content = host.file("/etc/apt/preferences.d/docker-engine")
    assert content.splitlines()[1:] == [
        "Package: docker-ce docker-ce-cli",
        r"Pin: version /^([0-9]+:)?28\.3([^0-9]|$)/",
        "Pin-Priority: 1001",
    ]


@pytest.mark.parametrize(
    ("system", "version", "installed", "due"),
    [
        (("debian", "12"), "28.3", "5:28.3.1-1~debian.12~bookworm", False),
        (("debian", "12"), "28.3", "5:28.30.1-1~debian.12~bookworm", True),
        (("debian", "12"), "28.3.1", "5:28.3.1-1~debian.12~bookworm", False),
        (("debian", "12"), "28", "5:29.0.1-1~debian.12~bookworm", True),
        (("amzn", "2023"), "25.0", "25.0.8-1.amzn2023.0.4", False),
        (("amzn", "2023"), "25.0", "24.0.5-1.amzn2023.0.3", True),
    ],
)
def test_another_version_than_the_held_one_is_due(
    system: tuple[str, str], version: str, installed: str, due: bool
) -> None:
    packages = {**dict.fromkeys(["docker-ce", "docker-ce-cli", "docker"], installed), "containerd.io": "1.7"}
    assert Host(*system, packages, docker_engine_version=version).value("__docker_engine_due") is due


def test_overrides_and_registries_leave_the_other_options_as_they_are() -> None:
    host = Host(
        "debian",
        "12",
        docker_engine_daemon_overrides={"log-opts": {"max-file": "9"}},
        docker_engine_insecure_registries=["registry.example:5000"],
    )
    options = host.value("__docker_engine_options")
    assert options["log-opts"] == {"max-size": "10m", "max-file": "9"}
    assert options["insecure-registries"] == ["registry.example:5000"]
    assert options["live-restore"] is True
    assert "insecure-registries" not in Host("debian", "12").value("__docker_engine_options")
