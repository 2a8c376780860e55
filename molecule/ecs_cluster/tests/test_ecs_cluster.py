"""The cluster and what it stands on, as AWS describes them."""

import json
from typing import Any

import pytest

from tests.e2e.environment import aws

STACK = "goals-ecs-cluster"


def only(things: list[Any]) -> Any:
    assert len(things) == 1, things
    return things[0]


@pytest.fixture(scope="module")
def files() -> Any:
    return only(aws("efs").describe_file_systems(CreationToken=STACK)["FileSystems"])


def test_the_cluster_is_measured_and_tagged() -> None:
    cluster = only(aws("ecs").describe_clusters(clusters=[STACK], include=["SETTINGS", "TAGS"])["clusters"])
    assert cluster["status"] == "ACTIVE"
    assert {"name": "containerInsights", "value": "enabled"} in cluster["settings"]
    assert {"key": "slipway_app", "value": "goals"} in cluster["tags"]
    assert set(cluster["capacityProviders"]) == {"FARGATE", "FARGATE_SPOT"}


def test_log_lines_are_kept_for_a_month() -> None:
    group = only(aws("logs").describe_log_groups(logGroupNamePrefix=f"/slipway/{STACK}")["logGroups"])
    assert group["retentionInDays"] == 30


def test_files_are_encrypted_and_in_every_zone(files: Any) -> None:
    assert files["Encrypted"]
    targets = aws("efs").describe_mount_targets(FileSystemId=files["FileSystemId"])["MountTargets"]
    assert len({target["SubnetId"] for target in targets}) == 2


def test_the_database_has_a_folder_of_its_own_user(files: Any) -> None:
    point = only(aws("efs").describe_access_points(FileSystemId=files["FileSystemId"])["AccessPoints"])
    assert point["PosixUser"] == {"Uid": 999, "Gid": 999}
    assert point["RootDirectory"]["Path"] == "/mongodb/data"


def statements(role: str) -> list[dict[str, Any]]:
    document = aws("iam").get_role_policy(RoleName=f"{STACK}-{role}", PolicyName="slipway")["PolicyDocument"]
    parsed = json.loads(document) if isinstance(document, str) else document
    found: list[dict[str, Any]] = parsed["Statement"]
    return found


def test_each_role_may_do_what_it_needs_and_no_more(files: Any) -> None:
    secret = only(statements("execution"))
    assert secret["Action"] == "secretsmanager:GetSecretValue"
    assert [arn.split(":")[-1] for arn in secret["Resource"]] == ["goals/token-??????"]
    mount = only(statements("task"))
    assert set(mount["Action"]) == {"elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"}
    assert mount["Resource"].endswith(files["FileSystemId"])
    scheduler = {statement["Action"]: statement for statement in statements("scheduler")}
    assert set(scheduler) == {"ecs:RunTask", "ecs:TagResource", "iam:PassRole"}
    passed = {arn.rpartition("/")[2] for arn in scheduler["iam:PassRole"]["Resource"]}
    assert passed == {f"{STACK}-execution", f"{STACK}-task"}
