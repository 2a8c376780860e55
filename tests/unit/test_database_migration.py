"""The move of a database: what a run does, what it says, and what the copier compares."""

import json
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument

from plugins.module_utils.database_migration import (
    MigrationError,
    copy_report,
    migration_step,
    move_told,
    rehearsal_told,
)
from roles.database_migration.files.copier import copy_database
from roles.database_migration.files.copier.copy_database import Digest, batches, differences

REPORT = {
    "documents": 3,
    "bytes": 2_500_000,
    "copy_seconds": 4.0,
    "compare_seconds": 2.0,
    "collections": {"goals": {"indexes": ["_id_", "text"]}, "users": {"indexes": ["_id_"]}},
}


@pytest.mark.parametrize(
    ("access", "named", "step"),
    [
        ("open", "", "rehearse"),
        ("open", "goals-prod", "move"),
        ("closed", "goals-prod", "move"),
        ("stopped", "goals-prod", "finish"),
        ("stopped", "", "finish"),
    ],
)
def test_what_a_run_does(access: str, named: str, step: str) -> None:
    assert migration_step(access, named, "goals-prod", "mongodb") == step


@pytest.mark.parametrize(
    ("access", "named", "told"),
    [
        ("open", "goals-staging", "migrate is goals-staging, and this environment is goals-prod"),
        ("absent", "goals-prod", "has no service mongodb"),
        ("closed", "", "interrupted while nobody could write"),
    ],
)
def test_what_no_run_does(access: str, named: str, told: str) -> None:
    with pytest.raises(MigrationError, match=told):
        migration_step(access, named, "goals-prod", "mongodb")


def test_the_report_is_the_last_line() -> None:
    assert copy_report(["a warning", json.dumps(REPORT)]) == REPORT
    for output in ([], ["a warning"]):
        with pytest.raises(MigrationError, match="reported nothing"):
            copy_report(output)


def test_what_is_said() -> None:
    rehearsed, stop = rehearsal_told(REPORT, 20.0, 36.4, [15.0, 25.0])
    assert "3 documents (2.5 MB) and 3 indexes of 2 collections are the same" in rehearsed
    assert "stops writes for about 81 s" in stop
    assert "3 documents" in move_told(REPORT)[0]


def raw(**document: Any) -> RawBSONDocument:
    return RawBSONDocument(bson.encode(document))


def test_a_digest_sees_order_types_and_bounds() -> None:
    def digest(*documents: RawBSONDocument) -> str:
        found = Digest()
        for document in documents:
            found.add(document.raw)
        sha: str = found.shown()["sha256"]
        return sha

    one, two = raw(_id=1, a=1), raw(_id=2, a=1)
    assert digest(one, two) == digest(one, two)
    assert digest(one, two) != digest(two, one)
    assert digest(raw(_id=1, a=1)) != digest(raw(_id=1, a=bson.Int64(1)))
    assert digest(raw(a=1, b=2)) != digest(raw(b=2, a=1))


def index(**keys: Any) -> dict[str, Any]:
    return {"key": keys, "name": "one"}


@pytest.mark.parametrize(
    ("actual", "told"),
    [
        ({}, "goals: missing"),
        ({"goals": {"documents": 1}, "others": {}}, "others: not in the source"),
        ({"goals": {"documents": 2}}, "goals: documents is 2, expected 1"),
    ],
)
def test_differences_of_collections(actual: dict[str, Any], told: str) -> None:
    assert differences({"goals": {"documents": 1}}, actual) == [told]


@pytest.mark.parametrize("other", [index(b=1, a=1), {**index(a=1, b=1), "unique": True}, index(a=1, b=-1)])
def test_differences_of_indexes(other: dict[str, Any]) -> None:
    wanted = {"goals": {"indexes": {"one": index(a=1, b=1)}}}
    assert differences(wanted, {"goals": {"indexes": {"one": index(a=1, b=1)}}}) == []
    assert len(differences(wanted, {"goals": {"indexes": {"one": other}}})) == 1


def test_batches_are_bounded_in_number_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    small = [raw(_id=number) for number in range(5)]
    monkeypatch.setattr(copy_database, "BATCH", 2)
    assert [len(batch) for batch in batches(small)] == [2, 2, 1]
    monkeypatch.setattr(copy_database, "BATCH", 100)
    monkeypatch.setattr(copy_database, "BATCH_BYTES", 2 * len(small[0].raw))
    assert [len(batch) for batch in batches(small)] == [2, 2, 1]
    monkeypatch.setattr(copy_database, "BATCH_BYTES", 1)
    assert [len(batch) for batch in batches(small)] == [1] * 5
    assert list(batches([])) == []
