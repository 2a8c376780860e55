"""Filters of the network role: a thin shim over module_utils/network.py."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils import network


def _filter(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a ValueError into an error that Ansible shows without a traceback."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ValueError as error:
            raise AnsibleFilterError(str(error)) from error

    return wrapped


class FilterModule:
    """Filters ``slipway.core.<name>``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name each filter after its function."""
        functions = (
            network.subnet_plan,
            network.ssh_rules,
            network.http_rules,
            network.group_rules,
            network.singleton_rules,
        )
        return {function.__name__: _filter(function) for function in functions}
