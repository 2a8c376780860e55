"""What a host is asked before its configuration is passed over, and when its answers are the same."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from plugins.action.host_reads import differences, read_kept, script

NOTHING: dict[str, list[str]] = {"files": [], "times": [], "packages": [], "units": []}


def answer(**asked: list[str]) -> str:
    """Let this machine answer, as a host would."""
    command = ["/bin/sh"]
    done = subprocess.run(
        command, input=script({**NOTHING, **asked}), capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a file"
    path.write_text("content")
    return path


def test_a_files_content_mode_and_existence_are_answers(file: Path) -> None:
    before = answer(files=[str(file)])
    assert differences(before, answer(files=[str(file)])) == ""
    file.chmod(0o600)
    assert "otherwise" in differences(before, answer(files=[str(file)]))
    file.chmod(0o644)
    file.write_text("Content")
    assert "otherwise" in differences(before, answer(files=[str(file)]))
    file.unlink()
    assert "otherwise" in differences(before, answer(files=[str(file)]))


def test_of_some_files_the_time_alone_is_an_answer(file: Path) -> None:
    os.utime(file, (1, 1))
    before = answer(times=[str(file)])
    file.write_text("else")
    os.utime(file, (1, 1))
    assert differences(before, answer(times=[str(file)])) == ""
    os.utime(file, (2, 2))
    assert differences(before, answer(times=[str(file)])) != ""


def test_a_packages_version_is_an_answer() -> None:
    assert "installed dash " in answer(packages=["dash", "no-such-package"])


def test_no_name_is_taken_for_anything_else(tmp_path: Path) -> None:
    answer(files=[f"x; touch {tmp_path}/made"], packages=[f"$(touch {tmp_path}/made)"])
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(("before", "after"), [("", "a"), ("a", ""), ("", "")])
def test_no_answer_is_none_that_could_be_compared(before: str, after: str) -> None:
    assert "not asked before" in differences(before, after)


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"question": "", "answer": ""})])
def test_what_cannot_be_read_was_not_kept(text: str, tmp_path: Path) -> None:
    path = tmp_path / "kept"
    assert read_kept(path) == {}
    path.write_text(text)
    assert read_kept(path) == {}
