"""Filters of the network role: a thin shim over module_utils/network.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils import network
from ..module_utils.filters import as_filters


class FilterModule:
    """Filters ``slipway.core.<name>``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name each filter after its function."""
        return as_filters(
            network.subnet_plan,
            network.private_subnet_plan,
            network.service_endpoints,
            network.ssh_rules,
            network.http_rules,
            network.group_rules,
            network.singleton_rules,
            network.service_rules,
        )
