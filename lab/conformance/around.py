"""Wraps MiniStack's functions in place, also where its tables of API actions refer to them."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

from ministack.services import ec2

# An API response as MiniStack's handlers give it.
Response = tuple[int, dict[str, str], bytes]
Parameters = dict[str, Any]
Record = dict[str, Any]

LAUNCH_REQUEST: ContextVar[Parameters] = ContextVar("launch_request")
_remembering: list[bool] = []


def around(module: Any, name: str) -> Callable[[Callable[..., Any]], None]:
    """Decorate a function(original, ...) to take the place of `module.name`."""

    def install(replacement: Callable[..., Any]) -> None:
        original = getattr(module, name)
        bound = partial(replacement, original)
        setattr(module, name, bound)
        actions = getattr(module, "_ACTION_MAP", {})
        for action, handler in actions.items():
            if handler is original:
                actions[action] = bound

    return install


def remember_launch_requests() -> None:
    """Let functions beneath RunInstances see its whole request, of which MiniStack hands down a part."""
    if _remembering:
        return
    _remembering.append(True)

    @around(ec2, "_run_instances")
    def remembering(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        token = LAUNCH_REQUEST.set(p)
        try:
            return original(p)
        finally:
            LAUNCH_REQUEST.reset(token)


def numbered(p: Parameters, prefix: str) -> list[str]:
    """The values of prefix.1, prefix.2, ... of a query request."""
    found: list[str] = []
    while value := ec2._p(p, f"{prefix}.{len(found) + 1}"):
        found.append(value)
    return found


def flag(text: str) -> bool:
    """A boolean of the query protocol."""
    return text.lower() == "true"
