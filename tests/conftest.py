"""How the tests are shared out among workers."""

from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling  # type: ignore[import-untyped]

# What takes longest comes first, so that no worker is left alone with it at the end.
ORDER = (
    "tests/faults/",
    "tests/e2e/",
    "tests/roles/",
    "tests/host/",
    "tests/lab/",
    "tests/images/",
    "tests/runs/",
    "tests/unit/",
)

# They take as long as all others together: TESTS=tests/faults runs them.
collect_ignore = ["faults"]

SHARE_NOTHING = ("tests/roles/", "tests/lab/test_conformance.py")


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """The tests of a file go to one worker, for they share what they made, unless they share nothing."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(SHARE_NOTHING) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Share the tests out by file."""
    # By default the file with the most tests is first.
    config.option.loadscopereorder = False
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by their folder."""
    items.sort(key=lambda item: next(n for n, folder in enumerate(ORDER) if item.nodeid.startswith(folder)))
