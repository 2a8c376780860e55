"""An application on ECS by the commands of the README: its releases, their failures, its data."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.environment import Environment, Run, aws
from tests.e2e.shop import shop_services
from tests.probe import Probe

BALANCER = "http://shop-ecs.alb.localhost:4566"


def services(context: Path, version: str, **changes: Any) -> dict[str, Any]:
    """Describe the application at a version; `changes` replace keys of its service."""
    on_ecs = {
        "health_check": {"path": "/health", "interval": 5, "retries": 2, "start_period": 5},
        "replicas": 2,
    }
    return shop_services(context, version, **{**on_ecs, **changes})


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, context: Path) -> Iterator[Environment]:
    environment = Environment(
        tmp_path_factory.mktemp("inventories"),
        app="shop",
        name="ecs",
        variables={
            "deploy_target": "ecs",
            "database": "none",
            "app_services": services(context, "1"),
            "load_balancer_enabled": True,
            "load_balancer_deregistration_delay": 5,
            "app_url": BALANCER,
        },
    )
    environment.deploy().succeeded()
    yield environment
    environment.destroy()


def release(shop: Environment, described: dict[str, Any]) -> Run:
    """Release services described anew, on an environment that stays as it is."""
    shop.set({**shop.variables, "app_services": described})
    return shop.deploy()


def running(shop: Environment) -> list[str]:
    """Return the revision of each task that runs."""
    ecs = aws("ecs")
    tasks = ecs.list_tasks(cluster=shop.stack, serviceName="web")["taskArns"]
    return [
        task["taskDefinitionArn"] for task in ecs.describe_tasks(cluster=shop.stack, tasks=tasks)["tasks"]
    ]


def test_a_second_run_changes_nothing_and_the_plan_says_so(shop: Environment) -> None:
    assert shop.deploy().succeeded().changed() == {}
    assert shop.deploy("--check", "--diff").succeeded().changed() == {}


def test_releases_and_changes_of_scale_lose_no_request(shop: Environment, context: Path) -> None:
    with Probe([f"{BALANCER}/version"], slow=[f"{BALANCER}/slow?ms=300"]) as probe:
        for version, replicas in (("2", 2), ("3", 4), ("3", 2)):
            release(shop, services(context, version, replicas=replicas)).succeeded()
            assert len(running(shop)) == replicas
    result = probe.result
    assert result.failed == 0, result.as_dict()
    assert result.slow_requests > 100
    assert set(result.versions) == {"1", "2", "3"}


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"EXIT_AT_START": "3"}, ("start_crash", "exit code 3", "ending with exit code 3")),
        ({"HEALTH_STATUS": "500"}, ("health_check", "500")),
    ],
    ids=["crash", "health"],
)
def test_a_version_that_does_not_serve_fails_with_its_cause_and_the_old_one_serves(
    shop: Environment, context: Path, environment: dict[str, str], told: tuple[str, ...]
) -> None:
    before = running(shop)
    run = release(shop, services(context, "4", environment=environment))
    assert run.returncode != 0
    for part in told:
        assert part in run.output
    assert set(running(shop)) == set(before)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"secrets": {"TOKEN": "secretsmanager:shop-ecs/nonesuch"}}, "shop-ecs/nonesuch"),
        ({"image": "shop/nonesuch:1", "build": None}, "shop/nonesuch:1"),
    ],
    ids=["secret", "image"],
)
def test_what_is_not_there_is_named_before_anything_is_released(
    shop: Environment, context: Path, keys: dict[str, Any], told: str
) -> None:
    before = running(shop)
    described = services(context, "4", **keys)
    described["web"] = {key: value for key, value in described["web"].items() if value is not None}
    run = release(shop, described)
    assert run.returncode != 0
    assert told in run.output
    assert sorted(running(shop)) == sorted(before)


def test_a_changed_secret_is_released_and_never_shown(shop: Environment, context: Path) -> None:
    store = aws("secretsmanager")
    name, values = "shop-ecs/token", ["first-of-two-values", "second-of-two-values"]
    store.create_secret(Name=name, SecretString=values[0])
    described = services(context, "3", secrets={"TOKEN": f"secretsmanager:{name}"})
    revisions = []
    try:
        for value in values:
            store.put_secret_value(SecretId=name, SecretString=value)
            run = release(shop, described).succeeded()
            assert not [seen for seen in values if seen in run.output]
            revisions.append(set(running(shop)))
        assert not revisions[0] & revisions[1]
    finally:
        store.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
