"""Filters over the application model; the code is in module_utils."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils import model, model_views
from ..module_utils.faults import Faults


def effective_services(
    app_services: Any, database: str, database_service_name: str, database_service: Any
) -> Any:
    """Give the services with the database's, every default filled in."""
    try:
        return model.effective_services(app_services, database, database_service_name, database_service)
    except Faults as faults:
        raise AnsibleFilterError(f"app_services is faulty:\n{faults}") from faults


def document_services(document: Mapping[str, Any]) -> Any:
    """Give the services of a release's document as effective_services does; none without a document."""
    names = ("app_services", "database", "database_service_name", "database_service")
    return effective_services(*(document[name] for name in names)) if document else {}


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Give Ansible the filters of this file."""
        return {
            "aws_name": model_views.aws_name,
            "but_of_releases": model.but_of_releases,
            "document_services": document_services,
            "effective_services": effective_services,
            "image_repositories": model_views.image_repositories,
            "images_wanted": model_views.images_wanted,
            "listener_rules": model_views.listener_rules,
            "secret_references": model_views.secret_references,
            "target_groups": model_views.target_groups,
            "verify_urls": model_views.verify_urls,
        }
