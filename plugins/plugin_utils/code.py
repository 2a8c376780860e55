"""What stands for the code that a run is made of, to tell whether another run was made of the same."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import os
from pathlib import Path

from ansible.release import __version__

PLUGINS = Path(__file__).resolve().parents[1]
ROLES = PLUGINS.parent / "roles"
#: Collections whose modules the roles use.
COLLECTIONS = ("amazon.aws", "community.aws", "community.crypto")


def note() -> None:
    """Read all of it now, before anything runs: what is edited meanwhile is not taken for what ran."""
    for folder in (PLUGINS, *ROLES.iterdir()):
        digests(folder)
    versions()


@functools.cache
def digests(folder: Path) -> list[tuple[str, str]]:
    """Return the files in a folder and below, each with a digest of it, but for what Python compiled."""
    # Hundreds of files, in each run: without a Path for each.
    paths = [
        os.path.join(root, name)
        for root, _, names in os.walk(folder)
        for name in names
        if not name.endswith(".pyc")
    ]
    return [(path[len(str(folder)) + 1 :], file_digest(path)) for path in sorted(paths)]


def file_digest(path: Path | str) -> str:
    """Return what stands for a file's content and mode; nothing where there is none."""
    try:
        with open(path, "rb", buffering=0) as file:
            return f"{os.fstat(file.fileno()).st_mode:o} {hashlib.sha256(file.read()).hexdigest()}"
    except OSError:
        return ""


@functools.cache
def versions() -> list[str]:
    """Return the versions of what the roles are run by."""
    # Without its import, which takes a while.
    botocore = importlib.util.find_spec("botocore")
    found = [__version__, file_digest(Path(botocore.origin)) if botocore and botocore.origin else ""]
    for collection in COLLECTIONS:
        package = importlib.import_module(f"ansible_collections.{collection}")
        found.append(file_digest(Path(package.__path__[0], "MANIFEST.json")))
    return found
