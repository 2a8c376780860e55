"""The options of all roles of a project, from their argument specs. Only on the controller.

To read twenty YAML files takes a tenth of a second, which every run would spend. So what was read is kept,
with size and time of change of each file that it comes from, and believed where none of these differs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import kept

Options = Mapping[str, Mapping[str, Any]]

#: Where a project's own words are: what they name is no misspelled option.
PLACES = ("roles", "playbooks")
SPECS = "meta/argument_specs.yml"
#: Where what was read is kept, in the project.
KEPT = ".cache/options.json"


@dataclass(frozen=True)
class Specs:
    """What roles can be told."""

    #: By role and entry point.
    roles: Mapping[str, Mapping[str, Options]]
    #: Every name in the project's own files that begins as a role's do.
    names: frozenset[str]

    def role_of(self, name: str) -> str:
        """Give the role that a variable's name belongs to, or nothing: the longest that it begins with.

        >>> Specs({"release": {}, "release_lock": {}}, frozenset()).role_of("release_lock_wait")
        'release_lock'
        """
        owners = (role for role in self.roles if name.startswith(f"{role}_"))
        return max(owners, key=len, default="")

    def options(self, role: str) -> Options:
        """Give the options of all entry points of a role."""
        return {name: option for options in self.roles[role].values() for name, option in options.items()}


def load(project: Path, path: Path) -> Specs:
    """Give the specs of a project's roles, as they were kept at a path if that is still true."""
    states = _states(project)
    found = kept.read(path, {"for", "roles", "names"})
    if found.get("for") != states:
        found = {"for": states, **_compiled(project, states)}
        kept.write(path, found, default=str)
    return Specs(found["roles"], frozenset(found["names"]))


def _states(project: Path) -> dict[str, Any]:
    """Give what changes with any of the files that matter, this one among them."""
    files = [__file__]
    for place in PLACES:
        for folder, _folders, names in os.walk(project / place):
            files += [os.path.join(folder, name) for name in names if not name.endswith(".md")]
    # As JSON has it.
    return {path: _state(path) for path in sorted(files)}


def _state(path: str) -> list[int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def _compiled(project: Path, files: Mapping[str, Any]) -> dict[str, Any]:
    roles = {}
    for path in sorted(project.glob(f"roles/*/{SPECS}")):
        with path.open(encoding="utf-8") as text:
            specs = yaml.load(text, Loader=_LOADER)["argument_specs"]  # noqa: S506  # a safe one
        roles[path.parts[-3]] = {entry: spec.get("options") or {} for entry, spec in specs.items()}
    ours = re.compile(rf"\b(?:{'|'.join(roles)})_\w+")
    names: set[str] = set()
    for file in files:
        if file != __file__:
            names.update(ours.findall(Path(file).read_text(encoding="utf-8", errors="replace")))
    return {"roles": roles, "names": sorted(names)}


#: The one in C takes a tenth of the other's time, and is not everywhere.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
