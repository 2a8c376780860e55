"""The end of what a release has replaced: containers drained, stopped and removed, old images removed."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Mapping, Sequence
from typing import Callable

from . import host_beside
from .docker_api import DockerError, Engine, split_reference
from .host_effects import Host
from .host_plan import Found, Json

SAMPLE = 0.1
ANYBODY = "anybody"
# The proxy closes an idle connection after one second, so this many seconds without any outlast one request
# that had been given its container just before the switch and connects just after.
QUIET = 1.2
# Where no client is left that was connected to the proxy at the switch, there is no such request. This long
# the proxy may take from knowing the new routes to following them on each of its ports.
QUIET_ALONE = 0.2


def drain(
    host: Host, containers: Iterable[Found], timeout: float, clients: Callable[[], set[str]] | None = None
) -> list[Json]:
    """Wait until the containers have no established connection, or until the time is over.

    `clients` names who is connected to the proxy in front, to be called after the switch; without it, anybody
    may be. Returns for each container how many seconds it took and how many connections were left.
    """
    waiting = [container for container in containers if container.running and container.port]
    report: list[Json] = []
    if not waiting:
        return report
    started = host.now()
    busy = {container.id: started for container in waiting}
    # Those who have come since the switch are sent to the new containers.
    former = clients() if clients else {ANYBODY}
    while waiting:
        quiet = QUIET if former else QUIET_ALONE
        for container in list(waiting):
            now = host.now()
            left = host.connections(container.pid, container.port)
            if left:
                busy[container.id] = now
            if now - busy[container.id] < quiet and now - started < timeout:
                continue
            waiting.remove(container)
            host.tell(container.name, f"{left} connections left" if left else "has no connection left")
            seconds = round(now - started, 1)
            report.append({"container": container.name, "seconds": seconds, "connections_left": left})
        if waiting:
            host.sleep(SAMPLE)
        if clients and former:
            former &= clients()
    return report


def stop(engine: Engine, containers: Sequence[Found]) -> None:
    """Stop containers side by side, each with the time it was given to stop in."""
    end(engine, containers, keep=lambda container: True)


def end(
    engine: Engine, containers: Sequence[Found], keep: Callable[[Found], bool] = lambda container: False
) -> None:
    """Stop containers as :func:`stop` does, and remove those that are not to be kept."""

    def end_one(container: Found) -> None:
        if container.running or container.inspect["State"].get("Restarting"):
            engine.stop_container(container.id, container.stop_timeout)
        if not keep(container):
            engine.remove_container(container.id)

    host_beside.each(end_one, containers)


def prune_images(engine: Engine, references: Iterable[str], keep: int) -> list[str]:
    """Remove all but the newest images of the repositories in use; what a container uses stays.

    Returns the names removed.
    """
    in_use = {container["ImageID"] for container in engine.containers()}
    images = engine.images()
    removed = []
    for repository in sorted({split_reference(reference)[0] for reference in references}):
        own = [image for image in images if _names(image, repository)]
        spare = [image for image in own if image["Id"] not in in_use]
        spare.sort(key=lambda image: int(image["Created"]), reverse=True)
        for image in spare[max(keep - (len(own) - len(spare)), 0) :]:
            for name in _names(image, repository):
                if _remove(engine, name):
                    removed.append(name)
    return removed


def _names(image: Mapping[str, Json], repository: str) -> list[str]:
    names = [*(image.get("RepoTags") or []), *(image.get("RepoDigests") or [])]
    return [str(name) for name in names if split_reference(str(name))[0] == repository]


def _remove(engine: Engine, name: str) -> bool:
    try:
        engine.remove_image(name)
    except DockerError as error:
        # A container began to use it a moment ago: then it is not spare.
        if error.status != http.client.CONFLICT:
            raise
        return False
    return True
