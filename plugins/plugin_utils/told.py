"""What stands for roles and for all that they are told, to compare with what they were told before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..module_utils import preflight_specs
from . import code
from .values import Values


def told(
    loader: Any,
    values: Values,
    *,
    roles: Iterable[str],
    inputs: Mapping[str, Any],
    variables: Mapping[str, Any],
    files: Iterable[str] = (),
) -> str:
    """Return what stands for roles, for the values of their options and for the files that they use.

    :param loader: Ansible's DataLoader
    :param inputs: what else decides what they do
    :param variables: those of the host
    :param files: names of variables, each the path of a file
    """
    folders = [code.ROLES / role for role in roles]
    project = code.ROLES.parent
    specs = preflight_specs.load(project, project / preflight_specs.KEPT)
    own: dict[str, Any] = {}
    options: set[str] = set()
    for folder in folders:
        own.update(read(loader, folder / "defaults/main.yml"))
        own.update(read(loader, folder / "vars/main.yml"))
        options.update(specs.roles[folder.name]["main"])
    known = {**own, **variables}
    found = {
        "options": values.of(sorted(options), known),
        "inputs": inputs,
        "files": [_beside(Path(str(path))) for path in values.of(files, known).values()],
        "code": [*code.versions(), *(code.digests(each) for each in (*folders, code.PLUGINS))],
    }
    return hashlib.sha256(json.dumps(found, sort_keys=True, default=str).encode()).hexdigest()


def read(loader: Any, path: Path) -> dict[str, Any]:
    """Return what a file of a role says, whether or not the run has read it; nothing without one."""
    if not path.exists():
        return {}
    return loader.load_from_file(str(path), unsafe=True, trusted_as_template=True) or {}


def _beside(path: Path) -> list[tuple[str, str]]:
    """Return the files whose names begin with that of one, as a key's halves do, each with a digest."""
    return [(each.name, code.file_digest(each)) for each in sorted(path.parent.glob(f"{path.name}*"))]
