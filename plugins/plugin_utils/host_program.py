"""A program for a host's Python, made of this collection's own sources.

A module brings Ansible's own part of it along, which takes longer to load than the host is looked at.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).resolve().parents[1] / "module_utils"
#: In an order in which each finds what it imports.
NAMES = ("docker_api", "host_facts", "host_state", "host_look")
PROGRAM = """
import json, sys, types
package = sys.modules["slipway"] = types.ModuleType("slipway")
package.__path__ = []
for name, source in {sources!r}:
    module = sys.modules["slipway." + name] = types.ModuleType("slipway." + name)
    module.__package__ = "slipway"
    exec(compile(source, name + ".py", "exec"), module.__dict__)
print(json.dumps(sys.modules["slipway.host_look"].look(**{request!r})))
"""


def look(**request: Any) -> bytes:
    """Return the program that looks at a host and prints, as a line of JSON, what host_look.look returns."""
    return PROGRAM.format(sources=sources(), request=request).encode()


@functools.cache
def sources() -> list[tuple[str, str]]:
    """Return the sources by name."""
    return [(name, (SOURCES / f"{name}.py").read_text(encoding="utf-8")) for name in NAMES]
