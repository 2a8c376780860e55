"""The containers of services, each by one name: a service's own, and those of its sidecars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Container:
    """A container of a service.

    :param sidecar: empty for the service's own container
    :param options: its keys in the application model
    """

    service: str
    sidecar: str
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What its image and its secrets are known by: its key below app_services, which no service has."""
        return f"{self.service}.sidecars.{self.sidecar}" if self.sidecar else self.service

    def at(self, key: str) -> str:
        """Give the path of one of its keys below the service."""
        return f"sidecars.{self.sidecar}.{key}" if self.sidecar else key


def containers(services: Mapping[str, Any]) -> Iterator[Container]:
    """Give every container, also of a model that is not checked yet; what is no mapping is left out."""
    for name, service in services.items():
        if isinstance(service, Mapping):
            yield Container(name, "", service)
            sidecars = service.get("sidecars")
            for sidecar, options in sidecars.items() if isinstance(sidecars, Mapping) else ():
                if isinstance(options, Mapping):
                    yield Container(name, sidecar, options)
