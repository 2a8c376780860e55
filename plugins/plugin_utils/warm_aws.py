"""What the warm server imports once, at its first module: all that modules of AWS import at every start."""

import contextlib
import gc
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import ansible.module_utils._internal._ansiballz._loader
import ansible.module_utils.basic  # noqa: F401
import boto3  # noqa: F401
import botocore.exceptions
import botocore.loaders
import botocore.session


class PayloadFirst(list[str]):
    """Where a package that is loaded already looks for the rest of it: first in what came with the module."""

    def __init__(self, package: str, places: Iterable[str]) -> None:
        super().__init__(places)
        self._folder = package.replace(".", "/")

    def __iter__(self) -> Iterator[str]:
        """Yield the places, those in archives of modules first."""
        for entry in sys.path:
            if entry.endswith("_payload.zip"):
                yield f"{entry}/{self._folder}"
        yield from super().__iter__()


class SharedLoader(botocore.loaders.Loader):
    """One loader of service models for all sessions, that says what a fork had to read for itself."""

    def __init__(self, said: int) -> None:
        super().__init__()
        self._said = said
        self._read: set[str] = set()
        # Which services there are takes a walk through the folders of all.
        for kind in ("service-2", "paginators-1", "waiters-2"):
            self.list_available_services(kind)

    def load_data_with_path(self, name: str) -> Any:
        """Load a file of botocore's data, and say so where it was not read before the fork."""
        if name not in self._read:
            # A pipe takes a short message whole, from whichever fork.
            os.write(self._said, f"{name}\n".encode())
        return super().load_data_with_path(name)

    def read(self, name: str) -> None:
        """Load a file for the forks to come."""
        self._read.add(name)
        with contextlib.suppress(botocore.exceptions.DataNotFoundError):
            super().load_data_with_path(name)
        gc.freeze()


def warm_up(said: int) -> SharedLoader:
    """Let forks find what is imported here, and modules that came with their own parts of it find those."""
    for name, package in [*sys.modules.items()]:
        if name.partition(".")[0] == "ansible" and hasattr(package, "__path__"):
            package.__path__ = PayloadFirst(name, package.__path__)
    shared = SharedLoader(said)

    def create_loader(search_path_string: str | None = None) -> Any:
        loader = botocore.loaders.create_loader(search_path_string)
        return shared if loader.search_paths == shared.search_paths else loader

    botocore.session.create_loader = create_loader
    gc.collect()
    gc.freeze()
    return shared
