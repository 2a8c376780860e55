"""Work side by side: all of it is done, and the first that failed is heard of."""

from __future__ import annotations

import threading

import pytest

from plugins.module_utils.docker_api import DockerError
from plugins.module_utils.host_beside import Beside, each


def test_a_result_comes_back() -> None:
    assert Beside(lambda: 7).result() == 7


def test_all_items_are_worked_on_at_once() -> None:
    together = threading.Barrier(3, timeout=10)
    each(lambda item: together.wait(), "abc")


def test_the_first_that_failed_is_raised_when_all_have_ended() -> None:
    done = []
    last = threading.Event()

    def work(item: str) -> None:
        if item == "c":
            last.set()
        else:
            assert last.wait(10)
            raise DockerError(500, item)
        done.append(item)

    with pytest.raises(DockerError, match="a"):
        each(work, "abc")
    assert done == ["c"]
