"""The name of an image follows from what the builder gets, and from nothing else."""

import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.build_context import pack, tag_of

SETTINGS: dict[str, Any] = {"target": None, "args": {}}


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (tmp_path / ".dockerignore").write_text("# comment\nnode_modules\n*.log\n!keep.log\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.js").write_text("1")
    (tmp_path / "link").symlink_to("src/main.js")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "big.js").write_text("x")
    (tmp_path / "keep.log").write_text("kept")
    return tmp_path


def tag(context: Path, **settings: Any) -> str:
    return tag_of(context, "Dockerfile", {**SETTINGS, **settings})


def test_the_tag_is_stable(context: Path) -> None:
    assert tag(context) == tag(context)
    assert len(tag(context)) == 12


def test_another_checkout_of_the_same_files_has_the_same_tag(context: Path) -> None:
    before = tag(context)
    for file in context.rglob("*"):
        os.utime(file, (1, 1), follow_symlinks=False)
    assert tag(context) == before


@pytest.mark.parametrize("ignored", ["node_modules/new.js", "debug.log"])
def test_ignored_files_do_not_count(context: Path, ignored: str) -> None:
    before = tag(context)
    (context / ignored).write_text("noise")
    assert tag(context) == before


@pytest.mark.parametrize("counted", ["src/new.js", "keep.log", "Dockerfile", ".dockerignore"])
def test_files_that_docker_gets_count(context: Path, counted: str) -> None:
    before = tag(context)
    with (context / counted).open("a") as file:
        file.write("\nRUN nothing\n")
    assert tag(context) != before


def test_a_mode_counts(context: Path) -> None:
    before = tag(context)
    (context / "src" / "main.js").chmod(0o755)
    assert tag(context) != before


def test_a_renamed_file_and_a_moved_link_count(context: Path) -> None:
    before = tag(context)
    (context / "link").unlink()
    (context / "link").symlink_to("src")
    moved = tag(context)
    (context / "src" / "main.js").rename(context / "src" / "other.js")
    assert len({before, moved, tag(context)}) == 3


@pytest.mark.parametrize(
    "settings", [{"target": "dev"}, {"args": {"A": "1"}}, {"platform": "linux/arm64"}, {"refresh": "2"}]
)
def test_settings_count(context: Path, settings: dict[str, Any]) -> None:
    assert tag(context, **settings) != tag(context)


def test_the_dockerfile_s_name_counts(context: Path) -> None:
    (context / "Other").write_text((context / "Dockerfile").read_text())
    assert tag_of(context, "Other", SETTINGS) != tag(context)


def test_an_ignored_dockerfile_is_sent_and_counts(context: Path) -> None:
    (context / ".dockerignore").write_text("*\n")
    before = tag(context)
    (context / "Dockerfile").write_text("FROM scratch\n")
    assert tag(context) != before


def test_a_dockerignore_of_the_dockerfile_s_own_comes_first(context: Path) -> None:
    (context / "Dockerfile.dockerignore").write_text("src\n")
    before = tag(context)
    (context / "src" / "new.js").write_text("x")
    assert tag(context) == before


def test_what_is_packed_is_what_was_named(context: Path) -> None:
    archive = io.BytesIO()
    assert pack(context, "Dockerfile", SETTINGS, archive) == tag(context)
    archive.seek(0)
    with tarfile.open(fileobj=archive) as packed:
        names = packed.getnames()
        content = packed.extractfile("src/main.js")
        assert content is not None
        assert content.read() == b"1"
        assert packed.getmember("link").linkname == "src/main.js"
    assert "node_modules/big.js" not in names
    assert {"Dockerfile", "keep.log", "src/main.js", "link"} <= set(names)


def test_hard_links_are_packed_with_their_content(context: Path) -> None:
    os.link(context / "src" / "main.js", context / "src" / "twin.js")
    archive = io.BytesIO()
    pack(context, "Dockerfile", SETTINGS, archive)
    archive.seek(0)
    with tarfile.open(fileobj=archive) as packed:
        twin = packed.extractfile("src/twin.js")
        assert twin is not None
        assert twin.read() == b"1"


def test_sockets_are_left_out(context: Path) -> None:
    before = tag(context)
    os.mkfifo(context / "pipe")
    assert tag(context) == before


def test_a_missing_dockerfile_is_named(context: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Nonesuch"):
        tag_of(context, "Nonesuch", SETTINGS)
