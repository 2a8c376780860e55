"""What the new database holds, and that nothing writes the old one."""

from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from roles.database_migration.files.copier.copy_database import MARKER
from tests.e2e.environment import aws

STACK = "goals-database-migration"


@pytest.fixture
def new() -> Database[dict[str, Any]]:
    secret = aws("secretsmanager").get_secret_value(SecretId="goals/database-migration/mongodb")
    client: MongoClient[dict[str, Any]] = MongoClient(secret["SecretString"])
    return client["goals"]


def test_what_was_copied_in_part_was_copied_anew(new: Database[dict[str, Any]]) -> None:
    assert [goal["text"] for goal in new["goals"].find()] == ["goal 0", "goal 1", "goal 2"]
    assert new["goals"].index_information()["text_1"]["unique"]
    assert set(new.list_collection_names()) == {"goals", MARKER}


def test_the_old_database_is_stopped_and_kept() -> None:
    (service,) = aws("ecs").describe_services(cluster=STACK, services=["mongodb"])["services"]
    assert (service["status"], service["desiredCount"]) == ("ACTIVE", 0)
