"""Make Jinja filters of plain functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ansible.errors import AnsibleFilterError


def as_filters(*functions: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Name each filter after its function; a ValueError becomes an error without a traceback."""
    return {function.__name__: _as_filter(function) for function in functions}


def _as_filter(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ValueError as error:
            raise AnsibleFilterError(str(error)) from error

    return wrapped
