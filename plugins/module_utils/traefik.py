"""What Traefik is told: static arguments (fixed while it runs) and the dynamic file (read on every write).

The file provider is used, not the Docker provider: that one needs the Engine's socket in the container that
faces the world. The dynamic file is JSON, which every YAML reader reads.

Three entry points: `web` and `websecure` for the world, and `internal`, which is published nowhere and
answers on the container's own address only. On it the release sees a new container healthy through the
proxy before any request is sent there, and learns which configuration Traefik has loaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

INTERNAL_PORT = 8088
WEB_PORT = 80
WEBSECURE_PORT = 443
DIRECTORY = "/etc/slipway"
DYNAMIC_FILE = "dynamic/routes.yml"
ACME_DIRECTORY = "/acme"
CA_FILE = "/etc/slipway-ca.pem"
RESOLVER = "acme"
TRANSPORT = "containers"
# A load balancer in front evaluates the lowest number first, Traefik the highest.
HIGHEST_PRIORITY = 1_000_000
# An idle connection to a container is closed this soon, so that an old container's count of connections
# comes to zero right after the switch, and long before any application closes it from its own end.
IDLE_TIMEOUT = "1s"
DIAL_TIMEOUT = "5s"
HEADER = "# Written by slipway.core.host_release on every release; changes made here are lost.\n"


@dataclass(frozen=True)
class Certificate:
    """An automatic certificate: obtained and renewed by Traefik over ACME."""

    email: str
    domains: Sequence[str]
    ca_server: str | None = None
    ca_file: str | None = None


@dataclass(frozen=True)
class Proxy:
    """The proxy container of an application."""

    image: str
    http_port: int = 80
    https_port: int | None = None
    certificate: Certificate | None = None
    trusted_ips: Sequence[str] = ()
    arguments: Sequence[str] = ()


@dataclass(frozen=True)
class Upstream:
    """A service as the proxy sees it. It names containers, so a restart with a new address is harmless."""

    service: str
    port: int
    containers: Sequence[str]
    health_path: str | None = None
    interval: float = 5
    timeout: float = 2


@dataclass(frozen=True)
class Route:
    """Which requests go to a service; a lower priority is looked at first."""

    service: str
    paths: Sequence[str] = ("/*",)
    host: str | None = None
    priority: int = 1000


@dataclass
class _Http:
    """The `http` section while it is put together."""

    routers: Json = field(default_factory=dict)
    services: Json = field(default_factory=dict)
    middlewares: Json = field(default_factory=dict)


def static_arguments(proxy: Proxy) -> list[str]:
    """Return Traefik's command line: what cannot change while it runs."""
    arguments = [
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--log.level=WARN",
        "--log.nocolor=true",
        "--ping=true",
        "--ping.manualrouting=true",
        f"--providers.file.directory={DIRECTORY}/{DYNAMIC_FILE.split('/', maxsplit=1)[0]}",
        "--providers.file.watch=true",
        "--providers.providersthrottleduration=50ms",
        f"--entrypoints.internal.address=:{INTERNAL_PORT}",
        f"--entrypoints.web.address=:{WEB_PORT}",
    ]
    entry_points = ["web"]
    if proxy.certificate:
        entry_points.append("websecure")
        arguments += [f"--entrypoints.websecure.address=:{WEBSECURE_PORT}", *_acme(proxy.certificate)]
    if proxy.trusted_ips:
        trusted = ",".join(proxy.trusted_ips)
        arguments += [f"--entrypoints.{name}.forwardedheaders.trustedips={trusted}" for name in entry_points]
    return [*arguments, *proxy.arguments]


def _acme(certificate: Certificate) -> list[str]:
    option = f"--certificatesresolvers.{RESOLVER}.acme"
    arguments = [
        f"{option}.email={certificate.email}",
        f"{option}.storage={ACME_DIRECTORY}/acme.json",
        f"{option}.httpchallenge.entrypoint=web",
    ]
    if certificate.ca_server:
        arguments.append(f"{option}.caserver={certificate.ca_server}")
    return arguments


def dynamic_configuration(proxy: Proxy, upstreams: Iterable[Upstream], routes: Iterable[Route]) -> Json:
    """Return the dynamic configuration, in which upstreams without containers have no routes."""
    http = _Http()
    serving = {upstream.service: upstream for upstream in upstreams if upstream.containers}
    for upstream in serving.values():
        http.services[upstream.service] = _service(upstream)
        _add_health_router(http, upstream)
    for number, route in enumerate(routes):
        if route.service in serving:
            http.routers[f"{route.service}-{number}"] = _router(proxy.certificate, route)
    if proxy.certificate:
        _add_redirect(http, proxy)
    return _with_generation(http)


def with_candidates(configuration: Json, candidates: Iterable[Upstream]) -> Json:
    """Return a configuration in which candidates answer as well: on the internal entry point alone, each
    container under its own name as the Host header."""
    section = configuration["http"]
    http = _Http(
        dict(section["routers"]), dict(section.get("services", {})), dict(section.get("middlewares", {}))
    )
    for upstream in candidates:
        for name in upstream.containers:
            http.services[f"candidate-{name}"] = _load_balancer(upstream.port, [name])
            http.routers[f"candidate-{name}"] = {
                "rule": f"Host(`{name}`)",
                "entryPoints": ["internal"],
                "service": f"candidate-{name}",
            }
    return _with_generation(http)


def containers_served(configuration: Json | None) -> set[str]:
    """Return the names of the containers that a configuration sends requests to."""
    services = (configuration or {}).get("http", {}).get("services", {})
    urls = [server["url"] for service in services.values() for server in service["loadBalancer"]["servers"]]
    return {url.split("//")[1].split(":")[0] for url in urls}


def health_path(configuration: Json | None, service: str) -> str | None:
    """Return the path on which a configuration asks for a service's health; None where it asks for none."""
    middlewares = (configuration or {}).get("http", {}).get("middlewares", {})
    path: str | None = middlewares.get(_health_name(service), {}).get("replacePath", {}).get("path")
    return path


def _health_name(service: str) -> str:
    return f"health-{service}"


def _router(certificate: Certificate | None, route: Route) -> Json:
    router: Json = {
        "rule": rule(route),
        "service": route.service,
        "priority": HIGHEST_PRIORITY - route.priority,
        "entryPoints": ["web"],
    }
    if certificate:
        main, *sans = certificate.domains
        domain: Json = {"main": main}
        if sans:
            domain["sans"] = sans
        router["entryPoints"] = ["websecure"]
        router["tls"] = {"certResolver": RESOLVER, "domains": [domain]}
    return router


def rule(route: Route) -> str:
    """Return Traefik's rule of a route whose paths are exact or end in `*`."""
    paths = [
        f"PathPrefix(`{path[:-1] or '/'}`)" if path.endswith("*") else f"Path(`{path}`)"
        for path in route.paths
    ]
    alternatives = " || ".join(paths)
    if not route.host:
        return alternatives
    return f"Host(`{route.host}`) && ({alternatives})"


def _service(upstream: Upstream) -> Json:
    service = _load_balancer(upstream.port, upstream.containers)
    # With one container there is nowhere else to send a request, and a slow answer is better than none.
    if upstream.health_path and len(upstream.containers) > 1:
        service["loadBalancer"]["healthCheck"] = {
            "path": upstream.health_path,
            "interval": f"{upstream.interval:g}s",
            "timeout": f"{upstream.timeout:g}s",
        }
    return service


def _load_balancer(port: int, containers: Iterable[str]) -> Json:
    servers = [{"url": f"http://{name}:{port}"} for name in containers]
    return {"loadBalancer": {"servers": servers, "serversTransport": TRANSPORT}}


def _add_health_router(http: _Http, upstream: Upstream) -> None:
    """Answer /-/health/<service> for the load balancer in front: its target groups check each service by it.

    A service without an HTTP health check has no path to ask, so there the proxy answers for itself.
    """
    name = _health_name(upstream.service)
    router: Json = {
        "rule": f"Path(`/-/health/{upstream.service}`)",
        "entryPoints": ["web"],
        "priority": HIGHEST_PRIORITY,
        "service": upstream.service if upstream.health_path else "ping@internal",
    }
    if upstream.health_path:
        http.middlewares[name] = {"replacePath": {"path": upstream.health_path}}
        router["middlewares"] = [name]
    http.routers[name] = router


def _add_redirect(http: _Http, proxy: Proxy) -> None:
    """Send plain HTTP to HTTPS; the ACME challenge and the health paths come before."""
    redirect: Json = {"scheme": "https", "permanent": True}
    if proxy.https_port not in (None, WEBSECURE_PORT):
        redirect["port"] = str(proxy.https_port)
    http.middlewares["to-https"] = {"redirectScheme": redirect}
    http.routers["to-https"] = {
        "rule": "PathPrefix(`/`)",
        "entryPoints": ["web"],
        "priority": 1,
        "middlewares": ["to-https"],
        "service": "noop@internal",
    }


def _with_generation(http: _Http) -> Json:
    """Close the section with a router whose path names the configuration, so that it can be seen loaded."""
    http.routers["generation"] = {
        "rule": f"Path(`{generation_path(_digest(vars(http)))}`)",
        "entryPoints": ["internal"],
        "service": "ping@internal",
    }
    transport = {"forwardingTimeouts": {"dialTimeout": DIAL_TIMEOUT, "idleConnTimeout": IDLE_TIMEOUT}}
    # Traefik refuses a section that is there and empty.
    section = {name: value for name, value in vars(http).items() if value}
    return {"http": {**section, "serversTransports": {TRANSPORT: transport}}}


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def generation_path(digest: str) -> str:
    """Return the path on the internal entry point that answers 200 once this configuration is loaded."""
    return f"/-/generation/{digest}"


def loaded_path(configuration: Json) -> str:
    """Return the generation path of a configuration."""
    generation_rule: str = configuration["http"]["routers"]["generation"]["rule"]
    return generation_rule[len("Path(`") : -len("`)")]


def to_text(configuration: Json) -> str:
    """Render the dynamic file."""
    return HEADER + json.dumps(configuration, indent=2, sort_keys=True) + "\n"


def from_text(text: str) -> Json | None:
    """Read a dynamic file that to_text wrote; None when it is anything else."""
    try:
        configuration: Json = json.loads(text.replace(HEADER, ""))
        loaded_path(configuration)
    except (ValueError, KeyError, TypeError):
        return None
    return configuration


def route_view(configuration: Json | None) -> Mapping[str, str]:
    """Return the routes for the world as flat text: what a person wants to see in a diff."""
    if not configuration:
        return {}
    view: dict[str, str] = {}
    for name, router in configuration["http"]["routers"].items():
        if "internal" not in router["entryPoints"]:
            settings = {key: router[key] for key in ("entryPoints", "priority") if key in router}
            view[name] = f"{router['rule']} -> {router['service']} {json.dumps(settings, sort_keys=True)}"
    return view
