"""The decision of the service scheduler of ECS; nothing here touches the world."""

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """A task that is to run, as far as a decision needs it."""

    arn: str
    healthy: bool
    born: float


def decide(
    desired: int, least: int, most: int, *, new: list[View], old: list[View], ending: int
) -> tuple[int, list[str]]:
    """How many tasks to start and which to stop: at least `least` stay healthy, at most `most` exist.

    `ending` counts tasks that were told to stop and have not yet.
    """
    surplus = len(new) - desired
    leaving = sorted(new, key=lambda each: (each.healthy, -each.born))[: max(surplus, 0)]
    stop = [each.arn for each in leaving]
    spare = sum(each.healthy for each in [*new, *old] if each.arn not in stop) - least
    for each in sorted(old, key=lambda task: (task.healthy, task.born)):
        if not each.healthy or spare > 0:
            stop.append(each.arn)
            spare -= each.healthy
    start = min(-surplus, most - len(new) - len(old) - ending)
    return max(start, 0), stop
