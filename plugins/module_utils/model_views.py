"""What the targets render from the application model. Pure; services are normalised ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .model import start_order
from .model_containers import containers
from .model_rules import HEALTH_PREFIX

Services = Mapping[str, Mapping[str, Any]]

#: The bounds that elasticloadbalancing CreateTargetGroup sets for health checks.
_ALB_INTERVAL = (5, 300)
_ALB_TIMEOUT = (2, 120)
_ALB_THRESHOLD = (2, 10)

_CONTAINER_KEYS = (
    "replicas",
    "command",
    "user",
    "read_only",
    "tmpfs",
    "capabilities",
    "cpu",
    "memory",
    "port",
    "health_check",
    "volumes",
    "stop_timeout",
)


def aws_name(name: str, limit: int = 32) -> str:
    """Shorten a name to what AWS accepts, always in the same way.

    A name within the limit stays as it is. A longer one is cut and ends in eight hexadecimal digits of
    its own SHA-256, so that two long names that begin alike stay apart. Load balancers and target groups
    take 32 characters.
    """
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: limit - 9].rstrip('-')}-{digest}"


def images_wanted(services: Services, named: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """Give, for each container, what the app_images module builds or names: {build: {..}} or {image: ..}.

    :param named: images beside those of containers, by name
    """
    return {name: {"image": image} for name, image in (named or {}).items()} | {
        each.name: {key: each.options[key] for key in ("build", "image") if each.options[key]}
        for each in containers(services)
    }


def image_repositories(services: Iterable[str], pattern: str, app: str) -> dict[str, str]:
    """Give each service's repository by a pattern such as `{app}/{service}`."""
    return {name: pattern.replace("{app}", app).replace("{service}", name) for name in services}


def secret_references(services: Services) -> dict[str, dict[str, str]]:
    """Give where each container's secrets are kept, for those that have any."""
    return {
        each.name: dict(each.options["secrets"]) for each in containers(services) if each.options["secrets"]
    }


def is_singleton(service: Mapping[str, Any]) -> bool:
    """Tell whether a service runs once, on the first host: two processes never share a volume."""
    return bool(service["volumes"])


def host_containers(
    services: Services,
    images: Mapping[str, Mapping[str, Any]],
    secrets: Mapping[str, Mapping[str, str]],
    *,
    hosts: Sequence[str],
    inventory_hostname: str,
    private_addresses: Mapping[str, str],
) -> dict[str, Any]:
    """Give what one host runs, as the host_release module takes it: containers, secrets and routes.

    `images` is what app_images returned, `private_addresses` holds the private address of the first host by
    name; with one host alone it is not read.

    Raises ValueError where a secret has no value: a service must not start without.
    """
    first = min(hosts)
    here = [
        name
        for name in start_order(services)
        if inventory_hostname == first or not is_singleton(services[name])
    ]
    lacking = {name: set(services[name]["secrets"]) - set(secrets.get(name, {})) for name in here}
    if told := [f"{name}: {', '.join(sorted(names))}" for name, names in lacking.items() if names]:
        raise ValueError(f"no value was read for secrets of {'; '.join(told)}: the role secrets reads them")
    elsewhere = {
        name: private_addresses[first]
        for name, service in services.items()
        if name not in here and service["port"] is not None
    }
    address = private_addresses[first] if len(hosts) > 1 else None
    return {
        "containers": [
            {
                **_container(name, services[name], images[name], elsewhere, address),
                "depends_on": [wanted for wanted in services[name]["depends_on"] if wanted in here],
                # Once per release, not once per host.
                "gates": gates(services[name]) if inventory_hostname == first else [],
            }
            for name in here
        ],
        "secrets": {name: dict(secrets[name]) for name in here if secrets.get(name)},
        "routes": [route for route in routes(services) if route["service"] in here],
    }


def gates(service: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the tasks that must end well before a service's new containers serve."""
    keys = ("name", "command", "timeout")
    return [{key: task[key] for key in keys} for task in service["tasks"] if task["before_release"]]


def routes(services: Services) -> list[dict[str, Any]]:
    """Give every route, in the order in which they are tried."""
    return sorted(
        (
            {"service": name, **{key: service["route"][key] for key in ("paths", "host", "priority")}}
            for name, service in services.items()
            if service["route"]
        ),
        key=lambda route: int(route["priority"]),
    )


def target_groups(services: Services, stack: str, target_type: str = "instance") -> list[dict[str, Any]]:
    """Give one target group per routed service, its health check within the load balancer's bounds.

    Instances are asked through their proxy; tasks, of `target_type` ip, on their own health path.

    Each has the keys of community.aws.elb_target_group: name, health_check_path, health_check_interval,
    health_check_timeout, healthy_threshold_count, unhealthy_threshold_count; and service.
    """
    return [
        _target_group(name, services[name]["health_check"], stack, proxied=target_type == "instance")
        for name in sorted(services)
        if services[name]["route"]
    ]


def listener_rules(services: Services, stack: str) -> list[dict[str, Any]]:
    """Give the listener's rules as amazon.aws.elb_application_lb takes them, lowest priority first."""
    return [
        {
            "Priority": str(route["priority"]),
            "Conditions": [
                *([{"Field": "host-header", "Values": [route["host"]]}] if route["host"] else []),
                {"Field": "path-pattern", "Values": list(route["paths"])},
            ],
            "Actions": [{"Type": "forward", "TargetGroupName": aws_name(f"{stack}-{route['service']}")}],
        }
        for route in routes(services)
    ]


def verify_urls(services: Services, base: str) -> list[dict[str, Any]]:
    """Give for each routed service the URL that shows that it answers, and the Host header if it has one."""
    return [
        {
            "service": route["service"],
            "url": base.rstrip("/") + (services[route["service"]]["route"]["verify"] or _example(route)),
            "host": route["host"],
        }
        for route in routes(services)
    ]


def _example(route: Mapping[str, Any]) -> str:
    """Give a path that the route's first pattern matches."""
    return str(route["paths"][0]).rstrip("*")


def _container(
    name: str,
    service: Mapping[str, Any],
    image: Mapping[str, Any],
    elsewhere: Mapping[str, str],
    address: str | None,
) -> dict[str, Any]:
    singleton = is_singleton(service)
    publish = [{"address": address, "port": service["port"]}] if singleton and address else []
    return {
        "service": name,
        "image": image["image"],
        "environment": environment_of(service, image),
        **{key: service[key] for key in _CONTAINER_KEYS},
        "health_check": _given(service["health_check"]) if service["health_check"] else None,
        "volumes": [_given(volume) for volume in service["volumes"]],
        "extra_hosts": dict(elsewhere),
        "publish": publish if service["port"] is not None else [],
        "singleton": singleton,
        "init": True,
    }


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not said, since the module takes one of two keys and not both."""
    return {key: value for key, value in options.items() if value is not None}


def environment_of(container: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, str]:
    """Add the version to what is built, unless the user says one."""
    environment = dict(container["environment"])
    if container["build"] and "APP_VERSION" not in container["secrets"]:
        environment.setdefault("APP_VERSION", image["tag"])
    return environment


def _target_group(name: str, check: Mapping[str, Any], stack: str, *, proxied: bool) -> dict[str, Any]:
    timeout = _within(check["timeout"], _ALB_TIMEOUT)
    retries = _within(check["retries"], _ALB_THRESHOLD)
    return {
        "service": name,
        "name": aws_name(f"{stack}-{name}"),
        "health_check_path": HEALTH_PREFIX + name if proxied else check["path"],
        # The load balancer wants the interval to be longer than the timeout.
        "health_check_interval": max(_within(check["interval"], _ALB_INTERVAL), timeout + 1),
        "health_check_timeout": timeout,
        "healthy_threshold_count": 2,
        "unhealthy_threshold_count": retries,
    }


def _within(value: int, bounds: tuple[int, int]) -> int:
    low, high = bounds
    return max(low, min(value, high))
