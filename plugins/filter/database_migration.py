"""Filters of the role database_migration: a thin shim over module_utils/database_migration.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils import database_migration
from ..module_utils.filters import as_filters


class FilterModule:
    """Filters ``slipway.core.<name>``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name each filter after its function."""
        return as_filters(
            database_migration.copy_report,
            database_migration.migration_step,
            database_migration.move_told,
            database_migration.rehearsal_told,
        )
