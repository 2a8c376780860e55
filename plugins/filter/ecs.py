"""Filters of the ecs roles: a thin shim over module_utils/ecs_views.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils import ecs_views, model
from ..module_utils.filters import as_filters


class FilterModule:
    """Filters ``slipway.core.<name>``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name each filter after its function."""
        return as_filters(
            ecs_views.access_points,
            ecs_views.autoscaling,
            ecs_views.ecs_services,
            ecs_views.execution_statements,
            ecs_views.role_policies,
            ecs_views.rollouts,
            ecs_views.scheduled_tasks,
            ecs_views.scheduler_statements,
            ecs_views.service_calls,
            ecs_views.task_definitions,
            ecs_views.task_statements,
            ecs_views.volume_places,
            model.start_waves,
        )
