"""Filters of the dev_environment role; the code is in module_utils."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils import dev_views
from ..module_utils.faults import render


def dev_faults(services: dev_views.Services, project_dir: str) -> str:
    """Give all faults as one text, empty where there is none."""
    return render(dev_views.dev_faults(services, project_dir))


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Give Ansible the filters of this file."""
        return {
            "dev_builds": dev_views.dev_builds,
            "dev_containers": dev_views.dev_containers,
            "dev_faults": dev_faults,
            "dev_volumes": dev_views.dev_volumes,
        }
