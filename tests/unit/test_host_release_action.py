"""When a release passes a host over, and when it goes the whole way."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase

from plugins.action.host_release import ActionModule
from plugins.plugin_utils import code

WANTED = {
    "app": "goals",
    "release": "1",
    "base": "0",
    "containers": [{"service": "web", "image": "web@sha256:1"}],
    "secrets": {"web": {"PASSWORD": "hush-hush"}},
    "routes": [],
    "registry_auth": {"registry": {"username": "AWS", "password": "of-today"}},
}
RENDERED = {name: WANTED[name] for name in ("containers", "secrets", "routes")}
FOUND = {"question": {"app": "goals", "checks": []}, "answer": "all well"}
UNCHANGED = {"changed": False, "services": {"web": {"changed": False}}, "found": FOUND}


class Host(ActionModule):
    """The action on a host where the module returns `result`, and counts how often it is run."""

    def __init__(self, path: Path, result: dict[str, Any] | None = None, check_mode: bool = False) -> None:
        self.path, self.result = path, result or UNCHANGED
        self.runs = 0
        self._task = SimpleNamespace(check_mode=check_mode, args={})

    def _execute_module(self, module_args: dict[str, Any], **_: Any) -> dict[str, Any]:
        assert "kept_in" not in module_args
        assert "seen" not in module_args
        assert "rendered" not in module_args
        self.runs += 1
        # As Ansible does.
        module_args["_ansible_check_mode"] = False
        return {**self.result, "_ansible_parsed": True}

    def release(self, seen: str = "all well", **changes: Any) -> dict[str, Any]:
        self._task.args = {**WANTED, **changes, "kept_in": str(self.path), "seen": seen}
        return self.run(None, {})


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what Ansible's own class needs a whole run for."""
    monkeypatch.setattr(ActionBase, "run", lambda *_: {})


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Give a host of which a run that changed nothing has kept what it found."""
    made = Host(tmp_path / "host.json")
    first = made.release(seen="")
    assert made.runs == 1
    assert "found" not in first
    return made


def test_what_is_as_it_was_left_is_passed_over(host: Host) -> None:
    passed = host.release(release="2", base="1", registry_auth={"registry": {"password": "of-tomorrow"}})
    assert host.runs == 1
    assert passed == {"changed": False, "services": {"web": {"changed": False}}, "passed_over": True}


def test_what_is_rendered_in_one_is_the_same_as_its_parts(host: Host) -> None:
    host.release(rendered=RENDERED, containers=[], secrets={})
    assert host.runs == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"containers": [{"service": "web", "image": "web@sha256:2"}]},
        {"secrets": {"web": {"PASSWORD": "another"}}},
        {"rendered": {**RENDERED, "containers": [{"service": "web", "image": "web@sha256:2"}]}},
        {"rendered": {**RENDERED, "secrets": {"web": {"PASSWORD": "another"}}}},
        {"rendered": {**RENDERED, "routes": [{"service": "web", "path": "/"}]}},
        {"drain_timeout": 3},
        {"seen": "all other"},
        {"seen": ""},
    ],
)
def test_whatever_differs_goes_the_whole_way(host: Host, changes: dict[str, Any]) -> None:
    host.release(**changes)
    assert host.runs == 2


def test_another_module_goes_the_whole_way(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "digests", lambda folder: [("host_plan.py", "another")])
    host.release()
    assert host.runs == 2


def test_other_states_are_never_passed_over(host: Host) -> None:
    host.release(state="returned")
    host.release(state="absent")
    assert host.runs == 3


@pytest.mark.parametrize(
    ("result", "check_mode"),
    [({"changed": True}, False), ({"changed": False, "found": {}}, False), (UNCHANGED, True)],
)
def test_what_changed_or_moves_or_is_a_plan_is_not_kept(
    tmp_path: Path, result: dict[str, Any], check_mode: bool
) -> None:
    made = Host(tmp_path / "host.json", result, check_mode)
    made.release(seen="")
    assert not made.path.exists()


def test_of_secrets_nothing_is_kept_and_others_cannot_read_the_rest(host: Host) -> None:
    text = host.path.read_text()
    assert "hush-hush" not in text
    assert "of-today" not in text
    assert host.path.stat().st_mode & 0o077 == 0
    kept = json.loads(text)
    host.path.unlink()
    host.release(seen="")
    assert json.loads(host.path.read_text())["told"] != kept["told"], "two hosts of one secret would show it"
