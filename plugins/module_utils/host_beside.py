"""Work on a host that is done side by side, each in a thread.

`concurrent.futures` takes longer to load than most of what is done here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import partial
from typing import Callable, Generic, TypeVar

from .docker_api import DockerError
from .release_failure import ReleaseFailure

#: What a release expects to go wrong; whoever asks for the result gets it.
ERRORS = (DockerError, ReleaseFailure, OSError)

Item = TypeVar("Item")
Result = TypeVar("Result")


class Beside(Generic[Result]):
    """A call that is under way in a thread of its own."""

    def __init__(self, call: Callable[[], Result]) -> None:
        self._call = call
        self._results: list[Result] = []
        self._errors: list[Exception] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self) -> Result:
        """Wait for the end, and return what it returned or raise what it raised."""
        self.wait()
        for error in self._errors:
            raise error
        return self._results[0]

    def wait(self) -> None:
        """Wait for the end, in whatever way it comes."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self._results.append(self._call())
        except ERRORS as error:
            self._errors.append(error)


def each(work: Callable[[Item], object], items: Iterable[Item]) -> None:
    """Do the work for all items at once; when all have ended, raise what the first that failed has raised."""
    calls = [Beside(partial(work, item)) for item in items]
    for call in calls:
        call.wait()
    for call in calls:
        call.result()
