"""The scheduler's decision keeps its promises on every way from one revision to the next."""

import itertools
import random

import pytest

from lab.rolling_update import View, decide

STEPS = 200


def test_replaces_one_by_one_where_only_one_may_be() -> None:
    old = [View("old", healthy=True, born=1)]
    assert decide(1, 0, 1, new=[], old=old, ending=0) == (0, ["old"])
    assert decide(1, 0, 1, new=[], old=[], ending=1) == (0, [])
    assert decide(1, 0, 1, new=[], old=[], ending=0) == (1, [])


def test_starts_first_where_all_must_stay() -> None:
    old = [View("a", healthy=True, born=1), View("b", healthy=True, born=2)]
    assert decide(2, 2, 4, new=[], old=old, ending=0) == (2, [])
    starting = [View("c", healthy=False, born=3), View("d", healthy=True, born=4)]
    assert decide(2, 2, 4, new=starting, old=old, ending=0) == (0, ["a"])


def test_stops_the_newest_when_there_are_too_many() -> None:
    new = [View(name, healthy=True, born=born) for born, name in enumerate("abcd")]
    assert decide(2, 2, 4, new=new, old=[], ending=0) == (0, ["d", "c"])


def test_does_nothing_where_the_percents_leave_no_room() -> None:
    old = [View("a", healthy=True, born=1)]
    assert decide(1, 1, 1, new=[], old=old, ending=0) == (0, [])


@pytest.mark.parametrize("seed", range(50))
def test_every_way_stays_within_its_limits(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # No secret: the same ways on every run.
    desired = chance.randint(1, 6)
    least = chance.randint(0, desired)
    most = chance.randint(max(desired, least + 1), 2 * desired + 1)
    names = (str(number) for number in itertools.count())
    old = [View(next(names), healthy=True, born=0) for _ in range(desired)]
    new: list[View] = []
    ending = 0
    for step in range(STEPS):
        start, stop = decide(desired, least, most, new=new, old=old, ending=ending)
        new = [each for each in new if each.arn not in stop]
        old = [each for each in old if each.arn not in stop]
        ending += len(stop)
        new += [View(next(names), healthy=False, born=step) for _ in range(start)]
        assert len(new) + len(old) + ending <= most
        assert sum(each.healthy for each in [*new, *old]) >= least
        # Something happens in the world: a task becomes healthy, or one is gone at last.
        if ending and chance.random() < 0.5:
            ending -= 1
        new = [View(each.arn, each.healthy or chance.random() < 0.3, each.born) for each in new]
    assert (len(new), old, ending) == (desired, [], 0)
