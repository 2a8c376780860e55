"""The faults of docs/faults.md on ECS, one after the other on one deployment of two tasks."""

from pathlib import Path

import pytest

from tests.faults.checks import goes_through, is_whole_after, releases_in_a_row
from tests.faults.matrix import ENDINGS, FAULTS, Fault
from tests.faults.world import World

TARGET = "ecs"


@pytest.mark.parametrize("fault", FAULTS[TARGET], ids=lambda fault: fault.name)
def test_a_release_goes_through_it(world: World, fault: Fault, tmp_path: Path) -> None:
    goes_through(world, fault, tmp_path / "log")


def test_a_release_without_a_fault_is_good_after_all_of_them(world: World) -> None:
    world.release().succeeded()
    assert world.versions() == {world.version}


@pytest.mark.parametrize("turn", range(len(ENDINGS[TARGET])))
def test_after_an_end_at_any_moment_the_next_run_makes_all_whole(
    world: World, seconds: float, turn: int
) -> None:
    is_whole_after(world, ENDINGS[TARGET][turn], seconds)


def test_ten_releases_in_a_row_are_told_in_order_and_leave_no_more_than_is_kept(world: World) -> None:
    releases_in_a_row(world, 10)
