"""Filters of the verify role."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..module_utils.model_views import verify_urls


def verify_questions(
    services: Mapping[str, Mapping[str, Any]],
    named: Iterable[str],
    connect_to: str = "",
    hosts: Iterable[str] = (),
) -> list[dict[str, Any]]:
    """Give what http_answers and release_probe are to ask: every route at each of several addresses.

    Those in ``named`` are connected to at ``connect_to`` where that is given, a host at its own address.
    """
    at = [*((base, connect_to) for base in named), *((base, "") for base in hosts)]
    return [{**question, "connect_to": to} for base, to in at for question in verify_urls(services, base)]


class FilterModule:
    """Filters ``slipway.core.<name>``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Give Ansible the filters of this file."""
        return {"verify_questions": verify_questions}
