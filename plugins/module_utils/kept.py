"""What one run keeps for the next, on the controller: a file, most of JSON, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import marshal
import os
import tempfile
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any, Callable


def read(path: Path, names: Set[str]) -> dict[str, Any]:
    """Return what was kept under these names; nothing where that cannot be read or is anything else."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and found.keys() == names else {}


def write(path: Path, found: Mapping[str, Any], default: Callable[[Any], Any] | None = None) -> None:
    """Keep what JSON can say.

    :param default: what becomes of a value that JSON does not have
    """
    put(path, json.dumps(found, default=default).encode())


def made(path: Path, stamp: Any, make: Callable[[], Any]) -> Any:
    """Return what was made under this stamp, or make it and keep it; both are of what marshal can say."""
    # Whatever is wrong with the file: it is written anew.
    with contextlib.suppress(OSError, EOFError, ValueError, TypeError):
        found, value = marshal.loads(path.read_bytes())  # noqa: S302  # our own
        if found == stamp:
            return value
    value = make()
    put(path, marshal.dumps([stamp, value]))
    return value


def put(path: Path, content: bytes) -> None:
    """Keep it, whichever other run keeps its own; where that cannot be, the next run has nothing."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        os.replace(file.name, path)
