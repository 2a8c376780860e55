"""A change of one field alone is one revision or one update, and setting it back one more: on the emulators.

The fields come from botocore's models, as in tests/unit/test_ecs_*.py, where AWS's own way to answer is
held against the same. Left out is what an emulator does not keep, or takes only when it is real.
"""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from plugins.module_utils.ecs_service import Service
from plugins.module_utils.ecs_task_definition import TaskDefinitions
from plugins.module_utils.several import Call
from plugins.modules import ecs_service, ecs_task_definition
from tests.lab.cloud import Cloud
from tests.unit import test_ecs_service, test_ecs_task_definition
from tests.unit.aws_doubles import Path, at, changed

NOT_IN_MOTO = {"enableFaultInjection", "requiresCompatibilities", "trustedExecutionConfiguration"}
# A target group of a load balancer, and what DescribeServiceRevisions alone shows, which MiniStack has not.
NOT_IN_LAB = {"gatewayConnectors", "loadBalancers", "monitoring"}
# What deployments and service revisions alone show: those of moto do not.
NOT_IN_MOTO_S_SERVICES = {*test_ecs_service.IN_DEPLOYMENT, *test_ecs_service.IN_REVISION}


class Counting:
    """A client that counts the calls that change something."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        self.writes += name in ("create_service", "register_task_definition", "update_service")
        return getattr(self._client, name)


def call(**params: Any) -> Call:
    return Call({"tags": None, "cluster": None, "service": None, **params}, check_mode=False)


def others(whole: Any, path: Path, choices: tuple[Any, ...]) -> Any:
    return changed(whole, path, next(choice for choice in choices if choice != at(whole, path)))


@pytest.fixture
def moto() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client(
            "ecs", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
        )


def revise(client: Any, family: str, path: Path, choices: tuple[Any, ...], left_out: set[str]) -> None:
    whole = {
        name: value for name, value in test_ecs_task_definition.everything().items() if name not in left_out
    }
    ecs = Counting(client)
    for count, definition in enumerate((whole, others(whole, path, choices), whole), start=1):
        for first in (True, False):
            asked = call(definition=definition, keep=10)
            found = ecs_task_definition.present(asked, TaskDefinitions(ecs, family))  # type: ignore[arg-type]
            assert found["changed"] is first
            assert ecs.writes == count


REVISED = [field for field in test_ecs_task_definition.fields() if len(field.values[1]) > 1]


@pytest.mark.parametrize(("path", "choices"), REVISED)
def test_a_field_of_a_task_definition_in_the_lab(cloud: Cloud, path: Path, choices: tuple[Any, ...]) -> None:
    revise(cloud.ecs, cloud.name(), path, choices, set())


@pytest.mark.parametrize(
    ("path", "choices"), [field for field in REVISED if field.values[0][0] not in NOT_IN_MOTO]
)
def test_a_field_of_a_task_definition_in_moto(moto: Any, path: Path, choices: tuple[Any, ...]) -> None:
    revise(moto, "api", path, choices, NOT_IN_MOTO)


def two_revisions(client: Any, family: str) -> tuple[str, ...]:
    container = {"name": "one", "image": "one", "memory": 64}
    return tuple(
        client.register_task_definition(family=family, containerDefinitions=[container])["taskDefinition"][
            "taskDefinitionArn"
        ]
        for _ in range(2)
    )


def serve(
    client: Any,
    name: str,
    definitions: tuple[str, ...],
    field: tuple[Path, tuple[Any, ...]],
    left_out: set[str],
) -> None:
    """Describe a service, change a field of it, and set it back: a request each, the first time one asks."""
    path, choices = field
    whole = {name: value for name, value in test_ecs_service.everything().items() if name not in left_out}
    # Nothing has to run to be compared.
    whole |= {"taskDefinition": definitions[0], "desiredCount": 0}
    own: dict[Path, tuple[Any, ...]] = {("taskDefinition",): definitions, ("desiredCount",): (0, 1)}
    ecs = Counting(client)
    steps = (whole, others(whole, path, own.get(path, choices)), whole)
    for count, described in enumerate(steps, start=1):
        for first in (True, False):
            asked = call(name=name, service=described, keep_desired_count=False, replace=False)
            service = Service(ecs, "default", name, 1)  # type: ignore[arg-type]
            assert ecs_service.present(asked, service, service.find())["changed"] is first
            assert ecs.writes == count


@pytest.fixture(scope="session")
def definitions(cloud: Cloud) -> tuple[str, ...]:
    return two_revisions(cloud.ecs, cloud.name())


@pytest.mark.parametrize(
    ("path", "choices"),
    [field for field in test_ecs_service.changeable() if field.values[0][0] not in NOT_IN_LAB],
)
def test_a_field_of_a_service_in_the_lab(
    cloud: Cloud, definitions: tuple[str, ...], path: Path, choices: tuple[Any, ...]
) -> None:
    name = cloud.name()
    serve(cloud.ecs, name, definitions, (path, choices), NOT_IN_LAB)
    cloud.ecs.delete_service(service=name, force=True)


@pytest.mark.parametrize(
    ("path", "choices"),
    [field for field in test_ecs_service.changeable() if field.values[0][0] not in NOT_IN_MOTO_S_SERVICES],
)
def test_a_field_of_a_service_in_moto(moto: Any, path: Path, choices: tuple[Any, ...]) -> None:
    moto.create_cluster(clusterName="default")
    definitions = two_revisions(moto, "api")
    # Of what CreateService takes, moto keeps half; of what UpdateService takes, everything.
    moto.create_service(serviceName="api", taskDefinition=definitions[0], desiredCount=0)
    serve(moto, "api", definitions, (path, choices), NOT_IN_MOTO_S_SERVICES)
