"""How the tests are shared out among workers."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file together, for they share what they made; scenarios do not."""
    for item in items:
        if "tests/roles/" not in item.nodeid:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    items.sort(key=lambda item: "tests/roles/" not in item.nodeid)
