"""What served on a host when the last whole release had ended: what a failed release returns to.

Its containers are stopped and kept, not removed, until a later release is whole; so returning needs neither
the registry nor the store of the secrets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from .host_effects import Host
from .host_plan import Found, Json

FILE = "base.json"


@dataclass(frozen=True)
class Base:
    """Containers by id, in the order of their start, and the proxy's routes; none where nothing served.

    `stopped` are those of the containers that later releases have taken out of service.
    """

    release: str
    containers: Sequence[str] = ()
    configuration: Json | None = None
    stopped: Sequence[str] = ()

    def without(self, containers: Iterable[Found]) -> Base:
        """Return it with some of its containers out of service; those of others are none of its."""
        going = {container.id for container in containers}
        return replace(
            self, stopped=[one for one in self.containers if one in going or one in set(self.stopped)]
        )

    def keeps(self, container: Found) -> bool:
        """Tell whether a container is here only to be returned to."""
        return container.id in self.stopped


class BaseFile:
    """The file that holds it."""

    def __init__(self, host: Host, config_dir: str, app: str) -> None:
        self._host = host
        self._path = f"{config_dir}/{app}/{FILE}"

    def read(self) -> Base | None:
        """Return what was written; None before the first release."""
        text = self._host.read(self._path)
        return Base(**json.loads(text)) if text else None

    def write(self, base: Base) -> None:
        """Replace what was written."""
        self._host.write(self._path, json.dumps(asdict(base)))
