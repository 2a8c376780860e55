"""What faults are produced in: one deployment for each file, whose TARGET says where."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import context
from tests.faults.world import World

__all__ = ["context"]


@pytest.fixture(scope="module")
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, context: Path
) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("inventories"), context, request.module.TARGET)
    world.environment.deploy().succeeded()
    yield world
    world.environment.destroy()


@pytest.fixture(scope="module")
def seconds(world: World) -> float:
    """How long a release takes."""
    began = time.monotonic()
    world.release().succeeded()
    return time.monotonic() - began
