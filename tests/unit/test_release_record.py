"""What a record says of where a release came from, and when AWS is not asked for one."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase

from plugins.action.release_record import ActionModule, ask_git, revision
from plugins.module_utils.release_history import release_document


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    run = subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True
    )
    return run.stdout.strip()


def test_revision_and_changes_of_a_working_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    nothing = {"revision": None, "dirty": None}
    assert revision(ask_git(str(tmp_path))) == nothing
    git(tmp_path, "init", "--quiet")
    assert revision(ask_git(str(tmp_path))) == nothing
    git(tmp_path, "commit", "--allow-empty", "--quiet", "-m", "one")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert revision(ask_git(str(tmp_path))) == {"revision": head, "dirty": False}
    (tmp_path / "new").touch()
    assert revision(ask_git(str(tmp_path))) == {"revision": head, "dirty": True}
    monkeypatch.setenv("PATH", "")
    assert revision(ask_git(str(tmp_path))) == nothing


SERVICE: dict[str, Any] = {"image": "shop/api:1", "port": 80, "health_check": {"path": "/"}}
GATE: dict[str, Any] = {"name": "migrate", "command": ["migrate"], "before_release": True}


def document(digest: str = "a", **service: Any) -> dict[str, Any]:
    return release_document(
        {"api": {**SERVICE, **service}},
        {"api": {"image": f"shop/api@sha256:{digest}"}},
        {},
        {},
        database="none",
        database_service_name="mongodb",
        database_service={},
    )


def record(result: str = "good", **of: Any) -> dict[str, Any]:
    return {"id": "20261123-030000-3f2a9c", "result": result, "document": document(), **of}


class Beginning(ActionModule):
    """The action, where the module says only that it was run."""

    def __init__(self, **arguments: Any) -> None:
        told = {"state": "begun", "facts": {"kind": "release"}, "project_dir": "/", **arguments}
        self._task = SimpleNamespace(args=told)

    def _execute_module(self, *, module_args: dict[str, Any], task_vars: object) -> dict[str, Any]:
        return {"module": module_args}


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what Ansible's own class needs a whole run for."""
    monkeypatch.setattr(ActionBase, "run", lambda *_: {})


@pytest.mark.usefixtures("plain")
def test_where_nothing_is_to_be_written_aws_is_not_asked() -> None:
    history = {"account": "111122223333", "last": [record()]}
    begun = Beginning(document=document(), history=history).run()
    assert "module" not in begun
    assert (begun["recorded"], begun["account"]) == (False, "111122223333")
    assert begun["base_document"] == document()
    found = begun["release_record"]
    assert (found["base"], found["kind"], found["result"]) == (record()["id"], "release", "running")
    assert {*found["actor"]} == {"user", "host"}
    assert "revision" in found["git"]


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(
    ("wanted", "last"),
    [
        (document("b"), [record()]),
        (document(), []),
        (document(), [record("failed"), record()]),
        (document(), [record("running"), record()]),
        (document(tasks=[GATE]), [record(document=document(tasks=[GATE]))]),
    ],
    ids=["differs", "first", "after a failure", "after a death", "gate"],
)
def test_what_may_have_to_be_written_or_read_is_for_the_module(wanted: Any, last: Any) -> None:
    history = {"account": "111122223333", "last": last}
    (told,) = Beginning(document=wanted, history=history).run().values()
    assert told["history"] == history
    assert told["facts"]["kind"] == "release"
    assert {*told["facts"]} == {"actor", "git", "kind"}
    assert "project_dir" not in told


@pytest.mark.usefixtures("plain")
def test_without_the_lock_the_module_asks_for_the_releases_before() -> None:
    assert "module" in Beginning(document=document(), history={}).run()
    assert "module" in Beginning(state="listed").run()
