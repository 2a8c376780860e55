"""What stands for roles and for all that they are told, to compare with what they were told before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..module_utils import preflight_specs
from . import code
from .roles import Role
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
    named = [Role(loader, role) for role in roles]
    folders = [role.folder for role in named]
    project = code.ROLES.parent
    specs = preflight_specs.load(project, project / preflight_specs.KEPT)
    own: dict[str, Any] = {}
    options: set[str] = set()
    for role in named:
        own.update(role.variables())
        options.update(specs.roles[role.folder.name]["main"])
    known = {**own, **variables}
    compared = {
        "options": values.of(sorted(options), known),
        "inputs": inputs,
        "files": [_beside(Path(str(path))) for path in values.of(files, known).values()],
        "code": [*code.versions(), *(code.digests(each) for each in (*folders, code.PLUGINS))],
    }
    return hashlib.sha256(json.dumps(compared, sort_keys=True, default=str).encode()).hexdigest()


def _beside(path: Path) -> list[tuple[str, str]]:
    """Return the files whose names begin with that of one, as a key's halves do, each with a digest."""
    return [(each.name, code.file_digest(each)) for each in sorted(path.parent.glob(f"{path.name}*"))]
