"""Secrets on their way into containers."""

from collections.abc import Callable
from typing import Any

from ministack.services import ssm

from lab.conformance.around import around
from lab.settings import Settings


def containers_get_secure_strings_decrypted(_settings: Settings) -> None:
    """A container's secret that is a SecureString of Parameter Store has its plain text."""

    @around(ssm, "resolve_parameter_value")
    def decrypted(original: Callable[..., Any], name: str, version: Any = None, decrypt: bool = True) -> Any:
        return original(name, version, decrypt)
