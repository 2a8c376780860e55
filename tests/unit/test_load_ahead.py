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
from plugins.plugin_utils import startup

words = [[Origin(path="/a").tag(each) for each in ("word", 7, 0.5)], {Origin(path="/b").tag("name"): [1]}]
startup.begin()
copied = copy.deepcopy(words)
copied[0].append("more")
copied[1]["name"].append(2)
print(json.dumps({
    "shared": [a is b for a, b in zip(words[0], copied[0])],
    "origin": Origin.get_tag(copied[0][0]).path,
    "before": words, "after": copied,
}))
"""

# How often each is worked out: the routing of Ansible's own plugins, and a module of a group.
SHORTENED = """
import json, sys
from pathlib import Path
import ansible.utils.collection_loader._collection_finder as finder
from ansible.errors import AnsibleParserError
from ansible.playbook.base import Base
from ansible.plugins.loader import init_plugin_loader
from plugins.plugin_utils import startup

read, resolve = [], []
original, resolving = finder._meta_yml_to_dict, Base._resolve_action
finder._meta_yml_to_dict = lambda text, name: read.append(name[0]) or original(text, name)
Base._resolve_action = lambda own, name, must=True: resolve.append(name) or resolving(own, name, must)
startup.keep_routing(Path(sys.argv[1]))
startup.resolve_once()
init_plugin_loader()
names = ["slipway.core.alarms", "copy", "none.such.module"] * 2
found = [Base()._resolve_action(name, False) for name in names]
try:
    for _ in range(2):
        Base()._resolve_action("none.such.module")
except AnsibleParserError as error:
    said = error.message
reads = read.count("ansible.builtin")
print(json.dumps({"read": reads, "resolve": len(resolve), "found": found, "said": said}))
"""

# What a module of a collection says, of which Python keeps what it compiled.
COMPILED = """
import json
from ansible.plugins.loader import init_plugin_loader
from plugins.plugin_utils import startup

startup.keep_code()
init_plugin_loader()
from ansible_collections.acme.tool.plugins.module_utils import word
print(json.dumps(word.WORD))
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
from ansible_collections.slipway.core.plugins.plugin_utils import startup, templates

startup.load_ahead()
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


def loaded(program: str = PROGRAM, *arguments: str, **environment: str) -> Any:
    """Return what the program found."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
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


def test_routing_is_read_once_and_a_module_of_a_group_looked_up_once(tmp_path: Path) -> None:
    kept = tmp_path / "routing"
    first, second = (loaded(SHORTENED, str(kept)) for _ in range(2))
    assert (first["read"], second["read"]) == (1, 0)
    named = ["slipway.core.alarms", "ansible.builtin.copy", None]
    assert first["found"] == second["found"] == named * 2
    assert first["resolve"] == 4, "the one that has to be there is asked for anew"
    assert "none.such.module" in first["said"]
    for content in (b"", b"anything", marshal.dumps(("another digest", {}))):
        kept.write_bytes(content)
        assert loaded(SHORTENED, str(kept)) == first


def test_code_of_a_collection_is_kept_beside_it_until_it_changes(tmp_path: Path) -> None:
    folder = tmp_path / "ansible_collections/acme/tool/plugins/module_utils"
    folder.mkdir(parents=True)
    for word in ("one", "another"):
        (folder / "word.py").write_text(f"WORD = {word!r}")
        for _ in range(2):
            assert loaded(COMPILED, ANSIBLE_COLLECTIONS_PATH=str(tmp_path)) == word
        assert list(folder.glob("__pycache__/word.*.pyc"))


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
