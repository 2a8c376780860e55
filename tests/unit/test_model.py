"""The application model: one fault for each mistake, all at once, each with its place."""

from pathlib import PurePosixPath
from typing import Any

import pytest

from plugins.module_utils.faults import Faults, locate, related, render
from plugins.module_utils.model import effective_services, normalise, start_order, start_waves, validate

#: Where a container may write although its root file system is read-only.
TMP = str(PurePosixPath("/") / "tmp")
WEB = {
    "build": {"context": "web"},
    "port": 8080,
    "route": {"paths": ["/*"], "priority": 100},
    "health_check": {"path": "/"},
}
API = {
    "image": "example/api:1.2",
    "port": 3000,
    "route": {"paths": ["/api/*"], "priority": 10},
    "health_check": {"path": "/health"},
    "depends_on": ["db"],
}
DB = {"image": "mongo:8.0", "port": 27017, "volumes": [{"name": "data", "path": "/data/db"}]}


def check(services: Any, *, production: bool = True, target: str = "ec2", **more: Any) -> dict[str, str]:
    """Give the faults of a model as key -> what was found."""
    faults = validate(
        services, production=production, deploy_target=target, origins=more.pop("origins", {}), **more
    )
    assert all(fault.where and fault.problem and fault.expected and fault.remedy for fault in faults)
    return {fault.key: fault.problem for fault in faults}


def with_api(**changes: Any) -> dict[str, Any]:
    return {"web": WEB, "api": {**API, **changes}, "db": DB}


def test_a_good_model_has_no_faults() -> None:
    assert check(with_api()) == {}


def test_all_faults_are_named_at_once() -> None:
    services = {
        "web": {**WEB, "prot": 80},
        "api": {**API, "memory": "much", "depends_on": ["database"]},
        "db": {"port": 1},
    }
    assert set(check(services)) == {
        "app_services.web.prot",
        "app_services.api.memory",
        "app_services.api.depends_on[0]",
        "app_services.db.build",
    }


@pytest.mark.parametrize(
    ("change", "key", "found"),
    [
        ({"port": 0}, "port", "0"),
        ({"port": 65536}, "port", "65536"),
        ({"port": True}, "port", "true/false"),
        ({"port": "http"}, "port", "text: 'http'"),
        ({"port": 80.5}, "port", "fraction"),
        ({"build": {"context": "api"}}, "image", "build and image together"),
        ({"image": None}, "build", "neither build nor image"),
        ({"image": "example/api"}, "image", "text"),
        ({"user": 610}, "user", "610"),
        ({"read_only": "maybe"}, "read_only", "maybe"),
        ({"tmpfs": ["tmp"]}, "tmpfs[0]", "tmp"),
        ({"command": "node server.js"}, "command", "text"),
        ({"command": []}, "command", "a list"),
        ({"environment": {"A-B": 1}}, "environment.A-B", "A-B"),
        ({"environment": {"RATIO": 1.10}}, "environment.RATIO", "fraction"),
        ({"environment": {"EMPTY": None}}, "environment.EMPTY", "nothing"),
        ({"environment": ["A=1"]}, "environment", "a list"),
        ({"secrets": {"KEY": "env:KEY"}}, "secrets.KEY", "text"),
        ({"secrets": {"KEY": "vault:app-key"}}, "secrets.KEY", "text"),
        ({"environment": {"KEY": "x"}, "secrets": {"KEY": "ssm:k"}}, "environment.KEY", "secrets too"),
        ({"health_check": {"path": "/a", "command": ["b"]}}, "health_check.command", "together"),
        ({"health_check": {}}, "health_check.path", "neither path nor command"),
        ({"health_check": {"command": ["true"]}}, "health_check", "a command"),
        ({"health_check": None}, "health_check", "missing"),
        ({"health_check": {"path": "/a", "interval": 2, "timeout": 3}}, "health_check.timeout", "longer"),
        ({"port": None}, "port", "missing"),
        ({"route": {"paths": ["/x"]}}, "route.priority", "missing"),
        ({"route": {"paths": [], "priority": 10}}, "route.paths", "a list"),
        ({"route": {"paths": ["api"], "priority": 10}}, "route.paths[0]", "api"),
        ({"route": {"paths": ["/*/x"], "priority": 10}}, "route.paths[0]", "/*/x"),
        ({"route": {"paths": ["/-/health/x"], "priority": 10}}, "route.paths[0]", "/-/health/x"),
        ({"route": {"paths": [f"/{n}" for n in range(6)], "priority": 10}}, "route.paths", "6 values"),
        ({"depends_on": ["api"]}, "depends_on[0]", "itself"),
        ({"capabilities": ["CAP_CHOWN"]}, "capabilities[0]", "CAP_CHOWN"),
        ({"volumes": [{"name": "d", "path": "/d"}], "replicas": 2}, "replicas", "2"),
        ({"volumes": [{"name": "d", "path": TMP}]}, "volumes[0].path", TMP),
        ({"volumes": [{"name": "d", "path": "/d"}], "port": 80}, "port", "the host itself"),
        ({"stop_timeout": 0}, "stop_timeout", "0"),
        ({"scale": {"min": 1, "max": 2, "cpu": 60}}, "scale", "on hosts"),
        ({"dev": {"prot": 1}}, "dev.prot", "does not exist"),
        ({"dev": {"mounts": [{"path": "/a"}]}}, "dev.mounts[0].source", "missing"),
        ({"build": {"context": "/srv"}, "image": None}, "build.context", "/srv"),
        ({"build": {}, "image": None}, "build.context", "missing"),
    ],
)
def test_one_mistake_is_one_fault_at_its_key(change: dict[str, Any], key: str, found: str) -> None:
    faults = check(with_api(**change))
    assert list(faults) == [f"app_services.api.{key}"]
    assert found in faults[f"app_services.api.{key}"]


SCALE = {"min": 2, "max": 6, "cpu": 60}
NIGHT = {"name": "night", "expression": "cron(0 22 * * ? *)", "max": 2}


@pytest.mark.parametrize(
    ("change", "key", "found"),
    [
        ({"min": None}, "scale.min", "missing"),
        ({"max": 5001}, "scale.max", "5001"),
        ({"cpu": 101}, "scale.cpu", "101"),
        ({"memory": "60%"}, "scale.memory", "60%"),
        ({"min": 7}, "scale.min", "more than max, 6"),
        ({"cpu": None}, "scale", "nothing to scale by"),
        ({"target": 60}, "scale.target", "does not exist"),
        ({"schedules": [{**NIGHT, "expression": "0 22 * * *"}]}, "scale.schedules[0].expression", "0 22"),
        ({"schedules": [{**NIGHT, "expression": "rate(0 days)"}]}, "scale.schedules[0].expression", "rate(0"),
        ({"schedules": [{**NIGHT, "expression": "at(tonight)"}]}, "scale.schedules[0].expression", "tonight"),
        ({"schedules": [{**NIGHT, "max": None}]}, "scale.schedules[0]", "neither min nor max"),
        ({"schedules": [{**NIGHT, "min": 3}]}, "scale.schedules[0].min", "more than max, 2"),
        ({"schedules": [NIGHT, NIGHT]}, "scale.schedules[1].name", "as another"),
        ({"schedules": [{**NIGHT, "timezone": "Europe/Bonn"}]}, "scale.schedules[0].timezone", "Bonn"),
    ],
)
def test_scaling_has_one_fault_for_each_mistake(change: dict[str, Any], key: str, found: str) -> None:
    faults = check({"web": {**WEB, "scale": {**SCALE, **change}}}, target="ecs")
    assert list(faults) == [f"app_services.web.{key}"]
    assert found in faults[f"app_services.web.{key}"]


def test_what_no_load_balancer_counts_and_what_writes_a_volume_does_not_scale_so() -> None:
    service = {**DB, "scale": {"min": 1, "max": 2, "requests": 100}}
    assert set(check({"db": service}, target="ecs")) == {
        "app_services.db.scale",
        "app_services.db.scale.requests",
    }


TASK = {"name": "cleanup", "command": ["node", "cleanup.js"], "expression": "rate(1 hour)"}


@pytest.mark.parametrize(
    ("change", "key", "found"),
    [
        ({"name": "x" * 32}, "scheduled_tasks[0].name", "xxx"),
        ({"command": None}, "scheduled_tasks[0].command", "missing"),
        ({"command": "node cleanup.js"}, "scheduled_tasks[0].command", "text"),
        ({"expression": "at(2999-01-01T00:00:00)"}, "scheduled_tasks[0].expression", "at(2999"),
        ({"timezone": "Berlin"}, "scheduled_tasks[0].timezone", "Berlin"),
    ],
)
def test_a_scheduled_task_has_one_fault_for_each_mistake(
    change: dict[str, Any], key: str, found: str
) -> None:
    faults = check({"web": {**WEB, "scheduled_tasks": [{**TASK, **change}]}}, target="ecs")
    assert list(faults) == [f"app_services.web.{key}"]
    assert found in faults[f"app_services.web.{key}"]


def test_two_tasks_of_a_service_have_two_names() -> None:
    task = {"name": "migrate", "command": ["node", "migrate.js"], "before_release": True}
    assert check({"web": {**WEB, "tasks": [task, {**task, "name": "seed"}]}}) == {}
    assert list(check({"web": {**WEB, "tasks": [task, task]}})) == ["app_services.web.tasks[1].name"]


def test_scheduled_tasks_are_for_ecs_and_for_services_without_volumes() -> None:
    assert check({"web": {**WEB, "scheduled_tasks": [TASK]}}, target="ecs") == {}
    assert check({"web": {**WEB, "scheduled_tasks": [TASK]}}, target="dev") == {}
    assert (
        "on hosts" in check({"web": {**WEB, "scheduled_tasks": [TASK]}})["app_services.web.scheduled_tasks"]
    )
    both = check({"web": {**WEB, "scheduled_tasks": [TASK, TASK]}}, target="ecs")
    assert list(both) == ["app_services.web.scheduled_tasks[1].name"]
    assert list(check({"db": {**DB, "scheduled_tasks": [TASK]}}, target="ecs")) == [
        "app_services.db.scheduled_tasks"
    ]


def test_a_development_environment_runs_a_model_that_scales() -> None:
    whole = {
        **SCALE,
        "requests": 100,
        "schedules": [NIGHT, {**NIGHT, "name": "once", "expression": "rate(1 day)"}],
    }
    assert check({"web": {**WEB, "scale": whole}}, target="dev", production=False) == {}
    assert check({"web": {**WEB, "scale": whole}}, target="ecs") == {}
    assert check({"web": {**WEB, "scale": None}}) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"user": "1000:1000"},
        {"user": "node"},
        {"image": "registry.example:5000/team/api@sha256:" + "a" * 64},
        {"port": "3000"},
        {"read_only": "false"},
        {"environment": {"A": "x", "B": 1, "C": False}},
        {"secrets": {"KEY": "ssm:/app/key"}},
        {"secrets": {"KEY": "secretsmanager:app/db#url"}},
        {"secrets": {"KEY": "secretsmanager:arn:aws:secretsmanager:eu-central-1:1:secret:app-x"}},
        {"secrets": {"KEY": "vault:app_key"}},
        {"route": {"paths": ["/api", "/api/*"], "host": "api.example.com", "priority": 1}},
        {"command": ["node", "server.js", 8000]},
        {"route": None, "port": None, "health_check": {"command": ["true"]}},
        {"replicas": 3},
    ],
)
def test_what_is_allowed(change: dict[str, Any]) -> None:
    assert check(with_api(**change)) == {}


@pytest.mark.parametrize("services", [None, {}, [], "web"])
def test_no_services(services: Any) -> None:
    assert list(check(services)) == ["app_services"]


@pytest.mark.parametrize("name", ["Web", "web_1", "web-", "a--b", "1web", "w" * 33])
def test_names_that_a_registry_or_dns_refuses(name: str) -> None:
    assert list(check({name: WEB})) == [f"app_services.{name}"]


def test_a_service_that_is_no_mapping_is_named_once() -> None:
    assert check({"web": WEB, "api": "example/api:1"}) == {"app_services.api": "text: 'example/api:1'"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("enviroment", "environment"),
        ("env", "environment"),
        ("ports", "port"),
        ("healthcheck", "health_check"),
    ],
)
def test_a_misspelt_key_is_told_its_right_name(written: str, meant: str) -> None:
    (fault,) = validate({"web": {**WEB, written: 1}}, production=True, deploy_target="ec2", origins={})
    assert fault.remedy == f'write "{meant}"'


def test_a_value_written_in_place_of_a_secret_is_never_shown() -> None:
    faults = validate(
        with_api(secrets={"KEY": "hunter2-in-clear"}), production=True, deploy_target="ec2", origins={}
    )
    assert len(faults) == 1
    assert "hunter2" not in render(faults)


class TestTogether:
    """Rules between services."""

    def test_two_services_on_one_route(self) -> None:
        faults = check(with_api(route={"paths": ["/*"], "priority": 200}))
        assert faults == {"app_services.api.route.paths[0]": "/*, but service web has the same route"}

    def test_a_route_that_is_never_reached(self) -> None:
        faults = check(with_api(route={"paths": ["/api/*"], "priority": 200}))
        assert faults == {
            "app_services.api.route.paths[0]": "/api/*, but service web takes it first by its lower priority"
        }

    def test_hosts_keep_routes_apart(self) -> None:
        web = {**WEB, "route": {"paths": ["/*"], "host": "www.example.com", "priority": 1}}
        api = {**API, "route": {"paths": ["/*"], "host": "api.example.com", "priority": 2}}
        assert check({"web": web, "api": api, "db": DB}) == {}

    def test_equal_priorities(self) -> None:
        faults = check(with_api(route={"paths": ["/api/*"], "priority": 100}))
        assert "app_services.api.route.priority" in faults

    def test_a_circle_of_dependencies(self) -> None:
        services = {
            "a": {"image": "x:1", "depends_on": ["b"]},
            "b": {"image": "x:1", "depends_on": ["c"]},
            "c": {"image": "x:1", "depends_on": ["b"]},
        }
        assert check(services) == {"app_services.b.depends_on": "a circle: b -> c -> b"}

    def test_two_singletons_on_one_port(self) -> None:
        faults = check({"db": DB, "db2": DB})
        assert faults == {"app_services.db2.port": "27017, which service db uses"}
        assert check({"db": DB, "db2": DB}, target="dev") == {}

    def test_two_dev_ports(self) -> None:
        services = {
            "a": {"image": "x:1", "dev": {"port": 8000}},
            "b": {"image": "x:1", "dev": {"port": 8000}},
        }
        assert list(check(services, target="dev", production=False)) == ["app_services.b.dev.port"]
        assert check(services) == {}


class TestBindMounts:
    """The seed: in production the image is the single source of truth."""

    @pytest.mark.parametrize(
        "volume",
        [
            {"source": "/srv/www", "path": "/app"},
            {"source": "./src", "path": "/app"},
            {"name": "/srv/www", "path": "/app"},
            "./src:/app",
            "/srv:/app:ro",
        ],
    )
    def test_production_refuses_them_and_says_why(self, volume: Any) -> None:
        (fault,) = validate(
            {"web": {**WEB, "volumes": [volume]}}, production=True, deploy_target="ec2", origins={}
        )
        assert fault.key == "app_services.web.volumes[0]"
        assert "bind mount" in fault.problem
        assert "self-contained" in fault.expected

    def test_elsewhere_a_host_path_is_allowed(self) -> None:
        services = {"web": {**WEB, "volumes": [{"source": "/srv/www", "path": "/app"}]}}
        assert check(services, production=False) == {}
        assert check(services) != {}

    def test_dev_mounts_are_no_business_of_production(self) -> None:
        assert check({"web": {**WEB, "dev": {"mounts": [{"source": "./src", "path": "/app"}]}}}) == {}


class TestOrigins:
    """Faults name file and line, or the nearest that is known."""

    def test_the_nearest_key_above(self) -> None:
        origins = {
            "app_services": "a.yml:1",
            "app_services.web": "a.yml:2",
            "app_services.web.port": "a.yml:3",
        }
        assert locate(origins, "app_services.web.port") == "a.yml:3"
        assert locate(origins, "app_services.web.route.paths[0]") == "a.yml:2"
        assert locate({}, "app_services.web.port") == "variable app_services"

    def test_the_database_has_a_variable_of_its_own(self) -> None:
        (fault,) = validate(
            {"web": WEB, "mongodb": {**DB, "port": "x"}},
            production=True,
            deploy_target="ec2",
            origins={"database_service.port": "group_vars/all.yml:9"},
            paths={"mongodb": "database_service"},
        )
        assert (fault.where, fault.key) == ("group_vars/all.yml:9", "database_service.port")

    def test_related_keys(self) -> None:
        assert related("a.b", "a.b.c")
        assert related("a.b[0].c", "a.b")
        assert not related("a.b", "a.bc")


class TestNormalise:
    """What every consumer may rely on."""

    def test_every_default_is_filled_in(self) -> None:
        service = normalise({"web": {"image": "x:1", "port": "80"}})["web"]
        assert service["port"] == 80
        assert service["read_only"] is True
        assert service["tmpfs"] == [TMP]
        assert (service["cpu"], service["memory"], service["replicas"]) == (256, 512, 1)
        assert service["route"] is None
        assert service["dev"]["mounts"] == []

    def test_health_check_defaults(self) -> None:
        assert normalise({"web": WEB})["web"]["health_check"] == {
            "path": "/",
            "command": None,
            "interval": 5,
            "timeout": 2,
            "retries": 3,
            "start_period": 30,
        }

    def test_environment_becomes_text(self) -> None:
        service = normalise({"web": {**WEB, "environment": {"A": 1, "B": True, "C": "x"}}})["web"]
        assert service["environment"] == {"A": "1", "B": "true", "C": "x"}

    def test_it_is_stable(self) -> None:
        assert normalise(normalise(with_api())) == normalise(with_api())

    def test_defaults_are_not_shared(self) -> None:
        services = normalise({"a": {"image": "x:1"}, "b": {"image": "x:1"}})
        services["a"]["tmpfs"].append("/run")
        assert services["b"]["tmpfs"] == [TMP]

    def test_a_wrong_shape_raises_with_every_fault(self) -> None:
        with pytest.raises(Faults) as raised:
            normalise({"web": {"image": "x"}, "api": 1})
        assert len(raised.value.faults) == 2

    def test_the_database_joins_as_a_container(self) -> None:
        assert set(effective_services({"web": WEB}, "container", "mongodb", DB)) == {"mongodb", "web"}
        assert set(effective_services({"web": WEB}, "none", "mongodb", DB)) == {"web"}

    def test_a_service_of_the_database_s_name_takes_its_place(self) -> None:
        services = effective_services({"mongodb": {"image": "mongo:7.0"}}, "container", "mongodb", DB)
        assert services["mongodb"]["image"] == "mongo:7.0"

    def test_each_wave_starts_when_those_before_it_run(self) -> None:
        wants = {"web": ["api"], "api": ["db", "cache"], "db": [], "cache": [], "worker": ["db"], "cron": []}
        services = {name: {"depends_on": wanted} for name, wanted in wants.items()}
        assert start_waves(services) == [["cache", "cron", "db"], ["api", "worker"], ["web"]]
        assert start_waves({}) == []

    def test_start_order(self) -> None:
        assert start_order(normalise(with_api())) == ["db", "web", "api"]


def test_the_text_of_faults() -> None:
    faults = validate(
        {"web": {**WEB, "port": 0}},
        production=True,
        deploy_target="ec2",
        origins={"app_services.web.port": "inventories/prod/group_vars/prod.yml:12"},
    )
    assert render(faults) == (
        "1. inventories/prod/group_vars/prod.yml:12: app_services.web.port\n"
        "   found:    a whole number: 0\n"
        "   expected: the port that the container listens on, a whole number from 1 to 65535\n"
        "   remedy:   correct the value"
    )
