"""Rules that hold between keys and between services.

Each rule is a function from the services (every default filled in) to its findings; RULES lists them.
A key whose value was faulty holds None or its default here, and findings about such keys are dropped
by the caller, so that one mistake is named once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Callable

from .model_containers import containers

Services = Mapping[str, Mapping[str, Any]]

#: What the proxy answers for the load balancer's own checks.
HEALTH_PREFIX = "/-/health/"
#: An ALB rule takes at most five values over all its conditions.
ALB_CONDITION_VALUES = 5
_HOST_PORTS = frozenset({22, 80, 443})


@dataclass(frozen=True)
class Finding:
    """A broken rule: the service, the key below it, and the words of a fault."""

    service: str
    key: str
    problem: str
    expected: str
    remedy: str


def bind_mounts(name: str, service: Any) -> Iterator[Finding]:
    """Refuse host paths among the volumes of a raw service, in whichever way they are written."""
    volumes = service.get("volumes") if isinstance(service, dict) else None
    for index, volume in enumerate(volumes if isinstance(volumes, list) else []):
        written = volume.get("source") or volume.get("name") if isinstance(volume, dict) else volume
        source = written.split(":")[0] if isinstance(written, str) else ""
        if source.startswith(("/", ".", "~")):
            yield Finding(
                name,
                f"volumes[{index}]",
                f"a bind mount of the host's {source!r}",
                "no bind mount in production: the image is the single source of truth, and a container "
                "that reads files of its host is no longer self-contained: no release replaces those "
                "files and no other host has them",
                "COPY the files into the image; keep data that must outlive the container in a named volume "
                "(name and path); keep bind mounts for development under dev.mounts",
            )


def route_needs_port(services: Services) -> Iterator[Finding]:
    """A route or an HTTP check goes to a port."""
    for name, service in services.items():
        by_path = bool(service["health_check"]) and bool(service["health_check"]["path"])
        if service["port"] is None and (service["route"] or by_path):
            yield Finding(
                name,
                "port",
                "nothing: the key is missing",
                f"the port that {'route' if service['route'] else 'health_check.path'} goes to",
                "add port, the one that the container listens on",
            )


def route_needs_health_path(services: Services) -> Iterator[Finding]:
    """The load balancer asks a routed service over HTTP."""
    for name, service in services.items():
        check = service["health_check"]
        if service["route"] and not (check and check["path"]):
            yield Finding(
                name,
                "health_check",
                "a command" if check else "nothing: the key is missing",
                "a path, because the load balancer and the proxy check a routed service over HTTP",
                "add health_check: {path: /...}, a path that answers 200 when the service can serve",
            )


def health_timeout(services: Services) -> Iterator[Finding]:
    """A check ends before the next one begins."""
    for each in containers(services):
        check = each.options["health_check"]
        if check and check["interval"] and check["timeout"] and check["timeout"] > check["interval"]:
            yield Finding(
                each.service,
                each.at("health_check.timeout"),
                f"{check['timeout']} s, longer than the interval of {check['interval']} s",
                "a timeout no longer than the interval",
                "shorten the timeout or lengthen the interval",
            )


def route_size(services: Services) -> Iterator[Finding]:
    """One route becomes one listener rule."""
    for name, route in _routes(services):
        values = len(route["paths"]) + bool(route["host"])
        if values > ALB_CONDITION_VALUES:
            yield Finding(
                name,
                "route.paths",
                f"{values} values (paths and host together)",
                f"at most {ALB_CONDITION_VALUES}, the load balancer's limit for one rule",
                "join paths under one prefix that ends in *",
            )


def reserved_paths(services: Services) -> Iterator[Finding]:
    """The proxy answers the load balancer's checks itself."""
    for name, route in _routes(services):
        for index, path in enumerate(route["paths"]):
            if path.startswith(HEALTH_PREFIX):
                yield Finding(
                    name,
                    f"route.paths[{index}]",
                    path,
                    f"a path outside {HEALTH_PREFIX}, which Slipway's proxy answers for the load balancer",
                    "choose another path",
                )


def same_priority(services: Services) -> Iterator[Finding]:
    """Priorities order the rules of one listener, so each is there once."""
    seen: dict[int, str] = {}
    for name, route in _routes(services):
        first = seen.setdefault(route["priority"], name)
        if route["priority"] is not None and first != name:
            yield Finding(
                name,
                "route.priority",
                f"{route['priority']}, as service {first} has it",
                "a priority that no other service has",
                "give the more specific route the lower number",
            )


def hidden_routes(services: Services) -> Iterator[Finding]:
    """Every path pattern is reachable: neither taken twice nor covered by a rule that comes before."""
    routes = sorted(_routes(services), key=lambda item: item[1]["priority"] or 0)
    for place, (name, route) in enumerate(routes):
        for index, path in enumerate(route["paths"]):
            for other, earlier in routes[:place]:
                if earlier["host"] in (None, route["host"]) and any(
                    _covers(pattern, path) for pattern in earlier["paths"]
                ):
                    same = path in earlier["paths"] and earlier["host"] == route["host"]
                    how = "has the same route" if same else "takes it first by its lower priority"
                    yield Finding(
                        name,
                        f"route.paths[{index}]",
                        f"{path}, but service {other} {how}",
                        "a path that reaches one service",
                        "change a path or a host, or give the more specific route the lower priority",
                    )
                    break


def unknown_dependencies(services: Services) -> Iterator[Finding]:
    """A service depends on others and on its own sidecars, a sidecar on others of its service."""
    for each in containers(services):
        sidecars = set(services[each.service]["sidecars"] or {})
        what, known = ("sidecar", sidecars) if each.sidecar else ("service", {*services, *sidecars})
        itself = each.sidecar or each.service
        for index, wanted in enumerate(each.options["depends_on"] or []):
            if wanted not in known - {itself}:
                yield Finding(
                    each.service,
                    each.at(f"depends_on[{index}]"),
                    f"the {what} itself" if wanted == itself else f"{wanted!r}, which is no {what}",
                    f"another {what}: " + (", ".join(sorted(known - {itself})) or "there is none"),
                    "correct the name or remove it",
                )


def dependency_cycles(services: Services) -> Iterator[Finding]:
    """Some order of starting exists, of the services and of the sidecars of each."""
    if circle := _circle(services):
        yield _goes_round(circle[0], "depends_on", circle)
    for name, service in services.items():
        if circle := _circle(service["sidecars"] or {}):
            yield _goes_round(name, f"sidecars.{circle[0]}.depends_on", circle)


def _circle(depending: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Give names that depend on each other in a circle, the first again at the end; else none."""
    waiting = {
        name: {wanted for wanted in each["depends_on"] or [] if wanted in depending and wanted != name}
        for name, each in depending.items()
    }
    while ready := [name for name, wanted in waiting.items() if not wanted & set(waiting)]:
        for name in ready:
            del waiting[name]
    if not waiting:
        return []
    # Walking along open dependencies must come back to a name seen before.
    path = [min(waiting)]
    while path[-1] not in path[:-1]:
        path.append(min(waiting[path[-1]] & set(waiting)))
    return path[path.index(path[-1]) :]


def _goes_round(service: str, key: str, circle: list[str]) -> Finding:
    return Finding(
        service,
        key,
        "a circle: " + " -> ".join(circle),
        "dependencies that leave an order of starting",
        "remove one of these dependencies",
    )


def single_writer(services: Services) -> Iterator[Finding]:
    """Two processes never share a volume."""
    for name, service in services.items():
        if service["volumes"] and (service["replicas"] or 1) > 1:
            yield Finding(
                name,
                "replicas",
                f"{service['replicas']}, of a service with volumes",
                "1: a service with volumes is one container on one host, "
                "because two processes that write one volume damage it",
                "remove replicas, or keep the data in a service of its own",
            )


def volume_paths(services: Services) -> Iterator[Finding]:
    """One path in the container is one mount."""
    for each in containers(services):
        seen = set(each.options["tmpfs"] or [])
        for index, volume in enumerate(each.options["volumes"] or []):
            if volume["path"] in seen:
                yield Finding(
                    each.service,
                    each.at(f"volumes[{index}].path"),
                    f"{volume['path']}, which another volume or tmpfs has",
                    "a path of its own for each volume and tmpfs",
                    "change one of the paths",
                )
            seen.add(volume["path"])


def secret_and_plain(services: Services) -> Iterator[Finding]:
    """A variable has one source."""
    for each in containers(services):
        for variable in sorted(set(each.options["environment"] or {}) & set(each.options["secrets"] or {})):
            yield Finding(
                each.service,
                each.at(f"environment.{variable}"),
                "a name that stands under secrets too",
                "each variable either in environment or in secrets",
                "remove it from environment, where its value is in clear",
            )


def singleton_ports(services: Services) -> Iterator[Finding]:
    """Services with volumes publish their port on the first host's address, for the other hosts."""
    taken: dict[int, str] = {}
    for name, service in services.items():
        port = service["port"]
        if service["volumes"] and port is not None:
            other = taken.setdefault(port, name)
            if other != name or port in _HOST_PORTS:
                yield Finding(
                    name,
                    "port",
                    f"{port}, which {f'service {other}' if other != name else 'the host itself'} uses",
                    "a port of its own: a service with volumes is published on its host's private address",
                    "let the service listen on another port",
                )


def dev_ports(services: Services) -> Iterator[Finding]:
    """Ports on the developer's machine are published once."""
    taken: dict[int, str] = {}
    for name, service in services.items():
        port = (service["dev"] or {}).get("port")
        if port is not None and taken.setdefault(port, name) != name:
            yield Finding(
                name,
                "dev.port",
                f"{port}, as service {taken[port]} has it",
                "a port that no other service publishes",
                "choose another port",
            )


Rule = Callable[[Services], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    route_needs_port,
    route_needs_health_path,
    health_timeout,
    route_size,
    reserved_paths,
    same_priority,
    hidden_routes,
    unknown_dependencies,
    dependency_cycles,
    single_writer,
    volume_paths,
    secret_and_plain,
)

#: Rules of one deploy_target alone.
DEV_RULES: tuple[Rule, ...] = (dev_ports,)
HOST_RULES: tuple[Rule, ...] = (singleton_ports,)


def _routes(services: Services) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the routed services whose paths could be read."""
    for name, service in services.items():
        if service["route"] and service["route"]["paths"]:
            yield name, service["route"]


def _covers(pattern: str, path: str) -> bool:
    """Tell whether every request that `path` matches is matched by `pattern`.

    >>> _covers("/api/*", "/api/goals"), _covers("/api", "/api/*")
    (True, False)
    """
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern
