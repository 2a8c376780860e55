"""What a run of playbooks/migrate_database.yml does, by what it finds, and what it says. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .ecs_access_states import ABSENT, CLOSED, OPEN, STOPPED

#: Copy and compare while everything serves; stop writes, copy, compare, switch; only switch.
REHEARSE, MOVE, FINISH = "rehearse", "move", "finish"


class MigrationError(ValueError):
    """Nothing can be done, worded for the operator."""


def migration_step(access: str, named: str, stack: str, source: str) -> str:
    """Give what a run does.

    :param access: to the old database's service, as ecs_service_access gives it
    :param named: the environment that the operator has named as the one to be moved; empty for a rehearsal
    :param source: name of the old database's service
    :raises MigrationError: nothing, because of what is named
    """
    if named not in ("", stack):
        raise MigrationError(
            f"migrate is {named}, and this environment is {stack}: to move its database, give "
            f"-e migrate={stack}; without it, the move is rehearsed"
        )
    if access == ABSENT:
        raise MigrationError(
            f"the cluster {stack} has no service {source}, so there is no database to move: deploy.yml makes "
            "the environment with an empty one"
        )
    if access == CLOSED and not named:
        raise MigrationError(
            "a move was interrupted while nobody could write, so that nothing can be rehearsed: finish it "
            f"with -e migrate={stack}, or let the old database serve again by deploy.yml and the description "
            "that has database: container"
        )
    return {STOPPED: FINISH, CLOSED: MOVE, OPEN: MOVE if named else REHEARSE}[access]


def copy_report(output: Sequence[str]) -> dict[str, Any]:
    """Give the report, the last line that the copier wrote.

    :raises MigrationError: there is none
    """
    try:
        report: dict[str, Any] = json.loads(output[-1])
    except (IndexError, ValueError) as error:
        raise MigrationError("the copier has ended well and reported nothing: see its log") from error
    return report


def rehearsal_told(
    report: Mapping[str, Any], database_seconds: float, task_seconds: float, service_seconds: Sequence[float]
) -> list[str]:
    """Say how a rehearsal went and for how long a move will stop writes.

    :param database_seconds: which the task of the old database needed to start
    :param task_seconds: from the order of the copier's task until its end was known
    :param service_seconds: which the tasks of each service needed to start
    """
    switch = max(service_seconds, default=0.0)
    return [
        f"Rehearsed: {_copied(report)}. The copy was removed, and nothing that serves was changed.",
        f"A move stops writes for about {database_seconds + task_seconds + switch:.0f} s, and the time that "
        f"health checks need: {database_seconds:.0f} s until the old database has restarted nameless, "
        f"{task_seconds:.0f} s for the copier's task (copying {report['copy_seconds']:.0f} s, comparing "
        f"{report['compare_seconds']:.0f} s), {switch:.0f} s until new tasks run with the new database.",
    ]


def move_told(report: Mapping[str, Any]) -> list[str]:
    """Say how the copying of a move went, before the services are switched."""
    return [
        f"Moved: {_copied(report)}. The old database is stopped, and its files are kept.",
        "What follows switches the services. If it fails, run the same again: it finishes what is left.",
    ]


def _copied(report: Mapping[str, Any]) -> str:
    collections = list(report["collections"].values())
    indexes = sum(len(each["indexes"]) for each in collections)
    return (
        f"{report['documents']} documents ({report['bytes'] / 1e6:.1f} MB) and {indexes} indexes of "
        f"{len(collections)} collections are the same in the new database, by count and SHA-256"
    )
