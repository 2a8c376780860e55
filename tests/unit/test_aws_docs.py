"""The operator's policy in docs/aws.md."""

import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest

TEXT = (Path(__file__).resolve().parents[2] / "docs/aws.md").read_text()
# IAM's name of a service, where it is not that of its API.
MODELS = {"elasticloadbalancing": "elbv2"}


def policy() -> dict[str, Any]:
    (block,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    parsed: dict[str, Any] = json.loads(block)
    return parsed


def actions() -> list[str]:
    listed = [statement["Action"] for statement in policy()["Statement"]]
    return [action for each in listed for action in ([each] if isinstance(each, str) else each)]


def test_no_action_is_allowed_twice_or_by_a_pattern() -> None:
    assert len(set(actions())) == len(actions())
    assert not [action for action in actions() if "*" in action]


@pytest.mark.parametrize("service", sorted({action.split(":")[0] for action in actions()}))
def test_every_action_is_an_operation_of_its_service(service: str) -> None:
    model = botocore.session.get_session().get_service_model(MODELS.get(service, service))
    named = {action.split(":")[1] for action in actions() if action.startswith(f"{service}:")}
    assert named <= set(model.operation_names)


def test_what_changes_things_is_bound_to_a_tag_a_region_or_a_name() -> None:
    for statement in policy()["Statement"]:
        if statement["Sid"] != "Look":
            assert "Condition" in statement or statement["Resource"] != "*", statement["Sid"]
