"""module_utils/dev_views.py: what the development rung renders from a model, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.dev_views import dev_builds, dev_containers, dev_faults, dev_volumes
from plugins.module_utils.model import normalise


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "web/src").mkdir(parents=True)
    (tmp_path / "web/Dockerfile").touch()
    return tmp_path


def web(**changes: Any) -> dict[str, Any]:
    service: dict[str, Any] = {
        "build": {"context": "web", "target": "production", "args": {"NODE_IMAGE": "node:24"}},
        "port": 8080,
        "health_check": {"path": "/health"},
        "environment": {"LEVEL": "info", "COLOUR": "red"},
        "user": "101:101",
        "depends_on": ["database"],
        "dev": {
            "target": "development",
            "port": 5173,
            "mounts": [{"source": "web/src", "path": "/app/src"}],
            "environment": {"LEVEL": "debug"},
        },
    }
    return {**service, **changes}


DATABASE = {
    "image": "mongo:8",
    "port": 27017,
    "user": "999:999",
    "health_check": {"command": ["mongosh"], "interval": 3},
    "volumes": [{"name": "data", "path": "/data/db"}],
}


def services(**more: Any) -> Any:
    return normalise({"web": web(), "database": DATABASE, **more})


def container(name: str, **more: Any) -> dict[str, Any]:
    (found,) = [one for one in dev_containers(services(**more), "shop-dev", "/src") if one["service"] == name]
    return found


def test_the_development_stage_is_built() -> None:
    assert dev_builds(services(), "shop-dev", "/src") == [
        {
            "service": "web",
            "image": "shop-dev-web:development",
            "context": "/src/web",
            "dockerfile": "Dockerfile",
            "target": "development",
            "args": {"NODE_IMAGE": "node:24"},
        }
    ]


def test_without_a_development_stage_the_production_one_is_built() -> None:
    (build,) = dev_builds(services(web=web(dev={})), "shop-dev", "/src")
    assert build["target"] == "production"


def test_an_image_for_development_is_run_and_nothing_built() -> None:
    model = services(web=web(dev={"image": "node:24"}))
    assert dev_builds(model, "shop-dev", "/src") == []
    assert {one["service"]: one["image"] for one in dev_containers(model, "shop-dev", "/src")}[
        "web"
    ] == "node:24"


def test_dependencies_start_first() -> None:
    order = [one["service"] for one in dev_containers(services(), "shop-dev", "/src")]
    assert order == ["database", "web"]


def test_sources_are_mounted_from_the_project_and_data_from_a_volume() -> None:
    assert container("web")["mounts"] == [{"type": "bind", "source": "/src/web/src", "target": "/app/src"}]
    assert container("database")["mounts"] == [
        {"type": "volume", "source": "shop-dev-database-data", "target": "/data/db"}
    ]
    assert dev_volumes(services(), "shop-dev") == ["shop-dev-database-data"]


def test_environment_of_development_has_the_last_word() -> None:
    assert container("web")["environment"] == {
        "APP_VERSION": "development",
        "COLOUR": "red",
        "LEVEL": "debug",
    }


def test_the_user_of_production_is_kept_for_named_images_only() -> None:
    assert container("web")["user"] is None
    assert container("database")["user"] == "999:999"


def test_ports_are_published_on_the_given_address_where_development_names_one() -> None:
    assert container("web")["ports"] == ["127.0.0.1:5173:8080"]
    assert container("database")["ports"] == []


def test_a_path_is_asked_on_the_published_port_and_a_command_is_left_to_docker() -> None:
    assert container("web")["url"] == "http://127.0.0.1:5173/health"
    assert container("web")["healthcheck"] is None
    assert container("database")["url"] is None
    assert container("database")["healthcheck"] == {
        "test": ["CMD", "mongosh"],
        "interval": "3s",
        "timeout": "2s",
        "start_period": "30s",
        "retries": 3,
    }


def test_a_service_that_publishes_nothing_is_not_asked() -> None:
    assert container("web", web=web(dev={}))["url"] is None


def test_a_sound_model_has_no_fault(project: Path) -> None:
    assert dev_faults(services(), str(project)) == []


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"build": {"context": "nowhere"}}, "app_services.web.build"),
        ({"build": {"context": "web", "dockerfile": "Other"}}, "app_services.web.build"),
        ({"secrets": {"TOKEN": "ssm:/token"}}, "app_services.web.dev.environment.TOKEN"),
        (
            {"dev": {"mounts": [{"source": "none", "path": "/app"}]}},
            "app_services.web.dev.mounts[0].source",
        ),
        ({"port": None, "health_check": None}, "app_services.web.dev.port"),
    ],
)
def test_what_development_misses_is_a_fault(project: Path, changes: dict[str, Any], key: str) -> None:
    (fault,) = dev_faults(services(web=web(**changes)), str(project))
    assert fault.key == key
    assert fault.problem
    assert fault.expected
    assert fault.remedy


def test_two_services_on_one_port_are_a_fault(project: Path) -> None:
    model = services(zoo={**DATABASE, "volumes": [], "dev": {"port": 5173}})
    (fault,) = dev_faults(model, str(project))
    assert fault.key == "app_services.zoo.dev.port"
    assert "web" in fault.problem


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    model = services(web=web(secrets={"TOKEN": "ssm:/token"}))
    assert [fault.key for fault in dev_faults(model, str(tmp_path))] == [
        "app_services.web.build",
        "app_services.web.dev.mounts[0].source",
        "app_services.web.dev.environment.TOKEN",
    ]
