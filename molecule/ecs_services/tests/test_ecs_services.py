"""The service as ECS describes it and as a client sees it."""

import urllib.request
from typing import Any

import pytest

from tests.e2e.environment import aws

STACK = "goals-ecs-services"


@pytest.fixture
def service() -> Any:
    (found,) = aws("ecs").describe_services(cluster=STACK, services=["web"])["services"]
    return found


def test_as_many_tasks_run_as_are_described_in_one_deployment(service: Any) -> None:
    assert service["desiredCount"] == 2
    assert service["runningCount"] == 2
    (deployment,) = service["deployments"]
    assert deployment["rolloutState"] == "COMPLETED"


def test_tasks_are_in_two_zones(service: Any) -> None:
    tasks = aws("ecs").list_tasks(cluster=STACK, serviceName="web")["taskArns"]
    described = aws("ecs").describe_tasks(cluster=STACK, tasks=tasks)["tasks"]
    assert len({task["availabilityZone"] for task in described}) == 2


def test_the_load_balancer_leads_to_them() -> None:
    request = urllib.request.Request(
        "http://127.0.0.1:4566/", headers={"Host": f"{STACK}.alb.localhost:4566"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        assert answer.read() == b"hello"


def test_a_failing_deployment_is_broken_off(service: Any) -> None:
    breaker = service["deploymentConfiguration"]["deploymentCircuitBreaker"]
    assert breaker == {"enable": True, "rollback": True}
