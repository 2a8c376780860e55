"""Filters of the load_balancer role: a thin shim over module_utils/listeners.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils import listeners
from ..module_utils.filters import as_filters


class FilterModule:
    """Filters ``slipway.core.<name>``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name each filter after its function."""
        return as_filters(listeners.forward_to, listeners.group_arns)
