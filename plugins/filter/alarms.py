"""Filters of the alarms role: a thin shim over module_utils/alarm_views.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils import alarm_views
from ..module_utils.filters import as_filters


class FilterModule:
    """Filters ``slipway.core.<name>``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name each filter after its function."""
        return as_filters(alarm_views.alarms, alarm_views.alarms_of_release)
