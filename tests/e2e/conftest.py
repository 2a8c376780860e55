"""What the applications of several test modules are made from."""

import shutil
from pathlib import Path

import pytest

from tests.e2e.environment import ROOT


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sources of the shop, for a module to change and build."""
    return Path(shutil.copytree(ROOT / "tests/e2e/app", tmp_path_factory.mktemp("shop") / "app"))
