"""Keeps the archives that Ansible builds of its modules from one run to the next."""

import base64
import hashlib
import importlib
import io
import json
import os
import pickle
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import ansible
from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import module_utils_loader
from ansible.release import __version__

from ..module_utils import kept

DOCUMENTATION = """
name: built_modules
type: aggregate
short_description: Keep the archives of modules that Ansible builds, from one run to the next
description:
  - Before a module runs, Ansible finds all that it imports and packs it into an archive. That takes a third
    of a second for each module of a run, and the next run does it again.
  - This callback keeps the archives, and gives them to the next run. An archive is built again when any of
    its parts was touched since.
options:
  folder:
    description:
      - Where to keep the archives; a relative path is one beside C(ansible.cfg). Without it, nothing is kept.
    type: path
    ini:
      - section: built_modules
        key: folder
"""

# What Ansible writes itself, according to its version.
GENERATED = re.compile(
    r"(ansible|ansible/module_utils|ansible_collections|ansible_collections/[^/]+)/__init__\.py"
)


def circumstances() -> list[Any]:
    """Return all but the files themselves that decides which files belong into an archive."""
    utilities = [path for path in module_utils_loader._get_paths(subdirs=False) if os.path.isdir(path)]
    own = str(Path(ansible.__file__).parent)
    others = [[path, sorted(os.listdir(path))] for path in utilities if not path.startswith(own)]
    return [__version__, sys.version, sys.prefix, list(constants.COLLECTIONS_PATHS), others]


def state(path: str) -> list[int] | None:
    """Return what changes with a file, or None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def origin(member: str) -> Path:
    """Return where a member of an archive comes from."""
    top, *names = member.split("/")
    if top == "ansible":
        return Path(ansible.__file__).parent.joinpath(*names)
    namespace, collection, *names = names
    package = importlib.import_module(f"ansible_collections.{namespace}.{collection}")
    return Path(package.__path__[0]).joinpath(*names)


def parts(built: bytes) -> dict[str, list[int] | None]:
    """Return the files that decide what Ansible built, with their states.

    Raises:
        ValueError: a part of it is not what is in the file that it should come from.
    """
    found: dict[str, list[int] | None] = {}
    archive = io.BytesIO(base64.b64decode(pickle.loads(built).zip_data))  # noqa: S301  # Ansible's own
    with zipfile.ZipFile(archive) as members:
        for member in members.namelist():
            if GENERATED.fullmatch(member):
                continue
            path = origin(member)
            found[str(path)] = state(str(path))
            content = path.read_bytes() if path.exists() else b""
            if content != members.read(member):
                raise ValueError(f"{member} is not {path}")
            if member.endswith("/plugins/__init__.py"):
                # Where a collection says that what is imported is elsewhere.
                routes = str(path.parent.parent / "meta/runtime.yml")
                found[routes] = state(routes)
    return found


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Fills the run's cache of archives at its start, and keeps what came to it at its end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "slipway.core.built_modules"

    def v2_playbook_on_start(self, playbook: object) -> None:
        """Give the run the archives whose parts are as they were."""
        self._given: set[str] = set()
        self._cache = Path(constants.DEFAULT_LOCAL_TMP) / "ansiballz_cache"
        self._folder = Path(self.get_option("folder")) if self.get_option("folder") else None
        if self._folder is None or not self._folder.is_dir():
            return
        self._cache.mkdir(exist_ok=True)
        now = circumstances()
        states: dict[str, list[int] | None] = {}
        for file in self._folder.iterdir():
            head, _, archive = file.read_bytes().partition(b"\n")
            try:
                built = json.loads(head)
            except ValueError:
                continue
            states |= {path: state(path) for path in built["parts"] if path not in states}
            same = built["for"] == now and all(states[path] == was for path, was in built["parts"].items())
            if same and built["sha256"] == hashlib.sha256(archive).hexdigest():
                (self._cache / file.name).write_bytes(archive)
                self._given.add(file.name)

    def v2_playbook_on_stats(self, stats: object) -> None:
        """Keep the archives that this run had to build."""
        if self._folder is None or not self._cache.is_dir():
            return
        now = circumstances()
        for built in self._cache.glob("*-none"):
            if built.name in self._given:
                continue
            archive = built.read_bytes()
            try:
                head = {
                    "for": now,
                    "parts": parts(archive),
                    "sha256": hashlib.sha256(archive).hexdigest(),
                }
            except (ImportError, OSError, ValueError) as error:
                self._display.vvv(f"{built.name} is not kept: {error}")
                continue
            kept.put(self._folder / built.name, json.dumps(head).encode() + b"\n" + archive)
