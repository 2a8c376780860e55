"""What Ansible loads before its first task, in a process of its own, as it changes Ansible."""

import json
import marshal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plugins.plugin_utils import templates

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

# What is there for the next task's fork, before a template is used and at the end.
WITH_TEMPLATES = """
import json, os
from pathlib import Path
from ansible._internal._datatag._tags import TrustedAsTemplate
from ansible._internal._templating import _jinja_bits
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
init_plugin_loader()
from ansible_collections.slipway.core.plugins.plugin_utils import templates, warm

warm.load_ahead()
read_ahead = templates.of.cache_info().currsize
kept = templates.of(Path(os.environ["SLIPWAY_TEMPLATES_FOLDER"]))
kept.use()
found = [*_jinja_bits.AnsibleEnvironment().filters._wrapped_funcs]
text = TrustedAsTemplate().tag("{{ {} | slipway.core.images_wanted }}")
answer = Templar(DataLoader(), variables={}).template(text)
kept.keep()
print(json.dumps({"read_ahead": read_ahead, "found": found, "answer": answer}))
"""
CALLBACKS = "slipway.core.warm_modules,slipway.core.compiled_templates"


def loaded(program: str = PROGRAM, **environment: str) -> Any:
    """Return what the program found."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT), "ANSIBLE_CALLBACKS_ENABLED": "", **environment},
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


def test_filters_of_templates_that_are_kept_are_looked_up_once(tmp_path: Path) -> None:
    environment = {"SLIPWAY_TEMPLATES_FOLDER": str(tmp_path), "ANSIBLE_CALLBACKS_ENABLED": CALLBACKS}
    first, second = (loaded(WITH_TEMPLATES, **environment) for _ in range(2))
    assert first == {"read_ahead": 1, "found": [], "answer": {}}
    assert second == {"read_ahead": 1, "found": ["slipway.core.images_wanted"], "answer": {}}


@pytest.mark.parametrize("content", [b"anything", marshal.dumps([templates.VERSIONS, {("key",): "other"}])])
def test_templates_that_cannot_be_read_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "templates").write_bytes(content)
    ahead, _, _ = WITH_TEMPLATES.partition("read_ahead")
    program = f"{ahead}print(templates.of.cache_info().misses)"
    environment = {"SLIPWAY_TEMPLATES_FOLDER": str(tmp_path), "ANSIBLE_CALLBACKS_ENABLED": CALLBACKS}
    assert loaded(program, **environment) == 1


def test_templates_are_read_only_where_they_are_used(tmp_path: Path) -> None:
    environment = {"SLIPWAY_TEMPLATES_FOLDER": str(tmp_path), "ANSIBLE_CALLBACKS_ENABLED": ""}
    assert loaded(WITH_TEMPLATES, **environment)["read_ahead"] == 0
