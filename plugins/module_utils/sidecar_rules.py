"""Rules about `sidecars`, the containers that share a service's task on ECS."""

from __future__ import annotations

from collections.abc import Iterator

from .model_rules import Finding, Services


def sidecar_names(services: Services) -> Iterator[Finding]:
    """A name in depends_on means one thing: a service or a sidecar."""
    for service, sidecar in _sidecars(services):
        if sidecar in services:
            yield Finding(
                service,
                f"sidecars.{sidecar}",
                f"{sidecar}, as a service is named",
                "a name that no service has, so that depends_on means one of them",
                "rename the sidecar",
            )


def sidecar_ports(services: Services) -> Iterator[Finding]:
    """The containers of a task share one address, so that a port is one container's."""
    for name, service in services.items():
        taken = {service["port"]: "the service itself"}
        for sidecar, options in (service["sidecars"] or {}).items():
            port = options["port"]
            if port is not None and port in taken:
                yield Finding(
                    name,
                    f"sidecars.{sidecar}.port",
                    f"{port}, which {taken[port]} listens on",
                    "a port of its own: the containers of a task share one address",
                    "let it listen on another port",
                )
            taken.setdefault(port, f"sidecar {sidecar}")


def sidecar_volumes(services: Services) -> Iterator[Finding]:
    """A sidecar mounts volumes of its service."""
    for service, sidecar in _sidecars(services):
        known = {volume["name"] for volume in services[service]["volumes"] or []} - {None}
        for index, volume in enumerate(services[service]["sidecars"][sidecar]["volumes"] or []):
            if volume["name"] is not None and volume["name"] not in known:
                yield Finding(
                    service,
                    f"sidecars.{sidecar}.volumes[{index}].name",
                    f"{volume['name']!r}, which is no volume of the service",
                    "a volume of the service: " + (", ".join(sorted(known)) or "there is none"),
                    "correct the name, or add the volume to the service",
                )


def hosts_have_no_sidecars(services: Services) -> Iterator[Finding]:
    """What shares an address is the containers of a task."""
    for name, service in services.items():
        if service["sidecars"]:
            yield Finding(
                name,
                "sidecars",
                "sidecars on hosts",
                "none: sidecars share the task of their service, which there is on ECS only",
                "make it a service of its own here, or set sidecars in the environments with deploy_target: "
                "ecs only, or to null here",
            )


#: Wherever a model is checked.
SIDECAR_RULES = (sidecar_names, sidecar_ports, sidecar_volumes)


def _sidecars(services: Services) -> Iterator[tuple[str, str]]:
    for name, service in services.items():
        for sidecar in service["sidecars"] or {}:
            yield name, sidecar
