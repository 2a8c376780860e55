"""What hosts that exist already say, judged before anything is changed on them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .faults import Fault

GIB = 1024**3
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

#: What Ansible registered for one host: the module's result, or why there is none.
Facts = Mapping[str, Any]


def check(hosts: Mapping[str, Facts], app: str, architecture: str, disk_gib: float) -> list[Fault]:
    """Name what stands in the way on each host."""
    faults: list[Fault] = []
    for name, facts in sorted(hosts.items()):
        if facts.get("unreachable"):
            faults.append(_unreachable(name, facts))
        elif "engine" not in facts:
            faults.append(_not_looked_at(name, facts))
        else:
            faults += _engine(name, facts)
            faults += _ports(name, facts, app)
            faults += _disk(name, facts, disk_gib)
            faults += _architecture(name, facts, architecture)
    return faults


def _unreachable(name: str, facts: Facts) -> Fault:
    return Fault(
        f"host {name}",
        "ssh",
        f"the host exists and cannot be reached: {facts.get('msg', '')}",
        "a host that answers ssh from this machine",
        "add your address to ssh_allowed_cidrs, check the key file and that the instance runs",
    )


def _not_looked_at(name: str, facts: Facts) -> Fault:
    said = str(facts.get("module_stderr") or facts.get("msg") or "no answer").strip()
    return Fault(
        f"host {name}",
        "python",
        f"the host was reached and could not be looked at: {said}",
        "Python 3.9 or newer and sudo without a password",
        "mend it on the host, or replace the host",
    )


def _engine(name: str, facts: Facts) -> Iterator[Fault]:
    engine = facts["engine"]
    if engine["installed"] and not engine["answers"]:
        yield Fault(
            f"host {name}",
            "docker",
            f"its Docker Engine does not answer: {engine['error']}",
            "a Docker Engine that answers, or none yet",
            "look at journalctl -u docker on the host",
        )


def _ports(name: str, facts: Facts, app: str) -> Iterator[Fault]:
    for port, holder in sorted(facts["ports"].items()):
        if holder["app"] != app:
            yield Fault(
                f"host {name}",
                f"port {port}",
                f"it is held by {holder['by']}, which is not of application {app}",
                f"port {port} free for the application's proxy",
                "stop what holds it and keep it from starting again, or use another host",
            )


def _disk(name: str, facts: Facts, disk_gib: float) -> Iterator[Fault]:
    free = facts["disk_free"] / GIB
    if free < disk_gib:
        yield Fault(
            f"host {name}",
            "disk",
            f"{free:.1f} GiB are free where Docker keeps images",
            f"at least {disk_gib:g} GiB, for the new images beside the old ones",
            "remove what is not needed (docker system df), or give new hosts a larger volume",
        )


def _architecture(name: str, facts: Facts, architecture: str) -> Iterator[Fault]:
    own = ARCHITECTURES.get(facts["architecture"], facts["architecture"])
    if architecture and own != architecture:
        yield Fault(
            f"host {name}",
            "architecture",
            f"the host is {own}, images are built for {architecture}",
            "images and hosts of one architecture",
            f"set images_platform to linux/{own}",
        )
