"""What Ansible loads before its first task, in a process of its own, as it changes Ansible."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import copy, json
from ansible._internal._datatag._tags import Origin
from plugins.plugin_utils import warm

words = [[Origin(path="/a").tag(each) for each in ("word", 7, 0.5)], {Origin(path="/b").tag("name"): [1]}]
warm.load_ahead()
copied = copy.deepcopy(words)
copied[0].append("more")
copied[1]["name"].append(2)
print(json.dumps({
    "shared": [a is b for a, b in zip(words[0], copied[0])],
    "origin": Origin.get_tag(copied[0][0]).path,
    "before": words, "after": copied,
}))
"""


def loaded() -> Any:
    """Return what the program found."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": str(ROOT), "ANSIBLE_CALLBACKS_ENABLED": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_copies_share_words_and_numbers_and_nothing_that_changes() -> None:
    found = loaded()
    assert found["shared"] == [True, True, True]
    assert found["origin"] == "/a"
    assert found["before"] == [["word", 7, 0.5], {"name": [1]}]
    assert found["after"] == [["word", 7, 0.5, "more"], {"name": [1, 2]}]
