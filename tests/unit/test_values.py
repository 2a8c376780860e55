"""Variables that several hosts have in common, and those that they have not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from plugins.plugin_utils.values import Values


def trusted(variables: Any) -> Any:
    if isinstance(variables, dict):
        return {name: trusted(value) for name, value in variables.items()}
    if isinstance(variables, list):
        return [trusted(value) for value in variables]
    return trust_as_template(variables) if isinstance(variables, str) else variables


class Counted(Values):
    """Values that are counted when they are worked out."""

    def __init__(self) -> None:
        super().__init__(Templar(DataLoader(), variables={}))
        self.worked_out = 0

    def _template(self, templar: Any, written: Any) -> Any:
        self.worked_out += 1
        return super()._template(templar, written)

    def one(self, **variables: Any) -> Any:
        return self.of(["wanted"], trusted(variables))["wanted"]


COMMON = {"wanted": "{{ name }} at {{ port }}", "name": "{{ app }}-{{ stage }}", "app": "goals", "port": 80}


@pytest.mark.parametrize(
    "second",
    [
        {"stage": "prod", "elsewhere": 2},
        {"stage": "prod", "ansible_host": "10.0.0.2"},
    ],
)
def test_what_is_made_of_the_same_is_worked_out_once(second: dict[str, Any]) -> None:
    values = Counted()
    assert values.one(**COMMON, stage="prod", ansible_host="10.0.0.1", elsewhere=1) == "goals-prod at 80"
    assert values.one(**COMMON, **second) == "goals-prod at 80"
    assert values.worked_out == 1


@pytest.mark.parametrize(
    ("wanted", "first", "second", "come_to"),
    [
        ("{{ name }}", {"name": "one"}, {"name": "two"}, ["one", "two"]),
        ("{{ name }}", {"name": "{{ x }}", "x": 1}, {"name": "{{ x }}", "x": 2}, [1, 2]),
        ("{{ name | default('none') }}", {}, {"name": "two"}, ["none", "two"]),
        ("{{ lookup('vars', 'na' ~ 'me') }}", {"name": "one"}, {"name": "two"}, ["one", "two"]),
        ({"in": ["{{ name }}"]}, {"name": "one"}, {"name": "two"}, [{"in": ["one"]}, {"in": ["two"]}]),
        ("{{ a[b] }}", {"a": {"x": 1}, "b": "x"}, {"a": {"y": 3}, "b": "y"}, [1, 3]),
    ],
)
def test_what_is_not_is_worked_out_for_each(
    wanted: Any, first: dict[str, Any], second: dict[str, Any], come_to: list[Any]
) -> None:
    values = Counted()
    assert [values.one(wanted=wanted, **each) for each in (first, second, first)] == [*come_to, come_to[0]]


@pytest.mark.parametrize("wanted", ["{{ lookup('file', '/dev/null') }}", "{% include 'other.j2' %}"])
def test_what_may_be_made_of_a_file_is_worked_out_for_each(wanted: str) -> None:
    values = Counted()
    values.one(wanted=wanted)
    values.one(wanted=wanted)
    assert values.worked_out == 2


def test_what_has_no_value_says_why_and_what_is_not_there_is_none() -> None:
    values = Counted()
    assert "nonesuch" in values.one(wanted="{{ nonesuch }}")["error"]
    assert values.one() is None
