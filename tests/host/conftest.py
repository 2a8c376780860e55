"""Fixtures of the tests that need a Docker Engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.release_lab import Application


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    """An application that leaves nothing behind."""
    application = Application(tmp_path)
    yield application
    application.absent()
