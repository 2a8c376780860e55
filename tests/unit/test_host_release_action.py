"""When a release passes a host over, and when it goes the whole way."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.template import Templar

from plugins.action.host_release import ActionModule
from plugins.action.host_releases import ActionModule as Comparing
from plugins.module_utils.model import effective_services
from plugins.plugin_utils import code

ROLE = code.ROLES / "host_release"

WEB = {
    "image": "web:1",
    "port": 8080,
    "secrets": {"PASSWORD": "vault:password"},
    "route": {"paths": ["/*"], "priority": 1},
    "health_check": {"path": "/"},
    "cpu": 128,
    "memory": 64,
}
IMAGES = {"web": {"image": "web@sha256:1"}}
#: What the role's options come to, on a host.
OPTIONS = {
    "app_name": "goals",
    "host_release_id": "1",
    "host_release_base": "0",
    "host_release_services": effective_services({"web": WEB}, "none", "", {}),
    "host_release_images": {**IMAGES, "proxy": {"image": "proxy@sha256:1"}},
    "host_release_secrets": {"web": {"PASSWORD": "hush-hush"}},
    "host_release_hosts": ["one"],
    "host_release_registry_auth": {"registry": {"username": "AWS", "password": "of-today"}},
    "inventory_hostname": "one",
}
FOUND = {"question": {"app": "goals", "checks": []}, "answer": "all well"}
UNCHANGED = {"changed": False, "services": {"web": {"changed": False}}, "found": FOUND}
(TOLD,) = (
    task["slipway.core.host_release"]
    for task in DataLoader().load_from_file(str(ROLE / "tasks/main.yml"), trusted_as_template=True)
)
DEFAULTS = DataLoader().load_from_file(str(ROLE / "defaults/main.yml"), trusted_as_template=True)


class Vars(dict[str, Any]):
    """What Ansible knows of one host."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self._inventory = SimpleNamespace(get_host=lambda name: name)
        self._variable_manager = SimpleNamespace(get_vars=lambda host: {**self.options, "hostvars": self})


class Host(ActionModule):
    """The action on a host where the module returns `result`."""

    def __init__(self, path: Path, result: dict[str, Any] | None = None, check_mode: bool = False) -> None:
        self.options = {**OPTIONS, "release_kept": str(path)}
        self.path, self.result = path, result or UNCHANGED
        self.given: dict[str, Any] = {}
        self._task = SimpleNamespace(check_mode=check_mode, args={})

    def _low_level_execute_command(self, cmd: str, in_data: bytes) -> dict[str, Any]:
        """Be a host of which nothing but the result is there."""
        assert cmd == "PROXY=p python3 -IS -"
        (told,) = re.findall(r"json\.loads\((.+)\)\)\)\)$", in_data.decode().strip())
        self.given = json.loads(ast.literal_eval(told))["params"]
        return {"rc": 0, "stdout": f"a word before\n{json.dumps(self.result)}\n", "stderr": ""}

    def _compute_environment_string(self) -> str:
        return "PROXY=p"

    def _is_pipelining_enabled(self, module_style: str, wrap_async: bool = False) -> bool:
        return True

    def release(self, **options: Any) -> dict[str, Any]:
        """Release as the role's task does."""
        self._templar = Templar(DataLoader(), variables={**DEFAULTS, **self.options, **options})
        self._task.args = self._templar.template(TOLD)
        return self.run(None, {})

    def passed_over(self, seen: str = "all well", **options: Any) -> dict[str, Any] | None:
        """Compare as a later run does, and return what it returns of the host."""
        hostvars = Vars({**self.options, **options})
        action: Any = Comparing.__new__(Comparing)
        action._task = SimpleNamespace(args={"seen": {"one": seen}, "given": {}})
        action._loader, action._templar = DataLoader(), Templar(DataLoader(), variables={})
        found: dict[str, Any] = action.run(None, {"hostvars": hostvars})["passed_over"]
        return found.get("one")


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what Ansible's own class needs a whole run for."""
    monkeypatch.setattr(ActionBase, "run", lambda *_: {})


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Give a host of which a run that changed nothing has kept what it found."""
    made = Host(tmp_path / "host.json")
    assert made.passed_over() is None
    assert "found" not in made.release()
    return made


def test_what_is_as_it_was_left_is_passed_over(host: Host) -> None:
    other = {"registry": {"password": "of-tomorrow"}}
    passed = host.passed_over(host_release_id="2", host_release_base="1", host_release_registry_auth=other)
    assert passed == {"changed": False, "services": {"web": {"changed": False}}, "passed_over": True}


def test_what_is_rendered_reaches_the_module_and_what_is_for_the_action_alone_does_not(host: Host) -> None:
    assert [container["service"] for container in host.given["containers"]] == ["web"]
    assert host.given["secrets"] == {"web": {"PASSWORD": "hush-hush"}}
    assert [route["service"] for route in host.given["routes"]] == ["web"]
    assert not {"application", "kept_in"} & {*host.given}


def test_all_that_is_wrong_is_said_before_the_host_is_asked(host: Host) -> None:
    host.given = {}
    with pytest.raises(AnsibleActionFail) as refused:
        host.release(host_release_drain_timeout="soon", host_release_health_timeout="later")
    for name in ("drain_timeout", "health_timeout"):
        assert name in str(refused.value)
    assert not host.given


def test_no_secret_is_in_what_a_host_tells(host: Host) -> None:
    host.result = {"failed": True, "msg": "refused hush-hush", "failure": {"log": ["of-today it was"]}}
    told = json.dumps(host.release())
    assert "refused" in told
    assert "hush-hush" not in told
    assert "of-today" not in told


class Files(Host):
    """A host to which nothing goes but by a file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.files: dict[str, bytes] = {}
        self.commands: list[str] = []
        self._connection = SimpleNamespace(_shell=SimpleNamespace(join_path="{}/{}".format))

    def _is_pipelining_enabled(self, module_style: str, wrap_async: bool = False) -> bool:
        return False

    def _make_tmp_path(self, remote_user: str | None = None) -> str:
        return "/home/admin/own"

    def _transfer_data(self, remote_path: str, data: Any) -> str:
        self.files[remote_path] = data
        return remote_path

    def _fixup_perms2(self, remote_paths: Any, remote_user: Any = None, execute: bool = True) -> None:
        assert remote_paths == ("/home/admin/own", "/home/admin/own/program.py")

    def _remove_tmp_path(self, tmp_path: str, force: bool = False) -> None:
        assert tmp_path == "/home/admin/own"
        self.files.clear()

    def _low_level_execute_command(self, cmd: str, in_data: bytes | None = None) -> dict[str, Any]:
        assert in_data is None, "it would be typed into whatever listens"
        assert b"hush-hush" in self.files["/home/admin/own/program.py"]
        self.commands.append(cmd)
        raise AnsibleConnectionFailure("gone")


def test_where_nothing_can_be_sent_to_a_command_a_file_is_and_never_stays(tmp_path: Path) -> None:
    host = Files(tmp_path / "host.json")
    with pytest.raises(AnsibleConnectionFailure):
        host.release()
    assert host.commands == ["PROXY=p python3 -IS /home/admin/own/program.py"]
    assert not host.files


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"rc": 127, "stdout": "", "stderr": "python3: not found"}, "python3: not found"),
        ({"rc": 1, "stdout": "{\n", "stderr": ""}, "{"),
        ({"rc": 137, "stdout": "", "stderr": ""}, "exit code 137"),
    ],
)
def test_a_host_that_tells_nothing_has_failed(
    host: Host, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any], why: str
) -> None:
    monkeypatch.setattr(host, "_low_level_execute_command", lambda *_, **__: said)
    result = host.release()
    assert result["failed"]
    assert result["msg"] == f"The release ended without a result: {why}"


def test_what_cannot_be_rendered_is_said(host: Host) -> None:
    with pytest.raises(AnsibleActionFail, match="no value was read for secrets of web: PASSWORD"):
        host.release(host_release_secrets={})
    with pytest.raises(AnsibleActionFail, match="nothing is told of 'web'"):
        host.release(host_release_images={"proxy": {"image": "proxy@sha256:1"}})


@pytest.mark.parametrize(
    "options",
    [
        {"host_release_images": {"web": {"image": "web@sha256:2"}, "proxy": {"image": "proxy@sha256:1"}}},
        {"host_release_images": {**IMAGES, "proxy": {"image": "proxy@sha256:2"}}},
        {"host_release_secrets": {"web": {"PASSWORD": "another"}}},
        {"host_release_services": effective_services({"web": {**WEB, "cpu": 64}}, "none", "", {})},
        {"host_release_hosts": ["one", "two"], "host_release_private_addresses": {"one": "10.0.0.1"}},
        {"host_release_drain_timeout": 3},
        {"host_release_certificate": {"email": "a@example.com", "domains": ["example.com"]}},
        {"inventory_hostname": "two"},
        {"seen": "all other"},
        {"seen": ""},
    ],
)
def test_whatever_differs_goes_the_whole_way(host: Host, options: dict[str, Any]) -> None:
    assert host.passed_over(**options) is None


def test_another_module_goes_the_whole_way(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "digests", lambda folder: [("host_plan.py", "another")])
    assert host.passed_over() is None


@pytest.mark.parametrize("content", ["", "[]", '{"told": "so"}'])
def test_what_cannot_be_read_is_not_believed(host: Host, content: str) -> None:
    host.path.write_text(content)
    assert host.passed_over() is None


@pytest.mark.parametrize(
    ("result", "check_mode"),
    [({"changed": True}, False), ({"changed": False, "found": {}}, False), (UNCHANGED, True)],
)
def test_what_changed_or_moves_or_is_a_plan_is_not_kept(
    tmp_path: Path, result: dict[str, Any], check_mode: bool
) -> None:
    made = Host(tmp_path / "host.json", result, check_mode)
    made.release()
    assert not made.path.exists()


def test_of_secrets_nothing_is_kept_and_others_cannot_read_the_rest(host: Host) -> None:
    text = host.path.read_text()
    assert "hush-hush" not in text
    assert "of-today" not in text
    assert host.path.stat().st_mode & 0o077 == 0
    kept = json.loads(text)
    host.path.unlink()
    host.release()
    assert json.loads(host.path.read_text())["told"] != kept["told"], "two hosts of one secret would show it"
