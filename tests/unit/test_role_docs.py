"""tools/role_docs.py: specs and defaults agree, and READMEs follow from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.role_docs import Role, faults, main, readme

SPECS: dict[str, Any] = {
    "main": {
        "short_description": "Bake bread",
        "description": ["First paragraph.", "Second, with O(oven_heat)."],
        "options": {
            "oven_heat": {"type": "int", "default": 220, "description": "Degrees; V(0) is off."},
            "oven_bread": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "description": ["What to bake.", "Rye | wheat."],
                "options": {
                    "flour": {"type": "str", "choices": ["rye", "wheat"], "description": "Its flour."}
                },
            },
        },
    }
}
DEFAULTS = {"oven_heat": 220}


def role(specs: dict[str, Any] = SPECS, defaults: dict[str, Any] = DEFAULTS) -> Role:
    return Role(Path("roles/oven"), specs, defaults)


def with_option(name: str, **changes: Any) -> dict[str, Any]:
    options = SPECS["main"]["options"]
    option = {key: value for key, value in {**options.get(name, {}), **changes}.items() if value is not None}
    return {"main": {**SPECS["main"], "options": {**options, name: option}}}


def test_role_in_order_has_no_fault() -> None:
    assert list(faults(role())) == []


@pytest.mark.parametrize(
    ("specs", "defaults", "expected"),
    [
        (SPECS, {}, "roles/oven/defaults/main.yml: oven_heat is missing"),
        (SPECS, {"oven_heat": 230}, "the default of oven_heat is 220, but defaults/main.yml gives it 230"),
        (
            SPECS,
            {"oven_heat": "220"},
            'the default of oven_heat is 220, but defaults/main.yml gives it "220"',
        ),
        (SPECS, {**DEFAULTS, "oven_bread": []}, "oven_bread is required and yet has a default"),
        (SPECS, {**DEFAULTS, "oven_light": True}, "oven_light is in no entry point"),
        (with_option("oven_heat", default=None), DEFAULTS, "oven_heat states no default"),
        (with_option("oven_heat", description=None), DEFAULTS, "main: oven_heat has no description"),
        (with_option("oven_heat", type=None), DEFAULTS, "main: oven_heat has no type"),
        (
            with_option("oven_bread", options={"flour": {"type": "str"}}),
            DEFAULTS,
            "main: oven_bread[].flour has no description",
        ),
        ({"main": {**SPECS["main"], "short_description": ""}}, DEFAULTS, "main has no short_description"),
        (
            {
                **SPECS,
                "clean": {
                    "short_description": "Clean",
                    "options": with_option("oven_heat", default=1)["main"]["options"],
                },
            },
            DEFAULTS,
            "the default of oven_heat is 1",
        ),
    ],
)
def test_each_disagreement_is_named(specs: dict[str, Any], defaults: dict[str, Any], expected: str) -> None:
    found = list(faults(role(specs, defaults)))
    assert len(found) == 1
    assert expected in found[0]


def test_an_option_without_a_value_may_default_to_null() -> None:
    specs = with_option("oven_heat")
    specs["main"]["options"]["oven_heat"]["default"] = None
    assert list(faults(role(specs, {"oven_heat": None}))) == []


def test_readme_tells_every_variable_of_every_entry_point() -> None:
    specs = {**SPECS, "clean": {"short_description": "Clean the oven."}}
    text = readme(role(specs))
    assert "# oven\n\nBake bread.\n\nFirst paragraph.\n\nSecond, with `oven_heat`.\n" in text
    assert "| `oven_heat` | int | `220` | Degrees; `0` is off. |" in text
    assert "| `oven_bread` | list of dict | required | What to bake. Rye \\| wheat. |" in text
    assert "| `oven_bread[].flour` | str |  | Its flour. One of `rye`, `wheat`. |" in text
    assert "## Entry point `clean`\n\nClean the oven.\n\nIt takes no variables.\n" in text


def test_check_names_the_differing_readme_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    oven = tmp_path / "oven"
    (oven / "meta").mkdir(parents=True)
    (oven / "defaults").mkdir()
    (oven / "meta/argument_specs.yml").write_text(yaml.safe_dump({"argument_specs": SPECS}))
    (oven / "defaults/main.yml").write_text(yaml.safe_dump(DEFAULTS))

    assert main(["--check", "--roles", str(tmp_path)]) == 1
    assert "roles/oven/README.md differs" in capsys.readouterr().err
    assert not (oven / "README.md").exists()

    assert main(["--roles", str(tmp_path)]) == 0
    assert main(["--check", "--roles", str(tmp_path)]) == 0


def test_a_role_without_specs_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "oven").mkdir()
    assert main(["--roles", str(tmp_path)]) == 1
    assert "roles/oven/meta/argument_specs.yml is missing" in capsys.readouterr().err
