"""What is kept of a host's answers, and whether it still answers so."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

#: What is kept of a host's configuration, and of an application on it.
CONFIGURATION = {"question", "told", "until", "answer"}
APPLICATION = {"question", "answer", "told", "salt", "result"}


def differs(found: Mapping[str, Any], answer: str, told: Callable[[], str]) -> str:
    """Say what is not as it was kept; nothing where all is.

    :param found: what was kept
    :param answer: what the host answers
    :param told: gives what stands for the roles and for what they are told
    """
    if not found or not found["answer"]:
        return "No run that changed nothing has been kept."
    if found["until"] <= time.time():
        return "The roles would look for more than what can be compared: it is time again."
    if why := differences(found["answer"], answer):
        return why
    if found["told"] != told():
        return "The roles are others, or are told otherwise."
    return ""


def differences(before: str, after: str) -> str:
    """Say how answers differ; nothing where they do not, and are answers."""
    if not before or not after:
        return "The host was not asked before, or did not answer."
    lines = sorted(set(before.splitlines()) ^ set(after.splitlines()))
    return f"The host answers otherwise: {'; '.join(lines)}" if before != after else ""
