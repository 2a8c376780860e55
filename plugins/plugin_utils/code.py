"""What stands for the code that a run is made of, to tell whether another run was made of the same."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
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
    return [
        (str(path.relative_to(folder)), file_digest(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    ]


def file_digest(path: Path) -> str:
    """Return what stands for a file's content and mode; nothing where there is none."""
    try:
        return f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
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
