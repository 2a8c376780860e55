"""One look at a host, for all who want to know of it before anything is changed. Standard library alone."""

from __future__ import annotations

import subprocess
from typing import Any

from .host_facts import gather
from .host_state import state_of


def look(
    ports: list[int], docker_socket: str, script: str, application: dict[str, Any] | None
) -> dict[str, Any]:
    """Give what preflight is to judge, and the answers to what earlier runs kept as questions.

    :param script: commands of a shell whose output answers, or nothing
    :param application: what state_of is told, or nothing
    """
    said = subprocess.run(["/bin/sh"], input=script, capture_output=True, text=True, check=False)
    return {
        "facts": gather(ports, docker_socket),
        "answer": said.stdout if said.returncode == 0 else "",
        "state": state_of(**application) if application else "",
    }
