"""What ECS renders from the model is what its API takes, and says what the model says."""

import json
from dataclasses import fields
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from plugins.module_utils import ecs_views, fargate
from plugins.module_utils.ecs_rollout import Rollout
from plugins.module_utils.listeners import group_arns
from plugins.module_utils.model import effective_services, validate
from plugins.module_utils.model_views import target_groups
from plugins.module_utils.network import service_rules

DIGEST = "registry/goals/backend@sha256:" + "0" * 64
SERVICES = {
    "backend": {
        "build": {"context": "backend"},
        "port": 3000,
        "route": {"paths": ["/api/*"], "priority": 100},
        "health_check": {"path": "/health", "start_period": 45},
        "environment": {"B": 2, "A": "one"},
        "secrets": {"TOKEN": "secretsmanager:goals/token#key", "KEY": "ssm:/goals/key"},
        "user": "1000:1000",
        "replicas": 3,
    }
}
DATABASE = {
    "image": "mongo:8",
    "port": 27017,
    "health_check": {"command": ["ping"], "interval": 1, "timeout": 1},
    "user": "999:998",
    "volumes": [{"name": "data", "path": "/data/db"}],
    "cpu": 512,
    "memory": 1024,
    "stop_timeout": 60,
}
PLACES = {
    "backend": {
        "TOKEN": {"arn": "arn:secret:key::7", "version": "7"},
        "KEY": {"arn": "arn:key", "version": "1"},
    }
}


def request(operation: str, parameters: dict[str, Any], service: str = "ecs") -> None:
    """Fail with every fault of a request, as botocore would name them."""
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).input_shape
    assert shape
    report = ParamValidator().validate(parameters, shape)
    assert not report.has_errors(), report.generate_report()


@pytest.fixture
def services() -> dict[str, Any]:
    return effective_services(SERVICES, "container", "mongodb", DATABASE)


@pytest.fixture
def definitions(services: dict[str, Any]) -> dict[str, Any]:
    return ecs_views.task_definitions(
        services,
        {"backend": {"image": DIGEST, "tag": "abc"}, "mongodb": {"image": "mongo@sha256:1", "tag": "8"}},
        PLACES,
        ecs_views.volume_places(services, "fs-1", {"mongodb-data": "fsap-1"}),
        stack="goals-prod",
        region="eu-central-1",
        execution_role="arn:execution",
        task_role="arn:task",
        log_options={"awslogs-group": "/slipway/goals-prod"},
    )


@pytest.fixture
def rendered(services: dict[str, Any]) -> dict[str, Any]:
    return ecs_views.ecs_services(
        services,
        {"backend": "goals-prod-backend:7", "mongodb": "goals-prod-mongodb:1"},
        {"backend": "arn:group"},
        subnets=["subnet-1", "subnet-2"],
        security_groups=["sg-1"],
        public_addresses=True,
        namespace="goals-prod",
        capacity=[{"capacityProvider": "FARGATE", "weight": 1, "base": 0}],
        alarms={"backend": ["goals-prod/backend/target_errors"]},
    )


def test_a_deployment_that_raises_an_alarm_of_its_service_is_taken_back(rendered: dict[str, Any]) -> None:
    watched = {"alarmNames": ["goals-prod/backend/target_errors"], "enable": True, "rollback": True}
    assert rendered["backend"]["deploymentConfiguration"]["alarms"] == watched
    assert "alarms" not in rendered["mongodb"]["deploymentConfiguration"]


def test_every_request_is_one_that_the_api_takes(
    definitions: dict[str, Any], rendered: dict[str, Any]
) -> None:
    for definition in definitions.values():
        request("RegisterTaskDefinition", {"family": definition["family"], **definition["definition"]})
    for name, service in rendered.items():
        request("CreateService", {"serviceName": name, "cluster": "goals-prod", **service})


SCALE = {
    "min": 2,
    "max": 6,
    "cpu": 60,
    "requests": 500,
    "schedules": [
        {
            "name": "night",
            "expression": "cron(0 22 * * ? *)",
            "timezone": "Europe/Berlin",
            "min": 0,
            "max": 1,
        },
        {"name": "day", "expression": "cron(0 6 * * ? *)", "min": 2},
    ],
}


def test_a_service_scales_as_the_model_says(services: dict[str, Any]) -> None:
    assert ecs_views.autoscaling(services, {}) == {}
    scaling = effective_services({"backend": {**SERVICES["backend"], "scale": SCALE}}, "none", "", {})
    (rendered,) = ecs_views.autoscaling(scaling, {"backend": "arn:group"}).values()
    assert rendered["target"] == {"MinCapacity": 2, "MaxCapacity": 6}
    assert rendered["target_group"] == "arn:group"
    tracking = {
        name: policy["TargetTrackingScalingPolicyConfiguration"]
        for name, policy in rendered["policies"].items()
    }
    assert {name: each["TargetValue"] for name, each in tracking.items()} == {"cpu": 60, "requests": 500}
    assert {each["ScaleInCooldown"] for each in tracking.values()} == {300}
    assert rendered["scheduled_actions"] == {
        "night": {
            "Schedule": "cron(0 22 * * ? *)",
            "Timezone": "Europe/Berlin",
            "ScalableTargetAction": {"MinCapacity": 0, "MaxCapacity": 1},
        },
        "day": {
            "Schedule": "cron(0 6 * * ? *)",
            "Timezone": "UTC",
            "ScalableTargetAction": {"MinCapacity": 2},
        },
    }


@pytest.mark.parametrize(("replicas", "count"), [(1, 2), (3, 3), (9, 6)])
def test_a_new_service_that_scales_begins_within_its_bounds(replicas: int, count: int) -> None:
    service = {**SERVICES["backend"], "replicas": replicas, "scale": SCALE}
    scaling = effective_services({"backend": service}, "none", "", {})
    rendered = ecs_views.ecs_services(
        scaling,
        {"backend": "goals-prod-backend:7"},
        {"backend": "arn:group"},
        subnets=[],
        security_groups=[],
        public_addresses=True,
        namespace="goals-prod",
        capacity=[],
        alarms={},
    )
    assert rendered["backend"]["desiredCount"] == count


@pytest.mark.parametrize("security_groups", [["sg-1"], []], ids=["deployed", "first plan"])
def test_a_scheduled_task_is_like_those_of_its_service(security_groups: list[str]) -> None:
    tasks = [
        {"name": "cleanup", "command": ["node", "cleanup.js", 7], "expression": "rate(1 hour)"},
        {
            "name": "report",
            "command": ["report"],
            "expression": "cron(0 3 * * ? *)",
            "timezone": "Europe/Berlin",
        },
    ]
    scheduling = effective_services(
        {"backend": {**SERVICES["backend"], "scheduled_tasks": tasks}}, "none", "", {}
    )
    revision = "arn:aws:ecs:eu-central-1:123456789012:task-definition/goals-prod-backend:7"
    rendered = ecs_views.scheduled_tasks(
        scheduling,
        {"backend": revision},
        cluster="goals-prod",
        role="arn:aws:iam::123456789012:role/goals-prod-scheduler",
        subnets=["subnet-1"],
        security_groups=security_groups,
        public_addresses=True,
        capacity=[{"capacityProvider": "FARGATE", "weight": 1, "base": 0}],
    )
    assert sorted(rendered) == ["backend-cleanup", "backend-report"]
    for name, schedule in rendered.items():
        request("CreateSchedule", {"Name": name, **schedule}, "scheduler")
    assert rendered["backend-report"]["ScheduleExpressionTimezone"] == "Europe/Berlin"
    target = rendered["backend-cleanup"]["Target"]
    assert target["Arn"] == "arn:aws:ecs:eu-central-1:123456789012:cluster/goals-prod"
    assert target["EcsParameters"]["TaskDefinitionArn"] == revision
    overrides = json.loads(target["Input"])["containerOverrides"]
    assert overrides == [{"name": "backend", "command": ["node", "cleanup.js", "7"]}]


def test_the_scheduler_may_run_the_tasks_of_the_cluster_and_pass_their_two_roles(
    services: dict[str, Any],
) -> None:
    place = {"stack": "goals-prod", "region": "eu-central-1", "account": "123456789012"}
    assert ecs_views.scheduler_statements(services, ["arn:execution", "arn:task"], **place) == []
    task = {"name": "cleanup", "command": ["x"], "expression": "rate(1 hour)"}
    scheduling = effective_services(
        {"backend": {**SERVICES["backend"], "scheduled_tasks": [task]}}, "none", "", {}
    )
    statements = ecs_views.scheduler_statements(scheduling, ["arn:execution", "arn:task"], **place)
    by_action = {statement["Action"]: statement for statement in statements}
    assert set(by_action) == {"ecs:RunTask", "ecs:TagResource", "iam:PassRole"}
    assert by_action["iam:PassRole"]["Resource"] == ["arn:execution", "arn:task"]
    assert by_action["ecs:RunTask"]["Resource"].endswith(":task-definition/goals-prod-*:*")
    assert "*" not in str(by_action["ecs:RunTask"]["Condition"])


def test_a_container_is_as_confined_as_on_a_host(definitions: dict[str, Any]) -> None:
    (container,) = definitions["backend"]["definition"]["containerDefinitions"]
    assert container["image"] == DIGEST
    assert container["user"] == "1000:1000"
    assert container["readonlyRootFilesystem"]
    assert container["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    assert container["linuxParameters"]["initProcessEnabled"]


def test_a_new_version_of_a_secret_makes_another_definition_and_no_value_is_in_it(
    definitions: dict[str, Any],
) -> None:
    (container,) = definitions["backend"]["definition"]["containerDefinitions"]
    assert container["secrets"] == [
        {"name": "KEY", "valueFrom": "arn:key"},
        {"name": "TOKEN", "valueFrom": "arn:secret:key::7"},
    ]
    assert container["dockerLabels"]["slipway.secret.KEY"] == "1"
    assert [pair["name"] for pair in container["environment"]] == ["A", "APP_VERSION", "B"]


def test_a_database_is_never_there_twice_and_keeps_its_files(
    definitions: dict[str, Any], rendered: dict[str, Any], services: dict[str, Any]
) -> None:
    deployment = rendered["mongodb"]["deploymentConfiguration"]
    assert (deployment["minimumHealthyPercent"], deployment["maximumPercent"]) == (0, 100)
    assert rendered["mongodb"]["availabilityZoneRebalancing"] == "DISABLED"
    (volume,) = definitions["mongodb"]["definition"]["volumes"]
    assert volume["efsVolumeConfiguration"]["transitEncryption"] == "ENABLED"
    assert volume["efsVolumeConfiguration"]["authorizationConfig"]["iam"] == "ENABLED"
    assert ecs_views.access_points(services) == {
        "mongodb-data": {"path": "/mongodb/data", "uid": 999, "gid": 998}
    }


def test_ecs_may_read_the_secrets_named_and_no_others(services: dict[str, Any]) -> None:
    statements = ecs_views.execution_statements(services, region="eu-central-1", account="1")
    assert [statement["Resource"] for statement in statements] == [
        ["arn:aws:secretsmanager:eu-central-1:1:secret:goals/token-??????"],
        ["arn:aws:ssm:eu-central-1:1:parameter/goals/key"],
    ]


@pytest.mark.parametrize(
    ("cpu", "memory", "size"),
    [(128, 64, (256, 512)), (256, 1024, (256, 1024)), (4096, 8192, (4096, 8192))],
)
def test_less_than_the_smallest_task_is_raised_to_it(cpu: int, memory: int, size: tuple[int, int]) -> None:
    assert fargate.task_size({"cpu": cpu, "memory": memory}) == size


@pytest.mark.parametrize(
    ("changes", "key", "word"),
    [
        ({"cpu": 300}, "cpu", "256, 512, 1024"),
        ({"cpu": 256, "memory": 1536}, "memory", "512 to 2048"),
        ({"stop_timeout": 300}, "stop_timeout", "120"),
        ({"capabilities": ["NET_ADMIN"]}, "capabilities[0]", "SYS_PTRACE"),
        ({"secrets": {"TOKEN": "vault:token"}}, "secrets.TOKEN", "Secrets Manager"),
        ({"route": None}, "health_check.path", "command"),
    ],
)
def test_what_fargate_cannot_do_is_named_with_its_remedy(
    changes: dict[str, Any], key: str, word: str
) -> None:
    described = {**SERVICES["backend"], **changes}
    if changes.get("route", 0) is None:
        del described["route"]
    faults = validate({"backend": described}, production=True, deploy_target="ecs", origins={})
    assert [fault.key for fault in faults] == [f"app_services.backend.{key}"]
    assert word in faults[0].expected
    assert not validate({"backend": described}, production=True, deploy_target="ec2", origins={})


def test_the_load_balancer_asks_tasks_on_their_own_path(services: dict[str, Any]) -> None:
    (group,) = target_groups(services, "goals-prod", "ip")
    assert group["health_check_path"] == "/health"
    assert group_arns([group], {"goals-prod-backend": "arn:1"}) == {"backend": "arn:1"}


def test_services_reach_each_other_and_the_load_balancer_reaches_routed_ones(
    services: dict[str, Any],
) -> None:
    rules = service_rules(services, "goals-services", "goals-lb", "Load balancer")
    assert [(rule["ports"], rule["group_name"]) for rule in rules] == [
        (["3000"], ["goals-lb"]),
        (["2049"], ["goals-services"]),
        (["3000"], ["goals-services"]),
        (["27017"], ["goals-services"]),
    ]


def test_only_services_that_do_not_scale_have_their_count_set() -> None:
    calls = ecs_views.service_calls({"a": {"x": 1}, "b": {"x": 2}, "c": {"x": 3}}, [["a"], ["b"]], {"b": {}})
    assert calls == {
        "a": {"service": {"x": 1}, "keep_desired_count": False},
        "b": {"service": {"x": 2}, "keep_desired_count": True},
    }


def test_what_is_watched_is_what_was_begun() -> None:
    rendered = {
        name: {"taskDefinition": revision}
        for name, revision in zip("abc", ("a:2", "b:1", "c:1"), strict=True)
    }
    results = [
        {"service": {"name": "a"}, "deployment": "ecs-svc/2", "changed": True, "in_place": False},
        {"service": {"name": "b"}, "deployment": "ecs-svc/1", "changed": False, "in_place": False},
        {"service": {"name": "c"}, "deployment": "ecs-svc/1", "changed": True, "in_place": True},
    ]
    assert [tuple(watched.values()) for watched in ecs_views.rollouts(rendered, results)] == [
        ("a", "a:2", "ecs-svc/2", True, False),
        ("b", "b:1", "ecs-svc/1", False, False),
        ("c", "c:1", "ecs-svc/1", True, True),
    ]
    assert list(ecs_views.rollouts(rendered, results)[0]) == [each.name for each in fields(Rollout)]


def test_a_role_that_may_do_nothing_besides_has_no_policy() -> None:
    allowed = [{"Effect": "Allow", "Action": "ecs:RunTask", "Resource": "*"}]
    calls = ecs_views.role_policies({"task": [], "scheduler": allowed}, "goals-prod")
    assert (calls["task"]["iam_name"], calls["task"]["state"]) == ("goals-prod-task", "absent")
    assert calls["scheduler"] == {
        "iam_name": "goals-prod-scheduler",
        "policy_json": {"Version": "2012-10-17", "Statement": allowed},
        "state": "present",
    }
