"""Filters of the ec2_hosts role: a thin shim over module_utils/hosts.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils import hosts
from ..module_utils.filters import as_filters


class FilterModule:
    """Filters ``slipway.core.<name>``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name each filter after its function."""
        return as_filters(
            hosts.wanted_hosts,
            hosts.missing_hosts,
            hosts.surplus_hosts,
            hosts.resized_hosts,
            hosts.host_addresses,
        )
