"""The operator's policies in docs/aws.md."""

import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest

TEXT = (Path(__file__).resolve().parents[2] / "docs/aws.md").read_text()
# IAM's name of a service, where it is not that of its API.
MODELS = {"elasticfilesystem": "efs", "elasticloadbalancing": "elbv2"}
# Asked for beside an operation, or under another name than its, and none itself.
PERMISSIONS_ONLY = {
    "iam:PassRole",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:ListBucket",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
}
# Operations that another action allows.
ALLOWED_BY = {"s3:HeadBucket": "s3:ListBucket", "s3:ListObjectsV2": "s3:ListBucket"}
POLICIES: list[dict[str, Any]] = [
    json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
]


def actions(policy: dict[str, Any]) -> list[str]:
    listed = [statement["Action"] for statement in policy["Statement"]]
    return [action for each in listed for action in ([each] if isinstance(each, str) else each)]


EVERY_ACTION = [action for policy in POLICIES for action in actions(policy)]


@pytest.mark.parametrize("policy", POLICIES)
def test_no_action_is_allowed_twice_or_by_a_pattern(policy: dict[str, Any]) -> None:
    listed = actions(policy)
    assert len(set(listed)) == len(listed)
    assert not [action for action in listed if "*" in action]


@pytest.mark.parametrize("policy", POLICIES)
def test_iam_takes_the_policy(policy: dict[str, Any]) -> None:
    # A managed policy's limit; white space does not count.
    assert len(re.sub(r"\s", "", json.dumps(policy))) <= 6144
    names = [statement["Sid"] for statement in policy["Statement"]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("service", sorted({action.split(":")[0] for action in EVERY_ACTION}))
def test_every_action_is_an_operation_of_its_service(service: str) -> None:
    model = botocore.session.get_session().get_service_model(MODELS.get(service, service))
    operations = {f"{service}:{name}" for name in model.operation_names} | PERMISSIONS_ONLY
    assert {action for action in EVERY_ACTION if action.startswith(f"{service}:")} <= operations


@pytest.mark.parametrize("policy", POLICIES)
def test_what_changes_things_is_bound_to_a_tag_a_region_or_a_name(policy: dict[str, Any]) -> None:
    for statement in policy["Statement"]:
        if not statement["Sid"].startswith("Look"):
            assert "Condition" in statement or statement["Resource"] != "*", statement["Sid"]


@pytest.mark.parametrize(
    ("service", "folder", "files"),
    [
        ("ec2", "plugins/module_utils", "private_subnets_*.py"),
        ("elasticfilesystem", "plugins/module_utils", "efs.py"),
        ("ecs", "plugins/module_utils", "ecs_[cst]*.py"),
        ("acm", "plugins/module_utils", "acm_*.py"),
        ("s3", "plugins/module_utils", "release_store.py"),
        ("route53", "plugins/module_utils", "route53.py"),
        ("cloudwatch", "plugins/module_utils", "alarms.py"),
        ("sns", "plugins/module_utils", "alarms.py"),
    ],
)
def test_every_call_of_our_modules_is_allowed(service: str, folder: str, files: str) -> None:
    model = botocore.session.get_session().get_service_model(MODELS.get(service, service))
    named = {botocore.xform_name(name): name for name in model.operation_names}
    sources = sorted((Path(__file__).resolve().parents[2] / folder).glob(files))
    text = "\n".join(source.read_text() for source in sources)
    called = set(re.findall(r"(?:client|_acm|cloudwatch|sns)\.(\w+)(?:\(|,| if )", text))
    called |= set(re.findall(r"get_paginator\(\"(\w+)\"\)", text))
    operations = {f"{service}:{named[name]}" for name in called & set(named)}
    asked = {ALLOWED_BY.get(operation, operation) for operation in operations}
    assert asked
    assert asked <= set(EVERY_ACTION)
