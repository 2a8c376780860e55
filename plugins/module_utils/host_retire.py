"""The end of what a release has replaced: containers drained, stopped and removed, old images removed."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from .docker_api import DockerError, Engine, split_reference
from .host_effects import Host
from .host_plan import Found, Json

SAMPLE = 0.2
# The proxy closes an idle connection after one second, so this many empty samples in a row outlast one
# request that had been given its container just before the switch and connects just after.
EMPTY_SAMPLES = 6


def drain(host: Host, containers: Iterable[Found], timeout: float) -> list[Json]:
    """Wait until the containers have no established connection, or until the time is over.

    Returns for each how long it took and how many connections were left.
    """
    empty = {container.id: 0 for container in containers}
    waiting = [container for container in containers if container.running and container.port]
    started = host.now()
    report: list[Json] = []
    while waiting:
        host.sleep(SAMPLE)
        seconds = host.now() - started
        for container in list(waiting):
            left = host.connections(container.pid, container.port)
            empty[container.id] = 0 if left else empty[container.id] + 1
            if empty[container.id] >= EMPTY_SAMPLES or seconds >= timeout:
                waiting.remove(container)
                host.tell(container.name, f"{left} connections left" if left else "has no connection left")
                report.append(
                    {"container": container.name, "seconds": round(seconds, 1), "connections_left": left}
                )
    return report


def stop(engine: Engine, containers: Sequence[Found]) -> None:
    """Stop containers side by side, each with the time it was given to stop in."""

    def end(container: Found) -> None:
        if container.running or container.inspect["State"].get("Restarting"):
            engine.stop_container(container.id, container.stop_timeout)

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(end, containers))


def stop_and_remove(engine: Engine, containers: Sequence[Found]) -> None:
    """Stop containers as :func:`stop` does, and remove them."""
    stop(engine, containers)
    for container in containers:
        engine.remove_container(container.id)


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
