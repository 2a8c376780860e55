"""What targets render from the model."""

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from plugins.filter.model import FilterModule, effective_services
from plugins.module_utils import model_views as views
from plugins.module_utils.model import normalise

HOSTS = ["goals-prod-2", "goals-prod-1", "goals-prod-3"]
ADDRESSES = {"goals-prod-1": "10.0.0.11", "goals-prod-2": "10.0.1.12", "goals-prod-3": "10.0.0.13"}
IMAGES = {
    "web": {"image": "r/goals/web@sha256:1", "tag": "abc"},
    "api": {"image": "r/goals/api@sha256:2", "tag": "def"},
    "mongodb": {"image": "mongo@sha256:3", "tag": "8.0"},
}
SECRETS = {"api": {"DATABASE_URL": "mongodb://x"}, "mongodb": {"PASSWORD": "y"}}


def model() -> dict[str, dict[str, Any]]:
    return normalise(
        {
            "web": {
                "build": {"context": "web"},
                "port": 8080,
                "route": {"paths": ["/*"], "priority": 100},
                "health_check": {"path": "/", "interval": 1, "timeout": 1, "retries": 1},
                "depends_on": ["api"],
            },
            "api": {
                "build": {"context": "api"},
                "port": 3000,
                "route": {"paths": ["/api", "/api/*"], "host": "goals.example.com", "priority": 10},
                "health_check": {"path": "/health", "interval": 10, "timeout": 10},
                "environment": {"LOG": "info"},
                "depends_on": ["mongodb"],
                "replicas": 2,
            },
            "mongodb": {"image": "mongo:8.0", "port": 27017, "volumes": [{"name": "data", "path": "/data"}]},
        }
    )


def on(host: str, hosts: list[str] = HOSTS) -> dict[str, Any]:
    return views.host_containers(
        model(), IMAGES, SECRETS, hosts=hosts, inventory_hostname=host, private_addresses=ADDRESSES
    )


class TestHostContainers:
    """The input of host_release."""

    def test_the_first_host_by_name_runs_all_in_start_order(self) -> None:
        assert [item["service"] for item in on("goals-prod-1")["containers"]] == ["mongodb", "api", "web"]

    def test_the_others_run_no_singleton_and_know_where_it_is(self) -> None:
        result = on("goals-prod-2")
        assert [item["service"] for item in result["containers"]] == ["api", "web"]
        assert all(item["extra_hosts"] == {"mongodb": "10.0.0.11"} for item in result["containers"])
        assert set(result["secrets"]) == {"api"}
        assert [item["depends_on"] for item in result["containers"]] == [[], ["api"]]

    def test_the_singleton_is_published_on_the_private_address(self) -> None:
        database = on("goals-prod-1")["containers"][0]
        assert database["singleton"] is True
        assert database["publish"] == [{"address": "10.0.0.11", "port": 27017}]
        assert database["extra_hosts"] == {}

    def test_on_a_single_host_nothing_is_published(self) -> None:
        (database, *_) = views.host_containers(
            model(), IMAGES, SECRETS, hosts=["one"], inventory_hostname="one", private_addresses={}
        )["containers"]
        assert database["publish"] == []

    def test_a_container_carries_every_setting(self) -> None:
        api = on("goals-prod-1")["containers"][1]
        assert api["image"] == "r/goals/api@sha256:2"
        assert api["replicas"] == 2
        assert api["environment"] == {"LOG": "info", "APP_VERSION": "def"}
        assert api["health_check"]["path"] == "/health"
        assert api["init"] is True
        assert "secrets" not in api

    def test_a_secret_without_a_value_is_a_fault(self) -> None:
        services = model()
        services["api"]["secrets"] = {"TOKEN": "ssm:token", "URL": "ssm:url"}
        with pytest.raises(ValueError, match="api: TOKEN, URL"):
            views.host_containers(
                services, IMAGES, {}, hosts=["a"], inventory_hostname="a", private_addresses={}
            )

    def test_images_given_by_name_get_no_version(self) -> None:
        assert on("goals-prod-1")["containers"][0]["environment"] == {}

    def test_a_version_that_the_user_sets_stays(self) -> None:
        services = model()
        services["web"]["environment"]["APP_VERSION"] = "mine"
        services["api"]["secrets"]["APP_VERSION"] = "ssm:version"
        secrets = {**SECRETS, "api": {**SECRETS["api"], "APP_VERSION": "its own"}}
        result = views.host_containers(
            services, IMAGES, secrets, hosts=["a"], inventory_hostname="a", private_addresses={}
        )
        environments = {item["service"]: item["environment"] for item in result["containers"]}
        assert environments["web"] == {"APP_VERSION": "mine"}
        assert environments["api"] == {"LOG": "info"}

    def test_routes_in_the_order_of_their_priority(self) -> None:
        assert on("goals-prod-2")["routes"] == [
            {"service": "api", "paths": ["/api", "/api/*"], "host": "goals.example.com", "priority": 10},
            {"service": "web", "paths": ["/*"], "host": None, "priority": 100},
        ]


class TestLoadBalancer:
    """The input of the load_balancer role."""

    def test_target_groups_stay_within_the_bounds_of_the_api(self) -> None:
        api, web = views.target_groups(model(), "goals-prod")
        assert web == {
            "service": "web",
            "name": "goals-prod-web",
            "health_check_path": "/-/health/web",
            "health_check_interval": 5,
            "health_check_timeout": 2,
            "healthy_threshold_count": 2,
            "unhealthy_threshold_count": 2,
        }
        assert (api["health_check_interval"], api["health_check_timeout"]) == (11, 10)

    def test_listener_rules(self) -> None:
        assert views.listener_rules(model(), "goals-prod") == [
            {
                "Priority": "10",
                "Conditions": [
                    {"Field": "host-header", "Values": ["goals.example.com"]},
                    {"Field": "path-pattern", "Values": ["/api", "/api/*"]},
                ],
                "Actions": [{"Type": "forward", "TargetGroupName": "goals-prod-api"}],
            },
            {
                "Priority": "100",
                "Conditions": [{"Field": "path-pattern", "Values": ["/*"]}],
                "Actions": [{"Type": "forward", "TargetGroupName": "goals-prod-web"}],
            },
        ]

    def test_urls_to_verify(self) -> None:
        assert views.verify_urls(model(), "http://lb.example/") == [
            {"service": "api", "url": "http://lb.example/api", "host": "goals.example.com"},
            {"service": "web", "url": "http://lb.example/", "host": None},
        ]


class TestNames:
    """Names that AWS limits."""

    def test_short_ones_stay(self) -> None:
        assert views.aws_name("goals-prod-web") == "goals-prod-web"
        assert views.aws_name("a" * 32) == "a" * 32

    def test_long_ones_are_cut_the_same_way_each_time_and_stay_apart(self) -> None:
        one, two = (views.aws_name(f"a-long-application-name-production-{n}") for n in ("web", "api"))
        assert one != two
        assert len(one) == len(two) == 32
        assert one == views.aws_name("a-long-application-name-production-web")

    @pytest.mark.parametrize("length", range(33, 70))
    def test_no_doubled_or_trailing_hyphen(self, length: int) -> None:
        name = views.aws_name("a-" * 40 + "b" * length)
        assert "--" not in name
        assert not name.endswith("-")


def test_images_wanted() -> None:
    wanted = views.images_wanted(model())
    assert wanted["mongodb"] == {"image": "mongo:8.0"}
    assert wanted["web"]["build"]["dockerfile"] == "Dockerfile"


def test_image_repositories() -> None:
    assert views.image_repositories(model(), "{app}/{service}", "goals")["api"] == "goals/api"
    assert views.image_repositories(model(), "{app}-{service}", "goals")["web"] == "goals-web"


def test_secret_references() -> None:
    services = model()
    services["api"]["secrets"]["KEY"] = "ssm:key"
    assert views.secret_references(services) == {"api": {"KEY": "ssm:key"}}


def test_the_filters_are_all_there() -> None:
    assert set(FilterModule().filters()) == {
        "aws_name",
        "but_of_releases",
        "document_services",
        "effective_services",
        "image_repositories",
        "images_wanted",
        "listener_rules",
        "secret_references",
        "target_groups",
        "verify_urls",
    }


def test_a_faulty_model_stops_a_template_with_its_faults() -> None:
    with pytest.raises(AnsibleFilterError, match=r"app_services\.web\.prot"):
        effective_services({"web": {"image": "x:1", "prot": 1}}, "none", "mongodb", {})
