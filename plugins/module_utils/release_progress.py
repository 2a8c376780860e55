"""How far a module on the controller has come, told to who watches the run while the module runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def teller(path: str | None) -> Callable[[Mapping[str, Any]], None]:
    """Return what appends an entry to a file as a line of JSON; without a file it does nothing.

    An entry has C(service), C(state), C(detail) and C(seconds).
    """

    def tell(entry: Mapping[str, Any]) -> None:
        if path:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")

    return tell
