"""What the proxy is told."""

from __future__ import annotations

import pytest

from plugins.module_utils import traefik
from plugins.module_utils.traefik import Certificate, Proxy, Route, Upstream

PROXY = Proxy("traefik:v3")
WEB = Upstream("web", 8000, ["web-1"], "/health")
TLS = Proxy(
    "traefik:v3",
    https_port=8443,
    certificate=Certificate("a@example.com", ["example.com", "www.example.com"]),
)


@pytest.mark.parametrize(
    ("route", "rule"),
    [
        (Route("web", ["/*"]), "PathPrefix(`/`)"),
        (Route("web", ["*"]), "PathPrefix(`/`)"),
        (Route("web", ["/api/*", "/version"]), "PathPrefix(`/api/`) || Path(`/version`)"),
        (Route("web", ["/api*"], host="a.example"), "Host(`a.example`) && (PathPrefix(`/api`))"),
    ],
)
def test_paths_are_as_a_load_balancer_reads_them(route: Route, rule: str) -> None:
    assert traefik.rule(route) == rule


def test_the_lowest_priority_is_looked_at_first() -> None:
    routes = [Route("web", ["/*"], priority=50000), Route("web", ["/a*"], priority=1)]
    routers = traefik.dynamic_configuration(PROXY, [WEB], routes)["http"]["routers"]
    assert routers["web-1"]["priority"] > routers["web-0"]["priority"] > 0
    assert routers["health-web"]["priority"] > routers["web-1"]["priority"]


def test_every_configuration_has_a_generation_of_its_own() -> None:
    one = traefik.dynamic_configuration(PROXY, [WEB], [Route("web")])
    other = traefik.dynamic_configuration(PROXY, [WEB], [Route("web", priority=2)])
    assert traefik.loaded_path(one) != traefik.loaded_path(other)
    assert one == traefik.dynamic_configuration(PROXY, [WEB], [Route("web")])
    assert one["http"]["routers"]["generation"]["entryPoints"] == ["internal"]


def test_candidates_answer_on_the_internal_entry_point_alone_and_leave_no_trace() -> None:
    serving = traefik.dynamic_configuration(PROXY, [WEB], [Route("web")])
    trial = traefik.with_candidates(serving, [Upstream("web", 8000, ["web-2"], "/health")])
    router = trial["http"]["routers"]["candidate-web-2"]
    assert router == {"rule": "Host(`web-2`)", "entryPoints": ["internal"], "service": "candidate-web-2"}
    assert trial["http"]["services"]["web"] == serving["http"]["services"]["web"]
    assert traefik.loaded_path(trial) != traefik.loaded_path(serving)
    assert "candidate-web-2" not in serving["http"]["routers"]


def test_a_service_without_containers_has_no_route() -> None:
    routers = traefik.dynamic_configuration(PROXY, [Upstream("web", 8000, [])], [Route("web")])["http"][
        "routers"
    ]
    assert list(routers) == ["generation"]


def test_containers_are_checked_where_there_is_another_to_turn_to() -> None:
    two = Upstream("web", 8000, ["web-1", "web-2"], "/health", interval=0.5)
    alone = traefik.dynamic_configuration(PROXY, [WEB], [])["http"]["services"]["web"]["loadBalancer"]
    both = traefik.dynamic_configuration(PROXY, [two], [])["http"]["services"]["web"]["loadBalancer"]
    assert "healthCheck" not in alone
    assert both["healthCheck"] == {"path": "/health", "interval": "0.5s", "timeout": "2s"}


def test_a_certificate_moves_the_routes_to_https_and_redirects() -> None:
    routers = traefik.dynamic_configuration(TLS, [WEB], [Route("web")])["http"]["routers"]
    assert routers["web-0"]["entryPoints"] == ["websecure"]
    assert routers["web-0"]["tls"] == {
        "certResolver": "acme",
        "domains": [{"main": "example.com", "sans": ["www.example.com"]}],
    }
    assert routers["to-https"]["priority"] < routers["web-0"]["priority"]
    assert routers["health-web"]["entryPoints"] == ["web"]
    assert "--certificatesresolvers.acme.acme.httpchallenge.entrypoint=web" in traefik.static_arguments(TLS)


def test_forwarded_headers_are_believed_of_named_addresses_alone() -> None:
    assert not any("forwardedheaders" in argument for argument in traefik.static_arguments(PROXY))
    trusting = Proxy("traefik:v3", trusted_ips=["10.0.0.0/16"])
    assert "--entrypoints.web.forwardedheaders.trustedips=10.0.0.0/16" in traefik.static_arguments(trusting)


def test_neither_the_api_nor_the_engine_is_reached_by_the_proxy() -> None:
    arguments = " ".join(traefik.static_arguments(TLS))
    assert "docker" not in arguments
    assert "--api" not in arguments


def test_the_file_is_read_back_and_a_foreign_one_is_not() -> None:
    configuration = traefik.dynamic_configuration(PROXY, [WEB], [Route("web")])
    assert traefik.from_text(traefik.to_text(configuration)) == configuration
    assert traefik.from_text("http: {}") is None
    assert traefik.from_text("{}") is None


def test_a_diff_shows_the_routes_for_the_world() -> None:
    configuration = traefik.dynamic_configuration(PROXY, [WEB], [Route("web", ["/a"], priority=1)])
    view = traefik.route_view(configuration)
    assert set(view) == {"web-0", "health-web"}
    assert view["web-0"].startswith("Path(`/a`) -> web")
    assert traefik.route_view(None) == {}
