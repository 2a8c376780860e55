"""A program for a host's Python, made of this collection's own sources.

A module brings Ansible's own part of it along, which takes a host longer to load than a look at it takes.
What is made here needs nothing but Python's standard library.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).resolve().parents[1] / "module_utils"
#: How a source names others of the same package.
IMPORTS = re.compile(r"^from \.(\w*) import (.+|\((?:\s*\w+,?)+\s*\))$", re.MULTILINE)
PROGRAM = """
import json, sys, types
package = sys.modules["slipway"] = types.ModuleType("slipway")
package.__path__ = []
for name, source in {sources!a}:
    module = types.ModuleType("slipway." + name)
    module.__package__ = "slipway"
    sys.modules[module.__name__] = module
    setattr(package, name, module)
    exec(compile(source, name + ".py", "exec"), module.__dict__)
print(json.dumps(module.{function}(**json.loads({request!a}))))
"""


def program(name: str, function: str, **request: Any) -> bytes:
    """Return a program that calls a function and prints, as a line of JSON, what it returns.

    :param name: of the module of module_utils that has it
    :param request: what it is told
    """
    told = json.dumps(request)
    return PROGRAM.format(sources=sources(name), function=function, request=told).encode()


@functools.cache
def sources(name: str) -> list[tuple[str, str]]:
    """Return the sources of a module and of all that it imports, each after what it imports itself."""
    found: dict[str, str] = {}
    _add(name, found)
    return list(found.items())


def _add(name: str, found: dict[str, str]) -> None:
    if name in found:
        return
    source = (SOURCES / f"{name}.py").read_text(encoding="utf-8")
    for module, names in IMPORTS.findall(source):
        for other in [module] if module else re.findall(r"\w+", names):
            _add(other, found)
    found[name] = source
