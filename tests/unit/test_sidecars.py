"""Sidecars: what is wrong with them, and how they share the task of their service."""

import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from botocore.validate import ParamValidator

from plugins.module_utils import ecs_views, model_views, network
from plugins.module_utils.model import normalise, start_order, validate
from plugins.module_utils.model_schema import SIDECAR
from plugins.module_utils.preflight import references
from plugins.module_utils.release_history import changed_settings, release_document
from plugins.module_utils.secret_store import SecretError, by_reference, fault

COLLECTOR = {
    "image": "otel/collector:0.140.0",
    "port": 4317,
    "health_check": {"command": ["/healthcheck"], "interval": 10},
    "secrets": {"KEY": "secretsmanager:goals/otel#key"},
    "cpu": 64,
    "memory": 128,
}
MIGRATION = {"build": {"context": "api"}, "command": ["node", "init.js"], "once": True}
API = {
    "image": "example/api:1",
    "port": 3000,
    "depends_on": ["db", "collector"],
    "sidecars": {"collector": COLLECTOR, "init": MIGRATION},
}
DB = {"image": "mongo:8", "port": 27017, "volumes": [{"name": "data", "path": "/data"}]}


def services(api: dict[str, Any] | None = None, **collector: Any) -> dict[str, Any]:
    """Describe a service with two sidecars, and change keys of one of them."""
    sidecars = {"collector": {**COLLECTOR, **collector}, "init": MIGRATION}
    return {"api": {**API, "sidecars": sidecars, **(api or {})}, "db": DB}


def faults(described: Any, target: str = "ecs") -> dict[str, str]:
    found = validate(described, production=True, deploy_target=target, origins={})
    return {fault.key: f"{fault.problem}; {fault.expected}; {fault.remedy}" for fault in found}


def test_a_good_model_has_no_faults_on_ecs_and_runs_without_them_on_a_developer_s_machine() -> None:
    assert faults(services()) == {}
    assert faults(services(), "dev") == {}
    assert start_order(normalise(services())) == ["db", "api"]


def test_the_manual_s_example_is_one() -> None:
    manual = (Path(__file__).parents[2] / "docs/ecs.md").read_text()
    (example,) = re.findall(r"## Sidecars\n\n```yaml\n(.*?)```", manual, re.DOTALL)
    described = yaml.safe_load(example)["app_services"]
    assert faults({**described, "mongodb": DB}) == {}


def test_hosts_have_none_and_say_so_once() -> None:
    found = faults(services(), "ec2")
    assert list(found) == ["app_services.api.sidecars"]
    assert "a service of its own" in found["app_services.api.sidecars"]


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        ({"image": None}, "build", "neither build nor image"),
        ({"replicas": 2}, "replicas", "does not exist"),
        ({"route": {"paths": ["/"]}}, "route", "let the proxy be the service"),
        ({"once": "sometimes"}, "once", "sometimes"),
        ({"memory": 1}, "memory", "6 to"),
        ({"environment": {"KEY": "x"}}, "environment.KEY", "secrets too"),
        ({"secrets": {"KEY": "vault:otel_key"}}, "secrets.KEY", "Secrets Manager"),
        ({"stop_timeout": 300}, "stop_timeout", "at most 120"),
        ({"health_check": {"command": ["x"], "timeout": 6}}, "health_check.timeout", "longer than"),
        ({"port": 3000}, "port", "the service itself"),
        ({"depends_on": ["collector"]}, "depends_on[0]", "the sidecar itself"),
        ({"depends_on": ["db"]}, "depends_on[0]", "no sidecar; another sidecar: init"),
        ({"volumes": [{"name": "data", "path": "/d"}]}, "volumes[0].name", "no volume of the service"),
    ],
)
def test_one_mistake_is_one_fault_at_its_key(change: dict[str, Any], key: str, words: str) -> None:
    found = faults(services(**change))
    assert list(found) == [f"app_services.api.sidecars.collector.{key}"]
    assert words in found[f"app_services.api.sidecars.collector.{key}"]


def test_a_path_to_check_is_refused_with_the_way_out() -> None:
    found = faults(services(health_check={"path": "/health"}))
    assert "ECS asks no sidecar over HTTP" in found["app_services.api.sidecars.collector.health_check.path"]


@pytest.mark.parametrize(
    ("api", "key", "words"),
    [
        ({"depends_on": ["colector"]}, "depends_on[0]", "no service; another service: collector, db, init"),
        ({"sidecars": {"db": COLLECTOR}, "depends_on": []}, "sidecars.db", "as a service is named"),
        ({"sidecars": {"api": COLLECTOR}, "depends_on": []}, "sidecars.api", "as a service is named"),
        ({"sidecars": {"A b": COLLECTOR}, "depends_on": []}, "sidecars.A b", "rename the sidecar"),
        ({"cpu": 64, "sidecars": {"collector": {**COLLECTOR, "cpu": 256}}}, "cpu", "256 for the task"),
        ({"sidecars": {"collector": {**COLLECTOR, "memory": 512}}}, "memory", "sidecars take 512"),
        (
            {
                "depends_on": [],
                "sidecars": {
                    "one": {"image": "x:1", "depends_on": ["two"]},
                    "two": {"image": "x:1", "depends_on": ["one"]},
                },
            },
            "sidecars.one.depends_on",
            "one -> two -> one",
        ),
        (
            {
                "depends_on": [],
                "sidecars": {"one": {"image": "x:1", "port": 80}, "two": {"image": "x:1", "port": 80}},
            },
            "sidecars.two.port",
            "sidecar one listens on",
        ),
    ],
)
def test_what_is_wrong_between_them_is_named_once(api: dict[str, Any], key: str, words: str) -> None:
    found = faults(services(api))
    assert list(found) == [f"app_services.api.{key}"]
    assert words in found[f"app_services.api.{key}"]


def test_a_volume_of_the_service_may_be_shared_and_has_one_path() -> None:
    owner = {"volumes": DB["volumes"]}
    assert faults(services(owner, volumes=[{"name": "data", "path": "/d"}])) == {}
    twice = [{"name": "data", "path": "/d"}, {"name": "data", "path": "/d"}]
    key = "app_services.api.sidecars.collector.volumes[1].path"
    assert list(faults(services(owner, volumes=twice))) == [key]


IMAGES = {
    name: {"image": f"registry/{name}@sha256:{digit * 64}", "tag": "abc"}
    for name, digit in (
        ("api", "0"),
        ("api.sidecars.collector", "1"),
        ("api.sidecars.init", "2"),
        ("db", "3"),
    )
}
PLACES = {"api.sidecars.collector": {"KEY": {"arn": "arn:otel:key::7", "version": "7"}}}


TASK_DEFINITION = (
    botocore.session.get_session()
    .get_service_model("ecs")
    .operation_model("RegisterTaskDefinition")
    .input_shape
)


def definition(described: dict[str, Any], places: Any = PLACES) -> dict[str, Any]:
    """Render the service as RegisterTaskDefinition takes it."""
    model = normalise(described)
    points = {"db-data": "fsap-1", "api-data": "fsap-2"}
    rendered: dict[str, Any] = ecs_views.task_definitions(
        model,
        IMAGES,
        places,
        ecs_views.volume_places(model, "fs-1", points),
        stack="goals-prod",
        region="eu-central-1",
        execution_role="arn:execution",
        task_role="arn:task",
        log_options={"awslogs-group": "/slipway/goals-prod"},
    )["api"]["definition"]
    assert TASK_DEFINITION
    report = ParamValidator().validate({"family": "x", **rendered}, TASK_DEFINITION)
    assert not report.has_errors(), report.generate_report()
    return rendered


def rendered_containers(described: dict[str, Any], places: Any = PLACES) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in definition(described, places)["containerDefinitions"]}


def test_containers_of_one_task_wait_for_each_other() -> None:
    rendered = rendered_containers(services(depends_on=["init"]))
    assert rendered["api"]["dependsOn"] == [
        {"containerName": "collector", "condition": "HEALTHY"},
        {"containerName": "init", "condition": "SUCCESS"},
    ], "what runs once comes first without being named"
    assert rendered["collector"]["dependsOn"] == [{"containerName": "init", "condition": "SUCCESS"}]
    assert "dependsOn" not in rendered["init"]
    started = rendered_containers(services(health_check=None))["api"]["dependsOn"]
    assert started[0] == {"containerName": "collector", "condition": "START"}
    assert {name: each["essential"] for name, each in rendered.items()} == {
        "api": True,
        "collector": True,
        "init": False,
    }
    assert not rendered_containers(services(essential=False))["collector"]["essential"]


def test_the_service_has_what_its_sidecars_leave_of_the_cpu() -> None:
    rendered = rendered_containers(services({"cpu": 512, "memory": 1024}))
    assert (definition(services())["cpu"], definition(services())["memory"]) == ("256", "512")
    assert [rendered[name].get("cpu") for name in ("api", "collector", "init")] == [448, 64, None]
    assert [rendered[name].get("memory") for name in ("api", "collector", "init")] == [None, 128, None]
    assert "cpu" not in rendered_containers({**services(), "api": {"image": "example/api:1"}})["api"]


def test_a_sidecar_is_as_confined_as_its_service_and_logs_beside_it() -> None:
    rendered = rendered_containers(services())
    for key in ("readonlyRootFilesystem", "linuxParameters", "logConfiguration", "stopTimeout"):
        assert rendered["collector"][key] == rendered["api"][key]
    assert rendered["collector"]["portMappings"] == [{"containerPort": 4317, "protocol": "tcp"}]
    assert rendered["init"]["environment"] == [{"name": "APP_VERSION", "value": "abc"}]


def test_a_new_version_of_a_sidecar_s_secret_is_another_definition() -> None:
    newer = {"api.sidecars.collector": {"KEY": {"arn": "arn:otel:key", "version": "8"}}}
    rendered = rendered_containers(services())
    assert rendered["collector"]["secrets"] == [{"name": "KEY", "valueFrom": "arn:otel:key::7"}]
    assert rendered["api"]["secrets"] == []
    assert rendered != rendered_containers(services(), newer)


#: Another value of each key of a sidecar.
OTHERS: dict[str, Any] = {
    "build": {"image": None, "build": {"context": "collector"}},
    "image": {"image": "other:1"},
    "port": {"port": 4318},
    "environment": {"environment": {"LEVEL": "debug"}},
    "secrets": {"secrets": {"KEY": "ssm:/otel/key"}},
    "command": {"command": ["--config", "x"]},
    "user": {"user": "10001"},
    "read_only": {"read_only": False},
    "tmpfs": {"tmpfs": []},
    "stop_timeout": {"stop_timeout": 31},
    "health_check": {"health_check": {"command": ["/healthcheck"], "interval": 11}},
    "cpu": {"cpu": 65},
    "memory": {"memory": 129},
    "volumes": {"volumes": [{"name": "data", "path": "/d"}]},
    "depends_on": {"depends_on": ["init"]},
    "essential": {"essential": False},
    "once": {"once": True},
}


@pytest.mark.parametrize("key", SIDECAR.options)
def test_a_change_of_any_key_is_released_and_named(key: str) -> None:
    api = {"volumes": DB["volumes"]}
    before, after = services(api), services(api, **OTHERS[key])
    assert faults(after) == {}

    def released(described: dict[str, Any]) -> tuple[Any, ...]:
        """What a release is made of: how images are had, where secrets are, and the definition."""
        model = normalise(described)
        return (
            model_views.images_wanted(model),
            model_views.secret_references(model),
            definition(described),
        )

    assert released(before) == released(services(api))
    assert released(before) != released(after)
    documents = [
        release_document(each, {}, {}, {}, database="none", database_service_name="", database_service={})
        for each in (before, after)
    ]
    named = {name.split(".")[3] for name in changed_settings(*documents)}
    # How an image is built shows in its digest.
    assert named == {"image"} if key == "build" else named == {key}


def test_images_are_had_and_secrets_are_looked_for_under_a_name_that_no_service_has() -> None:
    model = normalise(services())
    wanted = model_views.images_wanted(model)
    assert set(wanted) == set(IMAGES)
    assert wanted["api.sidecars.collector"] == {"image": "otel/collector:0.140.0"}
    repositories = model_views.image_repositories(wanted, "{app}/{service}", "goals")
    assert repositories["api.sidecars.init"] == "goals/api.sidecars.init"
    assert model_views.secret_references(model) == references(services())
    assert model_views.secret_references(model) == {
        "api.sidecars.collector": {"KEY": "secretsmanager:goals/otel#key"}
    }
    statements = ecs_views.execution_statements(model, region="eu-central-1", account="1")
    assert "secret:goals/otel-" in str(statements)
    assert "secretsmanager" in network.service_endpoints(model)


def test_a_secret_that_is_missing_is_told_at_the_sidecar_s_key() -> None:
    users = by_reference(references(services()))
    (used,) = users.values()
    told = fault(SecretError("it is not there", "make it"), used, "AWS")
    assert told.key == "app_services.api.sidecars.collector.secrets.KEY"
