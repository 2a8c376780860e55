"""Which Docker Engine is this machine's, without asking the command line where that is known."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils import own_engine
from plugins.module_utils.own_engine import EngineError, OwnEngine, engine_host, published

USUAL = "unix:///var/run/docker.sock"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give Docker's folder of settings, on a machine whose command line knows another Engine."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr(own_engine.shutil, "which", lambda _: "docker")  # type: ignore[attr-defined]
    answer = subprocess.CompletedProcess([], 0, stdout="unix:///another.sock\n")
    monkeypatch.setattr(own_engine.subprocess, "run", lambda *_, **__: answer)  # type: ignore[attr-defined]
    return tmp_path


@pytest.mark.parametrize("settings", [None, "{}", '{"auths": {}}', '{"currentContext": ""}'])
def test_where_nobody_chose_another_one_it_is_the_usual_one(folder: Path, settings: str | None) -> None:
    if settings is not None:
        (folder / "config.json").write_text(settings)
    assert engine_host() == USUAL


@pytest.mark.parametrize("settings", ['{"currentContext": "desktop"}', "[]", "{"])
def test_where_somebody_may_have_the_command_line_is_asked(folder: Path, settings: str) -> None:
    (folder / "config.json").write_text(settings)
    assert engine_host() == "unix:///another.sock"


@pytest.mark.parametrize(
    ("variable", "value", "host"),
    [
        ("DOCKER_HOST", "tcp://there:2375", "tcp://there:2375"),
        ("DOCKER_CONTEXT", "x", "unix:///another.sock"),
    ],
)
def test_variables_choose(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, host: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert engine_host() == host


def test_one_that_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no answer"):
        OwnEngine(str(tmp_path / "nonesuch"), 1)


def test_published_ports() -> None:
    listed: list[dict[str, Any]] = [
        {"Names": ["/goals-dev-web"], "Ports": [{"PublicPort": 8080}, {"PrivatePort": 1}]},
        {"Names": ["/stopped"], "Ports": None},
    ]
    assert published(listed) == {8080: "goals-dev-web"}
