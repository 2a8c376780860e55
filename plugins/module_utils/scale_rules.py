"""Rules about `scale`, the autoscaling of a service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from .model_rules import Finding, Services

TARGETS = ("cpu", "memory", "requests")


def scale_bounds(services: Services) -> Iterator[Finding]:
    """The least is no more than the most, also at each time of a schedule."""
    for name, scale in _scaling(services):
        for key, bounds in _bounds(scale):
            low, high = bounds["min"], bounds["max"]
            if low is not None and high is not None and low > high:
                yield Finding(
                    name,
                    f"{key}.min",
                    f"{low}, more than max, {high}",
                    "at most max",
                    "lower min or raise max",
                )


def scale_by_something(services: Services) -> Iterator[Finding]:
    """A service that scales has a reason to."""
    for name, scale in _scaling(services):
        if not scale["schedules"] and all(scale[target] is None for target in TARGETS):
            yield Finding(
                name,
                "scale",
                "nothing to scale by",
                f"{', '.join(TARGETS)} or schedules",
                "add cpu: 60, for instance, or remove scale and set replicas",
            )


def scale_by_requests(services: Services) -> Iterator[Finding]:
    """Only the load balancer counts requests."""
    for name, scale in _scaling(services):
        if scale["requests"] is not None and not services[name]["route"]:
            yield Finding(
                name,
                "scale.requests",
                "requests of a service without a route",
                "a route, because the load balancer counts the requests",
                "add the route, or scale by cpu or memory",
            )


def scale_of_single_writer(services: Services) -> Iterator[Finding]:
    """Two processes never share a volume."""
    for name, _scale in _scaling(services):
        if services[name]["volumes"]:
            yield Finding(
                name,
                "scale",
                "autoscaling of a service with volumes",
                "one task: two processes that write one volume damage it",
                "remove scale, or keep the data in a service of its own",
            )


def schedules(services: Services) -> Iterator[Finding]:
    """A schedule has a name of its own, sets a bound, and follows a clock that exists."""
    for name, scale in _scaling(services):
        for key, schedule, faults in timed(name, "scale.schedules", scale["schedules"], "schedule"):
            yield from faults
            if schedule["min"] is None and schedule["max"] is None:
                yield Finding(
                    name, key, "neither min nor max", "what changes at that time", "add min, max or both"
                )


def names_taken(service: str, key: str, items: Sequence[Mapping[str, Any]], what: str) -> Iterator[Finding]:
    """Find the items of a list that are named as one before them; `what` is the field's term for an item."""
    names = [item["name"] for item in items]
    for index, name in enumerate(names):
        if name in names[:index]:
            taken = f"{name}, as another {what} is named"
            yield Finding(service, f"{key}[{index}].name", taken, "a name of its own", "rename it")


def timed(
    service: str, key: str, items: Sequence[Mapping[str, Any]] | None, what: str
) -> Iterator[tuple[str, Mapping[str, Any], list[Finding]]]:
    """Yield each item of a list of what happens at certain times: its key, itself, and its faults.

    :param what: the field's term for an item
    """
    taken = list(names_taken(service, key, items or [], what))
    for index, item in enumerate(items or []):
        place = f"{key}[{index}]"
        faults = [fault for fault in taken if fault.key == f"{place}.name"]
        if item["timezone"] and not _zone_exists(item["timezone"]):
            expected = "a time zone of the IANA database, such as Europe/Berlin"
            faults.append(
                Finding(service, f"{place}.timezone", item["timezone"], expected, "correct its name")
            )
        yield place, item, faults


def hosts_do_not_scale(services: Services) -> Iterator[Finding]:
    """What runs on hosts has as many containers as are described."""
    for name, _scale in _scaling(services):
        yield Finding(
            name,
            "scale",
            "autoscaling on hosts",
            "no scale: replicas on each of ec2_hosts_count hosts",
            "set scale in the environments with deploy_target: ecs only, or to null here",
        )


#: Wherever a model is checked.
SCALE_RULES = (scale_bounds, scale_by_something, scale_by_requests, scale_of_single_writer, schedules)


def _scaling(services: Services) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, service in services.items():
        if service["scale"]:
            yield name, service["scale"]


def _bounds(scale: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "scale", scale
    for index, schedule in enumerate(scale["schedules"] or []):
        yield f"scale.schedules[{index}]", schedule


def _zone_exists(name: str) -> bool:
    """Tell whether there is such a time zone; where this machine knows none at all, AWS will tell."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError):
        return not available_timezones()
    return True
