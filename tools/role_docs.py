#!/usr/bin/env python3
"""Writes every role's README from its argument specs, and holds specs and defaults together.

`tools/role_docs.py` writes roles/*/README.md; with `--check` it writes nothing and fails where a README
is not what would be written. Both fail where meta/argument_specs.yml and defaults/main.yml disagree: Ansible
does not apply a spec's defaults at run time, so a difference would document a value that is never used.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SPECS = "meta/argument_specs.yml"
DEFAULTS = "defaults/main.yml"
LONGEST_DEFAULT = 80
NO_DEFAULT = object()

Options = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Role:
    """One role as its two descriptions have it: entry points by name, and default values by variable."""

    path: Path
    entry_points: Mapping[str, Mapping[str, Any]]
    defaults: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The role's name, which is its directory's."""
        return self.path.name


def load(path: Path) -> Role:
    """Read the role at `path`; raises FileNotFoundError where it has no argument specs."""
    specs = yaml.safe_load((path / SPECS).read_text(encoding="utf-8"))
    defaults_file = path / DEFAULTS
    defaults = yaml.safe_load(defaults_file.read_text(encoding="utf-8")) if defaults_file.exists() else None
    return Role(path, specs["argument_specs"], defaults or {})


def faults(role: Role) -> Iterator[str]:
    """Name every disagreement between the role's specs and its defaults, and every undescribed option."""
    where = f"roles/{role.name}"
    declared: set[str] = set()
    for entry_point, spec in role.entry_points.items():
        options: Options = spec.get("options") or {}
        declared |= set(options)
        if not spec.get("short_description"):
            yield f"{where}/{SPECS}: {entry_point} has no short_description; say in one line what it does"
        for name, option in options.items():
            yield from _option_faults(where, role.defaults, name, option)
        for name, option in walk(options):
            yield from _description_faults(where, f"{entry_point}: {name}", option)
    for name in role.defaults:
        if name not in declared:
            yield f"{where}/{DEFAULTS}: {name} is in no entry point of {SPECS}; describe or remove it"


def _option_faults(
    where: str, defaults: Mapping[str, Any], name: str, option: Mapping[str, Any]
) -> Iterator[str]:
    if option.get("required"):
        if name in defaults:
            yield f"{where}/{SPECS}: {name} is required and yet has a default in {DEFAULTS}; keep one"
        return
    if name not in defaults:
        yield f"{where}/{DEFAULTS}: {name} is missing; {SPECS} declares it and does not require it"
        return
    stated = option.get("default", NO_DEFAULT)
    if stated is NO_DEFAULT:
        yield f"{where}/{SPECS}: {name} states no default; {DEFAULTS} gives it {_compact(defaults[name])}"
    elif _compact(stated) != _compact(defaults[name]):
        yield (
            f"{where}/{SPECS}: the default of {name} is {_compact(stated)}, "
            f"but {DEFAULTS} gives it {_compact(defaults[name])}; make them the same"
        )


def _description_faults(where: str, name: str, option: Mapping[str, Any]) -> Iterator[str]:
    for key in ("description", "type"):
        if not option.get(key):
            yield f"{where}/{SPECS}: {name} has no {key}; every option needs one"


def walk(options: Options, prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give every option with its name, nested ones after their parent as `parent.child`."""
    for name, option in options.items():
        yield f"{prefix}{name}", option
        inner = "[]." if option.get("type") == "list" else "."
        yield from walk(option.get("options") or {}, f"{prefix}{name}{inner}")


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def readme(role: Role) -> str:
    """Render the role's README."""
    lines = [
        f"<!-- Made by tools/role_docs.py from {SPECS} and {DEFAULTS}: edit those, not this. -->",
        "",
        f"# {role.name}",
    ]
    for entry_point, spec in role.entry_points.items():
        if entry_point != "main":
            lines += ["", f"## Entry point `{entry_point}`"]
        lines += ["", _sentence(spec.get("short_description", ""))]
        for paragraph in _paragraphs(spec.get("description")):
            lines += ["", paragraph]
        lines += _table(spec.get("options") or {})
    return "\n".join(lines) + "\n"


def _table(options: Options) -> list[str]:
    if not options:
        return ["", "It takes no variables."]
    rows = [
        f"| `{name}` | {_type(option)} | {_default(option)} | {_description(option)} |"
        for name, option in walk(options)
    ]
    return ["", "| variable | type | default | description |", "|---|---|---|---|", *rows]


def _type(option: Mapping[str, Any]) -> str:
    elements = option.get("elements")
    return f"{option.get('type', 'str')}{f' of {elements}' if elements else ''}"


def _default(option: Mapping[str, Any]) -> str:
    if option.get("required"):
        return "required"
    if "default" not in option:
        return ""
    value = option["default"]
    text = value if isinstance(value, str) and value else _compact(value)
    if len(text) > LONGEST_DEFAULT or "\n" in text:
        return f"[see there]({DEFAULTS})"
    return f"`{_cell(text)}`"


def _description(option: Mapping[str, Any]) -> str:
    parts = _paragraphs(option.get("description"))
    if option.get("choices"):
        parts.append("One of " + ", ".join(f"`{choice}`" for choice in option["choices"]) + ".")
    return _cell(" ".join(parts))


def _paragraphs(description: str | list[str] | None) -> list[str]:
    if not description:
        return []
    texts = [description] if isinstance(description, str) else description
    # Ansible's own markup, such as V(value) and O(option), is Markdown's code.
    return [re.sub(r"\b[A-Z]\(([^)]*)\)", r"`\1`", " ".join(text.split())) for text in texts]


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str] | None = None) -> int:
    """Write or check every role's README; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a README differs")
    parser.add_argument(
        "--roles", type=Path, default=Path(__file__).parent.parent / "roles", help="the roles' folder"
    )
    options = parser.parse_args(arguments)
    found: list[str] = []
    for path in sorted(entry for entry in options.roles.iterdir() if entry.is_dir()):
        if not (path / SPECS).exists():
            found.append(f"roles/{path.name}/{SPECS} is missing; every role describes its variables there")
            continue
        role = load(path)
        found += faults(role)
        found += _settle(role, check=options.check)
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


def _settle(role: Role, *, check: bool) -> list[str]:
    target = role.path / "README.md"
    wanted = readme(role)
    present = target.read_text(encoding="utf-8") if target.exists() else ""
    if present == wanted:
        return []
    if check:
        return [f"roles/{role.name}/README.md differs from what its specs say; run tools/role_docs.py"]
    target.write_text(wanted, encoding="utf-8")
    return []


if __name__ == "__main__":
    sys.exit(main())
