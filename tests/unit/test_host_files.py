"""Files of a host, kept by the whole module."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from plugins.modules import host_files


@pytest.fixture
def keep(capsys: pytest.CaptureFixture[str]) -> Any:
    def go(*files: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
        with (
            patch_module_args({"files": list(files), "_ansible_check_mode": check_mode}),
            pytest.raises(SystemExit),
        ):
            host_files.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return go


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_written_with_their_folders_and_then_left_alone(keep: Any, tmp_path: Path) -> None:
    one, two = tmp_path / "new" / "one", tmp_path / "two"
    two.write_text("as it is\n")
    two.chmod(0o644)
    files = (
        {"path": str(one), "content": "a = 1\n", "mode": "0600"},
        {"path": str(two), "content": "as it is\n"},
    )
    told = keep(*files, check_mode=True)
    assert not one.exists()
    done = keep(*files)
    assert told["changed_paths"] == done["changed_paths"] == [str(one)]
    assert one.read_text() == "a = 1\n"
    assert mode(one) == 0o600
    assert done["diff"] == told["diff"]
    assert [(each["before"], each["after"]) for each in done["diff"]] == [("", "a = 1\n")]
    again = keep(*files)
    assert (again["changed"], again["changed_paths"]) == (False, [])


def test_a_mode_alone_is_mended(keep: Any, tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.write_text("1")
    path.chmod(0o666)
    assert keep({"path": str(path), "content": "1"}, check_mode=True)["changed"]
    assert mode(path) == 0o666
    assert keep({"path": str(path), "content": "1"})["changed_paths"] == [str(path)]
    assert mode(path) == 0o644


def test_a_file_without_content_goes(keep: Any, tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.write_text("1")
    assert keep({"path": str(path)}, check_mode=True)["changed"]
    assert path.exists()
    assert keep({"path": str(path)})["diff"][0]["before"] == "1"
    assert not path.exists()
    assert not keep({"path": str(path)})["changed"]


def test_nothing_is_written_unless_all_is_valid(keep: Any, tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    validate = "grep --quiet well %s"
    failed = keep(
        {"path": str(good), "content": "all is well\n", "validate": validate},
        {"path": str(bad), "content": "oh no\n", "validate": "python3 -m json.tool %s"},
    )
    assert failed["failed"]
    assert f"{bad} would not be valid, so nothing was written" in failed["msg"]
    assert not good.exists()
    assert keep({"path": str(good), "content": "all is well\n", "validate": validate})["changed"]
    assert not keep({"path": str(good), "content": "all is well\n", "validate": "false"})["changed"]
