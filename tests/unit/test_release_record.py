"""What a record says of where a release came from."""

import subprocess
from pathlib import Path

import pytest

from plugins.modules.release_record import _ask_git, _git


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    run = subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True
    )
    return run.stdout.strip()


def test_revision_and_changes_of_a_working_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    nothing = {"revision": None, "dirty": None}
    assert _git(_ask_git(str(tmp_path))) == nothing
    git(tmp_path, "init", "--quiet")
    assert _git(_ask_git(str(tmp_path))) == nothing
    git(tmp_path, "commit", "--allow-empty", "--quiet", "-m", "one")
    revision = git(tmp_path, "rev-parse", "HEAD")
    assert _git(_ask_git(str(tmp_path))) == {"revision": revision, "dirty": False}
    (tmp_path / "new").touch()
    assert _git(_ask_git(str(tmp_path))) == {"revision": revision, "dirty": True}
    monkeypatch.setenv("PATH", "")
    assert _git(_ask_git(str(tmp_path))) == nothing
