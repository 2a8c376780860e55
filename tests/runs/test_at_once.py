"""The action at_once: a module's calls beside each other, told as a loop over them would be."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
OR_PLAIN = f"{{{{ lookup('ansible.builtin.env', 'SLIPWAY_PYTHON') or '{sys.executable}' }}}}"


@pytest.fixture(params=["warm", "plain"])
def warm(request: pytest.FixtureRequest) -> str:
    return json.dumps(request.param == "warm")


def play(
    folder: Path, arguments: dict[str, Any], *options: str, warm: str = "true", **keywords: Any
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Run a task of the action on localhost; its run, and what it was registered as."""
    written = folder / "registered"
    tasks = [
        {"slipway.core.at_once": arguments, "register": "made", "ignore_errors": True, **keywords},
        {
            "ansible.builtin.copy": {"content": "{{ made | to_json }}", "dest": str(written), "mode": "0600"},
            "check_mode": False,
            "diff": False,
        },
    ]
    playbook = folder / "play.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    variables = {"ansible_connection": "local", "ansible_python_interpreter": OR_PLAIN}
    run = subprocess.run(
        [
            str(ROOT / ".venv/bin/ansible-playbook"),
            "--inventory=localhost,",
            f"--extra-vars={json.dumps(variables)}",
            *options,
            str(playbook),
        ],
        env={
            **os.environ,
            "ANSIBLE_LIBRARY": str(ROOT / "tests/runs/at_once"),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "SLIPWAY_WARM_MODULES": warm,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    found: dict[str, Any] = json.loads(written.read_text())
    return run, found


def test_calls_run_beside_each_other_and_are_told_in_order(tmp_path: Path, warm: str) -> None:
    names = ["c", "a", "b"]
    _, made = play(
        tmp_path,
        {"module": "meeting", "each": names, "label_as": "name", "folder": str(tmp_path), "meet": names},
        warm=warm,
    )
    assert [each["item"] for each in made["results"]] == names
    assert [each.get("msg") for each in made["results"]] == [None] * 3
    assert (made["changed"], made["failed"]) == (False, False)


def test_all_are_called_and_each_that_failed_is_named(tmp_path: Path) -> None:
    each = {"good": {"change": True}, "bad": {"fail": True}, "worse": {"fail": True, "name": "worst"}}
    _, made = play(tmp_path, {"module": "meeting", "each": each, "label_as": "name", "folder": str(tmp_path)})
    assert made["failed"]
    assert made["msg"] == "bad: bad is to fail\nworse: worst is to fail"
    assert made["error"] == {"code": "Refused"}
    assert made["changed"]
    assert {each["item"]: each.get("error") for each in made["results"]} == {
        "bad": {"code": "Refused"},
        "good": None,
        "worse": {"code": "Refused"},
    }
    assert all((tmp_path / name).exists() for name in ("good", "bad", "worst"))


def test_check_mode_and_diffs_are_the_module_s(tmp_path: Path) -> None:
    each = {"one": {"change": True}, "two": {"change": True}, "same": {}}
    run, made = play(
        tmp_path,
        {"module": "meeting", "each": each, "label_as": "name", "folder": str(tmp_path)},
        "--check",
        "--diff",
    )
    assert all(each["checked"] for each in made["results"])
    for name in ("one", "two"):
        assert f"--- before: {name}\n+++ after: {name}\n@@ -1 +1 @@\n-{name} was\n+{name} is" in run.stdout
    assert "same was" not in run.stdout


def test_defaults_of_the_group_reach_the_module(tmp_path: Path) -> None:
    _, made = play(
        tmp_path,
        {"module": "meeting", "each": ["a"], "label_as": "name"},
        module_defaults={"group/slipway.core.aws": {"folder": str(tmp_path)}},
    )
    assert not made["failed"], made


def test_nothing_to_call_is_nothing_changed(tmp_path: Path) -> None:
    _, made = play(tmp_path, {"module": "meeting", "each": [], "label_as": "name"})
    assert (made["changed"], made["results"]) == (False, [])


def test_every_fault_of_the_arguments_is_named(tmp_path: Path) -> None:
    _, made = play(tmp_path, {"each": 3})
    assert "module is None: expected the name of a module" in made["msg"]
    assert "each is 3: expected a list of labels, or a mapping of labels to arguments" in made["msg"]
    _, made = play(tmp_path, {"module": "meeting", "each": {"a": 1}})
    assert "each.a is 1: expected a mapping of arguments" in made["msg"]
