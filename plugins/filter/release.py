"""Filters of the release role: a thin shim over module_utils/release_*.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils import release_history, release_parts
from ..module_utils.filters import as_filters


class FilterModule:
    """Filters ``slipway.core.<name>``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name each filter after its function."""
        return as_filters(
            release_history.history_line,
            release_history.release_document,
            release_parts.gate_run,
            release_parts.host_parts,
            release_parts.moved,
            release_parts.release_ending,
            release_parts.service_parts,
        )
