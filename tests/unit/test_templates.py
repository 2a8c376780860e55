"""What is kept of templates: used where it would be compiled to the same, and never where it would not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: A process of its own, as what is tried changes Ansible. It prints the answers, and how often was compiled.
PROGRAM = """
import json, sys
from pathlib import Path
from ansible._internal._datatag._tags import TrustedAsTemplate
from ansible._internal._templating import _jinja_bits
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from plugins.plugin_utils import templates

path, asked, before = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
exec(before)
counted = []
for name in ("_parse", "_compile"):
    def count(self, *given, plain=getattr(_jinja_bits.AnsibleEnvironment, name), **named):
        counted.append(given[0])
        return plain(self, *given, **named)
    setattr(_jinja_bits.AnsibleEnvironment, name, count)
kept = templates.Templates(Path(path))
kept.use()
templar = Templar(DataLoader(), variables={"two": 2, "nested": TrustedAsTemplate().tag("{{ two * 3 }}")})
trusted = TrustedAsTemplate().tag
answers = []
for kind, text in asked:
    try:
        how = templar.template if kind == "template" else templar.evaluate_conditional
        answers.append(how(trusted(text)))
    except Exception as error:
        answers.append(type(error).__name__)
kept.keep()
print(json.dumps([answers, len(counted)]))
"""
ASKED = [
    ("template", "{{ nested }} of {{ [two, 'x'] | map('string') | join('-') }}"),
    ("template", "{{ {'a': nested} | combine({'b': two}) }}"),
    ("template", "#jinja2: variable_start_string:'[%', variable_end_string:'%]'\n[% two %] {{ two }}"),
    ("template", "{{ missing }}"),
    ("template", "{{ broken"),
    ("template", r"{{ '\n' }}"),
    ("condition", "two == 2 and nested is defined"),
    ("condition", "two > 2"),
    ("condition", "missing is undefined"),
]

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Ask for templates in a new process; its answers, and what it had to compile."""

    def ask(asked: Any = ASKED, before: str = "") -> Any:
        arguments = [
            sys.executable,
            "-c",
            PROGRAM,
            str(tmp_path / "kept/templates"),
            json.dumps(asked),
            before,
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            arguments, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


def test_the_next_run_answers_the_same_and_compiles_only_what_is_broken(run: Run) -> None:
    answers, compiled = run()
    assert answers == [
        "6 of 2-x",
        {"a": 6, "b": 2},
        "2 {{ two }}",
        "AnsibleUndefinedVariable",
        "AnsibleTemplateSyntaxError",
        r"\n",
        True,
        False,
        True,
    ]
    assert compiled > len(ASKED)
    # What does not compile is tried again by each.
    assert run() == [answers, 1]


def test_another_reading_of_the_same_text_is_another_template(run: Run) -> None:
    plain, _ = run([("template", "[% two %] {{ two }}")])
    other, compiled = run([("template", ASKED[2][1])])
    assert (plain, other) == (["[% two %] 2"], ["2 {{ two }}"])
    assert compiled > 0


def test_a_filter_that_wants_to_be_called_otherwise_is_not_called_as_before(run: Run) -> None:
    asked = [("template", "{{ two | string }}"), ("template", "{{ two | int }}")]
    answers, compiled = run(asked)
    assert compiled > 0
    changed = """
import jinja2
from ansible.plugins.loader import filter_loader
other = jinja2.pass_environment(lambda environment, value: f"with {type(environment).__name__}")
_jinja_bits._BUILTIN_FILTERS["string"] = filter_loader._wrap_func("string", "string", other)
"""
    others, compiled_anew = run(asked, changed)
    assert others == ["with AnsibleEnvironment", answers[1]]
    assert 0 < compiled_anew < compiled


@pytest.mark.parametrize("content", [b"", b"anything", b"\x00" * 100])
def test_what_cannot_be_read_is_compiled_again(run: Run, tmp_path: Path, content: bytes) -> None:
    first = run()
    (tmp_path / "kept/templates").write_bytes(content)
    assert run() == first


def test_what_other_versions_have_compiled_is_not_used(run: Run) -> None:
    first = run()
    other = "templates.VERSIONS = ['2.0', '1.0', 'Python 4']"
    assert run(ASKED, other) == first


def test_what_is_kept_does_not_grow_without_end(run: Run, tmp_path: Path) -> None:
    kept = tmp_path / "kept/templates"
    few = "templates.MOST = 3"
    run([("template", "{{ 'a' }}"), ("template", "{{ 'b' }}")], few)
    size = kept.stat().st_size
    run([("template", "{{ 'c' }}"), ("template", "{{ 'd' }}")], few)
    assert kept.stat().st_size == size
