"""What a host's system is found to be, from folders that stand for a host's root."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from plugins.module_utils.host_system import look, unsupported

DEBIAN = 'NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'
AMAZON = '# a comment\nID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\n'


def host(root: Path, release: str, program: str, *, systemd: bool = True) -> Path:
    (root / "etc").mkdir()
    (root / "etc/os-release").write_text(release)
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin" / program).touch()
    if systemd:
        (root / "run/systemd/system").mkdir(parents=True)
    return root


class Answers:
    """Answers to questions, by the program asked; the questions are kept."""

    def __init__(self, **answers: str) -> None:
        self.answers = {name.replace("_", "-"): answer for name, answer in answers.items()}
        self.asked: list[Sequence[str]] = []

    def __call__(self, arguments: Sequence[str]) -> str:
        self.asked.append(arguments)
        return self.answers[arguments[0]]


def test_a_debian_host(tmp_path: Path) -> None:
    root = host(tmp_path, DEBIAN, "dpkg-query")
    packages = "installed docker.io 20.10.24\nconfig-files docker-ce 5:28\nunknown ok not-installed \n"
    run = Answers(dpkg_query=packages, systemctl="active\nenabled\n")
    found = look(["docker.io", "docker-ce"], ["/etc/os-release", "/none"], ["docker.service"], root, run)
    assert (found["distribution"], found["version"], found["codename"]) == ("debian", "12", "bookworm")
    assert found["package_manager"] == "apt"
    assert found["packages"] == {"docker.io": "20.10.24"}
    assert found["files"] == {"/etc/os-release": (root / "etc/os-release").stat().st_mtime}
    assert found["units"] == {"docker.service": {"enabled": True, "active": True}}
    assert run.asked[0][-2:] == ("docker.io", "docker-ce")


def test_an_amazon_host_whose_engine_is_stopped(tmp_path: Path) -> None:
    root = host(tmp_path, AMAZON, "rpm")
    run = Answers(rpm="installed docker 25.0.8-1.amzn2023\n", systemctl="inactive\ndisabled\n")
    found = look(["docker"], [], ["docker.service"], root, run)
    assert (found["distribution"], found["version"], found["codename"]) == ("amzn", "2023", "")
    assert found["package_manager"] == "dnf"
    assert found["packages"] == {"docker": "25.0.8-1.amzn2023"}
    assert found["units"] == {"docker.service": {"enabled": False, "active": False}}


@pytest.mark.parametrize("release", ["", "ID=alpine\n"])
def test_a_host_without_systemd_or_a_known_package_manager(tmp_path: Path, release: str) -> None:
    run = Answers()
    found = look(["docker"], [], ["docker.service"], host(tmp_path, release, "apk", systemd=False), run)
    assert (found["package_manager"], found["systemd"]) == ("", False)
    assert (found["packages"], found["units"]) == ({}, {})
    assert run.asked == []


SUPPORTED = {"debian": ["12", "13"], "amzn": ["2023"]}


@pytest.mark.parametrize(("distribution", "version"), [("debian", "13"), ("amzn", "2023")])
def test_a_host_that_is_supported(distribution: str, version: str) -> None:
    assert unsupported(distribution, version, SUPPORTED) == ""


@pytest.mark.parametrize(
    ("distribution", "version", "named"),
    [
        ("debian", "11", "The host runs debian 11: "),
        ("alpine", "3.22", "The host runs alpine 3.22: "),
        ("amzn", "12", "The host runs amzn 12: "),
        ("", "", "The host runs no known distribution: "),
    ],
)
def test_a_host_that_is_not_supported_is_told_what_is(distribution: str, version: str, named: str) -> None:
    fault = unsupported(distribution, version, SUPPORTED)
    assert fault.startswith(named)
    assert "expected debian 12 or 13; amzn 2023." in fault
