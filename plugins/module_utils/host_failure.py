"""Why a release failed on a host: cause class, evidence, remedy, and what serves now. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .host_plan import MEBIBYTE, Found

#: The exit code of a process that was sent SIGKILL.
KILLED = 137

REMEDIES = {
    "image_not_found": "Check that the image was pushed and that its name, tag or digest is right.",
    "pull_denied": "Check the login for this registry (registry_auth) and that it may read this repository.",
    "registry_unreachable": "Check the registry's name, and that this host reaches it.",
    "architecture": "Build the image for this host's architecture (`platform`), or use other hosts.",
    "start_refused": "Check `command`, `user` and `volumes` of the service against what the image contains.",
    "start_crash": "Run the image with the same environment locally; the log above is its own.",
    "out_of_memory": "Raise `memory` of the service, or lower what the process uses.",
    "health_check": "Check `health_check` of the service and what its health path or command answers above.",
    "timeout": "Raise `start_period` of its health check (or health_timeout), or make it start faster.",
    "dependency_unhealthy": "Mend the named dependency first; this service may then need no change.",
    "port_in_use": "Stop what holds the port, or choose another port.",
    "docker_unavailable": "Start the Docker Engine on this host (the docker_engine role does); run again.",
    "engine": "The message is the Engine's; `journalctl -u docker` may say more.",
    "proxy": "Read the proxy's log above; the routes in use before are in force.",
    "host": "Check the named file or device on the host (space, permissions).",
}


@dataclass
class Failure:
    """A failed release, as the person who must mend it needs it."""

    cause: str
    summary: str
    service: str = ""
    container: str = ""
    exit_code: Any = None
    evidence: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    serving: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as the module's `failure` value."""
        return {**vars(self), "remedy": REMEDIES[self.cause]}

    def message(self) -> str:
        """Return the message that a person reads."""
        return "\n".join(
            [
                f"{self.summary} ({self.cause})",
                *(f"  {line}" for line in self.evidence),
                *([f"  Last lines of the log of {self.container}:"] if self.log else []),
                *(f"    | {line}" for line in self.log),
                *([f"Serving now: {self.serving}"] if self.serving else []),
                f"What to do: {REMEDIES[self.cause]}",
            ]
        )


class ReleaseFailure(Exception):
    """Raised where the release cannot go on."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.summary)
        self.failure = failure


def pull_cause(message: str) -> str:
    """Classify the Engine's message about a failed pull."""
    text = message.lower()
    known = {
        "no matching manifest": "architecture",
        "denied": "pull_denied",
        "unauthorized": "pull_denied",
        "authentication required": "pull_denied",
        "no basic auth": "pull_denied",
        "not found": "image_not_found",
        "manifest unknown": "image_not_found",
        "unknown blob": "image_not_found",
        "name unknown": "image_not_found",
    }
    return next((cause for sign, cause in known.items() if sign in text), "registry_unreachable")


def start_cause(message: str) -> str:
    """Classify the Engine's message about a container that it could not create or start."""
    text = message.lower()
    if "exec format error" in text:
        return "architecture"
    if "port is already allocated" in text or "address already in use" in text:
        return "port_in_use"
    return "start_refused"


def exit_failure(
    service: str, container: Found, log: Sequence[str], architectures: tuple[str, str]
) -> Failure:
    """Explain a candidate that ended. `architectures` are the image's and the host's."""
    state = container.inspect["State"]
    code = int(state.get("ExitCode") or 0)
    limit = int(container.inspect["HostConfig"].get("Memory") or 0) // MEBIBYTE
    image_architecture, host_architecture = architectures
    failure = Failure("start_crash", f"{service} ended with exit code {code} while it started", service)
    failure.container, failure.exit_code, failure.log = container.name, code, list(log)
    if "exec format error" in "\n".join(log).lower() or (code and image_architecture != host_architecture):
        failure.cause = "architecture"
        failure.summary = f"{service} cannot run here: its image is for another architecture"
        failure.evidence.append(f"The image is for {image_architecture}, the host is {host_architecture}.")
    elif "[FATAL tini" in "\n".join(log):
        failure.cause = "start_refused"
        failure.summary = f"{service} could not be started: its command cannot be run"
    elif state.get("OOMKilled") or (code == KILLED and limit):
        failure.cause = "out_of_memory"
        failure.summary = f"{service} was killed at its memory limit of {limit} MiB while it started"
        if not state.get("OOMKilled"):
            # Not every kernel reports it, and hardly anything else kills a container that is starting.
            failure.evidence.append(
                "It was killed (exit code 137); that it was for its memory is an inference."
            )
    elif code == 0:
        failure.evidence.append("It ended by itself and without an error: a service has to keep running.")
    if state.get("Error"):
        failure.evidence.append(f"The Engine says: {state['Error']}")
    return failure


def without_secrets(lines: Iterable[str], secrets: Iterable[str]) -> list[str]:
    """Replace every secret value in lines of text that an application wrote."""
    values = sorted((value for value in secrets if value), key=len, reverse=True)
    shown = []
    for line in lines:
        clean = line
        for value in values:
            clean = clean.replace(value, "(secret)")
        shown.append(clean)
    return shown
