"""For action plugins on the controller: a result that is a secret, an error that is not."""

from __future__ import annotations

from typing import Any


def hide(result: dict[str, Any]) -> dict[str, Any]:
    """Keep a successful result out of every output.

    `no_log` on the task would hide a failure's reason as well.
    """
    if not result.get("failed"):
        result["_ansible_no_log"] = True
    return result
