"""Why a release failed on a host: what the Engine says and a container leaves, and the class of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .host_plan import MEBIBYTE, Found
from .release_failure import Failure

#: The exit code of a process that was sent SIGKILL.
KILLED = 137


def pull_cause(message: str) -> str:
    """Classify the Engine's message about a failed pull."""
    text = message.lower()
    known = {
        "no matching manifest": "architecture",
        "no space left on device": "disk_full",
        "toomanyrequests": "pull_rate_limited",
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
