"""When what was kept of a host is believed, when it is kept, and what the host's roles say of themselves."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from plugins.action.host_reads import QUESTIONS, ActionModule, script
from plugins.plugin_utils.kept_answers import differences

ASKED: dict[str, Any] = {"files": [], "times": [], "packages": [], "units": []}


class Look(ActionModule):
    """The action on a host that answers `answer`, with roles and options that `told` stands for."""

    def __init__(self, answer: str = "all well", told: str = "so", check_mode: bool = False) -> None:
        self._task = SimpleNamespace(check_mode=check_mode)
        self.answer, self.told = answer, told

    def _answer(self, question: str) -> str:
        return self.answer

    def _told(self, arguments: Any, facts: Any, files: Any = ()) -> str:
        return self.told

    def compare(self, path: Path, *, in_full: bool = False) -> Any:
        return self._compare(path, {"in_full": in_full})

    def run_between(self, path: Path, until: float | None = None, **asked: Any) -> str:
        """Compare, go the whole way, and keep; return why it was not kept."""
        answer = self.compare(path)["answer"]
        good = time.time() + 60 if until is None else until
        return str(self._keep(path, {**ASKED, **asked, "good_until": good, "answer": answer})["msg"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a file that holds what was kept of a host."""
    kept = tmp_path / "stack/host.json"
    first = Look()
    assert not first.compare(kept)["unchanged"]
    assert first.run_between(kept), "what to ask was not known before the roles"
    assert not first.compare(kept)["unchanged"], "nothing is kept but the question"
    assert first.run_between(kept) == ""
    assert first.compare(kept) == {"unchanged": True, "answer": "all well", "msg": ""}
    return kept


@pytest.mark.parametrize(
    ("look", "why"),
    [
        (Look(answer="all other"), "answers otherwise: all other; all well"),
        (Look(answer=""), "did not answer"),
        (Look(told="otherwise"), "told otherwise"),
    ],
)
def test_what_differs_is_gone_through(path: Path, look: Look, why: str) -> None:
    found = look.compare(path)
    assert not found["unchanged"]
    assert why in found["msg"]


def test_nothing_is_compared_where_all_is_to_be_gone_through(path: Path) -> None:
    found = Look().compare(path, in_full=True)
    assert not found["unchanged"]
    assert "answer" not in found, "nothing is kept either"


def test_what_was_kept_is_good_for_a_time(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "until": time.time() - 1}))
    assert "time again" in Look().compare(path)["msg"]


def test_what_cannot_be_read_is_not_believed(path: Path) -> None:
    for content in ("", "[]", '{"told": "so"}'):
        path.write_text(content)
        assert not Look().compare(path)["unchanged"]


def test_a_run_that_changed_something_or_a_plan_is_not_kept(path: Path) -> None:
    before = path.read_text()
    other = Look(answer="all other")
    assert "changed something" in other.run_between(path, until=0)
    assert "plan" in Look(answer="all other", check_mode=True).run_between(path)
    assert path.read_text() == before


def test_what_changed_between_the_looks_is_not_kept(path: Path) -> None:
    before = path.read_text()
    look = Look(answer="before")
    answer = look.compare(path)["answer"]
    look.answer = "after"
    why = look._keep(path, {**ASKED, "good_until": time.time() + 60, "answer": answer})["msg"]
    assert "after; before" in why
    assert path.read_text() == before


def test_another_question_is_asked_twice_before_it_is_believed(path: Path) -> None:
    asked: dict[str, Any] = {"files": ["/etc/hosts"]}
    assert "not asked this" in Look().run_between(path, **asked)
    assert not Look().compare(path)["unchanged"]
    assert Look().run_between(path, **asked) == ""
    assert Look().compare(path)["unchanged"]


def test_answers_that_are_none_are_no_answers() -> None:
    assert differences("", "")
    assert differences("a\nb", "a\nb") == ""


def test_a_shell_tells_content_mode_time_and_absence_apart(tmp_path: Path) -> None:
    file, stamp = tmp_path / "it's a file", tmp_path / "stamp"
    question = script({**ASKED, "files": [str(file)], "times": [str(stamp)], "units": ["no.service"]})

    def answer() -> str:
        done = subprocess.run(["/bin/sh"], input=question, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout

    answers = [answer()]
    for change in (
        file.touch,
        lambda: file.write_text("content"),
        lambda: file.chmod(0o600),
        stamp.touch,
        lambda: stamp.write_text("its content is not looked at") and None,
    ):
        change()
        answers.append(answer())
    assert len(set(answers[:-1])) == len(answers) - 1
    assert answers == [answer() if each is answers[-1] else each for each in answers], "it is the same again"


def test_every_kind_is_asked() -> None:
    asked = {kind: [f"the-{kind}"] for kind in QUESTIONS}
    assert all(f"the-{kind}" in script(asked) for kind in QUESTIONS)
    assert "dpkg-query" not in script(ASKED)


def value(role: str, name: str, distribution: str = "debian", **settings: Any) -> Any:
    """Return a variable of a role after a run in which it did nothing, but for `settings`."""
    loader = DataLoader()
    variables: dict[str, Any] = {"ansible_check_mode": False}
    for file in ("defaults/main.yml", "vars/main.yml", f"vars/{distribution}.yml"):
        variables |= loader.load_from_file(f"roles/{role}/{file}", trusted_as_template=True)
    variables |= {
        "__host_baseline_system": {"files": {"/var/lib/slipway/patched": 1000.0}, "package_manager": "apt"},
        "__host_baseline_written": {"changed": False, "changed_paths": []},
        "__host_baseline_answer": {"rc": 1},
        "host_baseline_patch_interval": 10**12,
        "__docker_engine_system": {
            "distribution": distribution,
            "version": "12",
            "codename": "bookworm",
            "architecture": "x86_64",
            "systemd": True,
            "packages": {"docker-ce": "1", "docker-ce-cli": "1", "containerd.io": "1", "docker": "1"},
            "files": {},
            "units": {"docker.service": {"enabled": True, "active": True}},
        },
        "__docker_engine_written": {"changed": False, "changed_paths": []},
        **settings,
    }
    return Templar(loader=loader, variables=variables).template(variables[name])


CHANGED = {"changed": True, "changed_paths": []}


@pytest.mark.parametrize(
    ("settings", "good"),
    [
        ({}, 1000 + 10**12),
        ({"__host_baseline_written": CHANGED}, 0),
        ({"host_baseline_patch_interval": 10}, 0),
        ({"__host_baseline_system": {"files": {}, "package_manager": "apt"}}, 0),
        ({"host_baseline_reboot": "if_required"}, 1000 + 10**12),
        ({"host_baseline_reboot": "if_required", "__host_baseline_answer": {"rc": 0}}, 0),
        ({"host_baseline_reboot": "if_required", "distribution": "amzn"}, 0),
    ],
)
def test_until_when_the_baseline_is_good(settings: dict[str, Any], good: float) -> None:
    assert value("host_baseline", "__host_baseline_good_until", **settings) == good


def test_without_updates_the_baseline_is_good_for_the_interval_from_now() -> None:
    settings: dict[str, Any] = {"host_baseline_patch": "none", "host_baseline_patch_interval": 60}
    good = value("host_baseline", "__host_baseline_good_until", **settings)
    assert time.time() < good <= time.time() + 60


@pytest.mark.parametrize(
    ("settings", "good"),
    [
        ({}, True),
        ({"distribution": "amzn"}, True),
        ({"__docker_engine_written": CHANGED}, False),
        ({"docker_engine_upgrade": True}, False),
        ({"docker_engine_manage_config": False}, False),
        ({"docker_engine_extra_packages": ["tree"]}, False),
        ({"__docker_engine_started": False}, False),
    ],
)
def test_whether_the_engine_is_good(settings: dict[str, Any], good: bool) -> None:
    assert value("docker_engine", "__docker_engine_good", **settings) is good


@pytest.mark.parametrize("distribution", ["debian", "ubuntu", "amzn"])
def test_all_that_the_roles_write_is_asked_for(distribution: str) -> None:
    baseline = value("host_baseline", "__host_baseline_decisive", distribution)
    engine = value("docker_engine", "__docker_engine_decisive", distribution)
    apt = distribution != "amzn"
    assert ("/run/reboot-required" in baseline["files"]) is apt
    assert ("/etc/apt/apt.conf.d/52slipway" in baseline["files"]) is apt
    assert ("/etc/apt/sources.list.d/docker.sources" in engine["files"]) is apt
    assert {"/etc/ssh/sshd_config.d/00-slipway.conf", "/etc/sysctl.d/60-slipway.conf"} < set(
        baseline["files"]
    )
    assert "/etc/docker/daemon.json" in engine["files"]
    assert baseline["times"] == ["/var/lib/slipway/patched"]
    assert engine["units"] == ["docker.service"]
