"""An application on ECS by the commands of the README: its releases, their failures, its data."""

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.environment import Environment, aws
from tests.e2e.shop import described_version, shop_services
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
            "alarms_notify": ["ops@example.com"],
            "alarms_roll_back": True,
        },
    )
    first = environment.deploy().succeeded()
    # Of the proxy, which is in front of hosts, there is nothing.
    assert re.findall(r"^What changed: (.*)$", first.output, re.MULTILINE) == ["web"]
    yield environment
    environment.destroy()
    assert alarms(environment) == {}


def alarms(shop: Environment) -> dict[str, Any]:
    """Return the alarms by their names."""
    found = aws("cloudwatch").describe_alarms(AlarmNamePrefix=f"{shop.stack}/")["MetricAlarms"]
    return {alarm["AlarmName"]: alarm for alarm in found}


def tasks(shop: Environment) -> list[dict[str, Any]]:
    """Return the service's tasks as ECS describes them."""
    ecs = aws("ecs")
    found = ecs.list_tasks(cluster=shop.stack, serviceName="web")["taskArns"]
    return list(ecs.describe_tasks(cluster=shop.stack, tasks=found)["tasks"])


def running(shop: Environment) -> list[str]:
    """Return the revision of each task that runs."""
    return [task["taskDefinitionArn"] for task in tasks(shop)]


def test_a_second_run_changes_nothing_and_the_plan_says_so(shop: Environment) -> None:
    assert shop.deploy().succeeded().changed() == {}
    assert shop.deploy("--check", "--diff").succeeded().changed() == {}
    assert len(shop.history()) == 1, "a run that changes nothing is no release"


def test_a_deployment_is_watched_by_alarms_of_what_serves_it(shop: Environment) -> None:
    ecs, elb = aws("ecs"), aws("elbv2")
    (service,) = ecs.describe_services(cluster=shop.stack, services=["web"])["services"]
    watched = service["deploymentConfiguration"]["alarms"]
    assert (watched["enable"], watched["rollback"]) == (True, True)
    wanted = {f"{shop.stack}/web/{kind}" for kind in ("target_errors", "unhealthy_targets")}
    assert set(watched["alarmNames"]) == wanted
    (group,) = elb.describe_target_groups(Names=[f"{shop.stack}-web"])["TargetGroups"]
    (balancer,) = group["LoadBalancerArns"]
    for name in watched["alarmNames"]:
        named = {each["Name"]: each["Value"] for each in alarms(shop)[name]["Dimensions"]}
        assert group["TargetGroupArn"].endswith(f":{named['TargetGroup']}")
        assert balancer.endswith(f":loadbalancer/{named['LoadBalancer']}")


def test_releases_and_changes_of_scale_lose_no_request(shop: Environment, context: Path) -> None:
    with Probe([f"{BALANCER}/version"], slow=[f"{BALANCER}/slow?ms=300"]) as probe:
        for version, replicas in (("2", 2), ("3", 4), ("3", 2)):
            shop.release(services(context, version, replicas=replicas)).succeeded()
            assert len(running(shop)) == replicas
    result = probe.result
    assert result.failed == 0, result.as_dict()
    assert result.slow_requests > 100
    assert set(result.versions) == {"1", "2", "3"}


def node(script: str) -> list[str]:
    """Return a command of an image with Node.js."""
    return ["node", "-e", script]


def asks_health(port: int) -> list[str]:
    """Return a command that ends with 0 where /health answers 200."""
    return node(f"fetch('http://localhost:{port}/health').then((it) => process.exit(it.ok ? 0 : 1))")


def versions(result: Any) -> set[str]:
    """Return which versions a probe has seen."""
    assert result.failed == 0, result.as_dict()
    return set(result.versions)


def test_a_service_that_fails_takes_the_others_back(shop: Environment, context: Path) -> None:
    before, version = running(shop), described_version(shop)
    crash = {"EXIT_AT_START": "3"}
    # Without a check, what takes longer to crash than a task takes to be called steady would be good.
    check = {"command": asks_health(8000)}
    broken = services(context, "5", route=None, health_check=check, replicas=1, environment=crash)
    with Probe([f"{BALANCER}/version"]) as probe:
        run = shop.release({**services(context, "5"), "side": broken["web"]})
    assert run.returncode != 0
    assert "side" in run.output
    assert "start_crash" in run.output
    assert versions(probe.result) == {version, "5"}, "the first had moved, and went back"
    assert set(running(shop)) == set(before)
    found = aws("ecs").describe_services(cluster=shop.stack, services=["side"])["services"]
    assert [each["status"] for each in found if each["status"] == "ACTIVE"] == []
    assert "failed, went back" in shop.history()[0]
    # What was provisioned for it is not taken back: the next run removes that, and moves no task.
    shop.deploy().succeeded()
    assert set(running(shop)) == set(before)


def test_a_rollback_takes_the_release_of_before(shop: Environment, context: Path) -> None:
    described, version = shop.variables["app_services"], described_version(shop)
    task = {"name": "migrate", "command": ["node", "-e", "console.log('migrated')"], "before_release": True}
    shop.release(services(context, "6", tasks=[task])).succeeded()
    with Probe([f"{BALANCER}/version"], slow=[f"{BALANCER}/slow?ms=300"]) as probe:
        shop.run("ansible-playbook", "playbooks/rollback.yml").succeeded()
    assert versions(probe.result) == {version, "6"}
    assert re.search(r"good in \d+ s  rollback to ", shop.history()[0])
    assert shop.release(described).succeeded().changed() == {}


def test_a_changed_secret_is_released_and_never_shown(shop: Environment, context: Path) -> None:
    store = aws("secretsmanager")
    name, values = "shop-ecs/token", ["first-of-two-values", "second-of-two-values"]
    store.create_secret(Name=name, SecretString=values[0])
    described = services(context, "3", secrets={"TOKEN": f"secretsmanager:{name}"})
    revisions = []
    try:
        for value in values:
            store.put_secret_value(SecretId=name, SecretString=value)
            run = shop.release(described).succeeded()
            assert not [seen for seen in values if seen in run.output]
            revisions.append(set(running(shop)))
        assert not revisions[0] & revisions[1]
    finally:
        store.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


ASKS_BESIDE = "fetch('http://localhost:9000/').then((answer) => answer.text())"


def greeting() -> str:
    """Return what the service answers at /."""
    request = urllib.request.Request(
        "http://127.0.0.1:4566/", headers={"Host": BALANCER.removeprefix("http://")}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return str(answer.read().decode())


def with_sidecars(context: Path, **beside: Any) -> dict[str, Any]:
    """Describe the shop with a sidecar, from which it takes its greeting, and one that runs before it."""
    sidecar = {
        "build": services(context, "3")["web"]["build"],
        "port": 9000,
        "environment": {"PORT": 9000, "GREETING": "Hello from beside"},
        "health_check": {
            "command": asks_health(9000),
            "timeout": 5,
            "start_period": 5,
        },
        "memory": 128,
    }
    first = {"image": "slipway-lab/node:24", "command": node("console.log('prepared')"), "once": True}
    heard = "process.env.GREETING = text.trim() + ', passed on by'"
    start = f"{ASKS_BESIDE}.then((text) => {{ {heard}; import('/app/server.mjs') }})"
    return services(
        context,
        "3",
        replicas=1,
        command=node(start),
        depends_on=["beside"],
        tasks=[{"name": "ask", "command": node(f"{ASKS_BESIDE}.then(console.log)"), "before_release": True}],
        sidecars={"beside": {**sidecar, **beside}, "first": first},
    )


def test_a_service_has_its_sidecars_beside_it_and_they_go_back_with_it(
    shop: Environment, context: Path
) -> None:
    passed_on = "Hello from beside 3, passed on by 3\n"
    shop.release(with_sidecars(context)).succeeded()
    before = running(shop)
    assert greeting() == passed_on
    served = {task["taskArn"].rpartition("/")[2] for task in tasks(shop)}
    logs = aws("logs").describe_log_streams(
        logGroupName=f"/slipway/{shop.stack}", logStreamNamePrefix="web/first/"
    )["logStreams"]
    prepared = {each["logStreamName"].rpartition("/")[2] for each in logs}
    assert served < prepared, "it ran in the service's task, and in the gate's"
    assert shop.deploy("--check", "--diff").succeeded().changed() == {}
    ill = {"PORT": 9000, "HEALTH_STATUS": 500}
    failed = shop.release(with_sidecars(context, environment=ill))
    assert failed.returncode != 0
    assert "container beside is UNHEALTHY, and web waits for it" in failed.output
    assert "(dependency_unhealthy)" in failed.output
    assert "version 3 listens on 9000" in failed.output
    assert running(shop) == before
    assert greeting() == passed_on
