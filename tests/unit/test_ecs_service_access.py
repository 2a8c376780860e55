"""The access to a service: what is read from ECS's descriptions, and the one request that changes it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from plugins.module_utils.ecs_api import EcsError
from plugins.module_utils.ecs_service_access import access, address, change, start_seconds
from plugins.modules import ecs_service_access
from tests.unit.aws_doubles import Double, run

ARN = "arn:aws:ecs:eu-central-1:123456789012"
NAMESPACE = "arn:aws:servicediscovery:eu-central-1:123456789012:namespace/ns-1"
PUBLISHED = {
    "portName": "mongodb",
    "discoveryName": "mongodb",
    "clientAliases": [{"port": 27017, "dnsName": "mongodb"}],
}
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def service(*published: dict[str, Any], desired: int = 1, **connect: Any) -> dict[str, Any]:
    configuration = {"enabled": True, "namespace": NAMESPACE, "services": list(published), **connect}
    deployment = {"id": "ecs-svc/1", "status": "PRIMARY", "serviceConnectConfiguration": configuration}
    return {
        "serviceName": "mongodb",
        "serviceArn": f"{ARN}:service/goals-prod/mongodb",
        "status": "ACTIVE",
        "desiredCount": desired,
        "taskDefinition": f"{ARN}:task-definition/goals-prod-mongodb:3",
        "deployments": [deployment],
    }


def task(private: str = "10.42.0.7", status: str = "RUNNING", seconds: float = 20) -> dict[str, Any]:
    details = [{"name": "subnetId", "value": "subnet-1"}, {"name": "privateIPv4Address", "value": private}]
    return {
        "lastStatus": status,
        "attachments": [{"type": "ElasticNetworkInterface", "details": details}],
        "createdAt": BEGUN,
        "startedAt": BEGUN + timedelta(seconds=seconds),
    }


OPEN, CLOSED, STOPPED = service(PUBLISHED), service(), service(PUBLISHED, desired=0)
CONNECT = {"enabled": True, "namespace": NAMESPACE}


@pytest.mark.parametrize(
    ("described", "found"),
    [
        (None, "absent"),
        ({**OPEN, "status": "DRAINING"}, "absent"),
        (STOPPED, "stopped"),
        (CLOSED, "closed"),
        (OPEN, "open"),
    ],
)
def test_the_access_that_there_is(described: dict[str, Any] | None, found: str) -> None:
    assert access(described) == found


@pytest.mark.parametrize(
    ("described", "wanted", "members"),
    [
        (OPEN, "open", {}),
        (CLOSED, "closed", {}),
        (STOPPED, "stopped", {}),
        (OPEN, "closed", {"serviceConnectConfiguration": {**CONNECT, "services": []}}),
        (CLOSED, "open", {"serviceConnectConfiguration": {**CONNECT, "services": [PUBLISHED]}}),
        (CLOSED, "stopped", {"desiredCount": 0}),
        (
            STOPPED,
            "open",
            {"desiredCount": 1, "serviceConnectConfiguration": {**CONNECT, "services": [PUBLISHED]}},
        ),
    ],
)
def test_only_what_differs_is_asked_for(
    described: dict[str, Any], wanted: str, members: dict[str, Any]
) -> None:
    assert change(described, 27017, wanted) == members


def test_a_service_that_no_name_led_to_is_refused() -> None:
    described = service()
    del described["deployments"][0]["serviceConnectConfiguration"]
    with pytest.raises(EcsError, match="mongodb does not use Service Connect"):
        change({**described, "desiredCount": 0}, 27017, "closed")


def test_an_address_is_that_of_the_one_task_that_runs() -> None:
    assert address([task("10.42.0.6", "DEPROVISIONING"), task()]) == "10.42.0.7"
    assert address([task(), task("10.42.0.8")]) == ""
    assert address([]) == ""


def test_the_slowest_start_counts_and_one_that_has_not_ended_does_not() -> None:
    pending = {key: value for key, value in task().items() if key != "startedAt"}
    assert start_seconds([task(seconds=20), task(seconds=31.25), pending]) == 31.2
    assert start_seconds([]) == 0


class Ecs(Double):
    """A cluster with a database."""

    def __init__(self, described: dict[str, Any]) -> None:
        super().__init__()
        self.described = described

    def do_describe_services(self, **_params: Any) -> dict[str, Any]:
        return {"services": [self.described]}

    def do_list_tasks(self, **_params: Any) -> dict[str, Any]:
        return {"taskArns": [f"{ARN}:task/goals-prod/1"]}

    def do_describe_tasks(self, **_params: Any) -> dict[str, Any]:
        return {"tasks": [task()]}

    def do_update_service(self, **params: Any) -> dict[str, Any]:
        deployment = {**self.described["deployments"][0], "id": "ecs-svc/2"}
        deployment |= {"serviceConnectConfiguration": params["serviceConnectConfiguration"]}
        self.described = {**self.described, "deployments": [deployment]}
        return {"service": self.described}


def test_the_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ecs = Ecs(OPEN)
    monkeypatch.setattr(AnsibleAWSModule, "client", lambda _self, _name: ecs)
    given: Any = {"cluster": "goals-prod", "name": "mongodb"}
    looked = run(ecs_service_access, capsys, **given)
    assert not looked["changed"]
    assert (looked["access"], looked["address"], looked["start_seconds"]) == ("open", "10.42.0.7", 20)
    closing = {**given, "access": "closed", "port": 27017}
    planned = run(ecs_service_access, capsys, check_mode=True, **closing)
    assert planned["changed"]
    assert planned["diff"] == {"before": {"access": "open"}, "after": {"access": "closed"}}
    assert ecs.writes() == []
    closed = run(ecs_service_access, capsys, **closing)
    assert closed["changed"]
    assert closed["deployment"] == "ecs-svc/2"
    assert not run(ecs_service_access, capsys, **closing)["changed"]
    # Somebody else has published the name again since the first deployment was seen.
    stopping = {**given, "access": "stopped", "deployment": "ecs-svc/1"}
    refused = run(ecs_service_access, capsys, **stopping)
    assert "its deployment is ecs-svc/2, expected ecs-svc/1" in refused["msg"]
    assert [name for name, _params in ecs.writes()] == ["update_service"]
