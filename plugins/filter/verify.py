"""Filters of the verify role."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..module_utils.model_views import verify_urls


def verify_questions(services: Mapping[str, Mapping[str, Any]], bases: Iterable[str]) -> list[dict[str, Any]]:
    """Give what the http_answers module is to ask: every route at each of several addresses."""
    return [question for base in bases for question in verify_urls(services, base)]


class FilterModule:
    """Filters ``slipway.core.<name>``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Give Ansible the filters of this file."""
        return {"verify_questions": verify_questions}
