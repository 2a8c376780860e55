"""What is wrong with an input: where, what was found, what was expected, what to do.

A fault is data until it is shown, so that every check of a run can report before the run ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, in the words of the person who has to mend it."""

    where: str
    key: str
    problem: str
    expected: str
    remedy: str

    def as_dict(self) -> dict[str, str]:
        """Give the fault as a module returns it."""
        return asdict(self)


class Faults(Exception):
    """Raised where a caller needs valid input and got faults instead."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        super().__init__(render(self.faults))


def parent(key: str) -> str:
    """Give the key path one level up; the empty string above the top.

    >>> parent("app_services.api.volumes[0]")
    'app_services.api.volumes'
    """
    return key[: max(key.rfind("."), key.rfind("["), 0)]


def locate(origins: Mapping[str, str], key: str) -> str:
    """Give `file:line` of a key, or of the nearest key above it; the variable's name where none is known."""
    step = key
    while step:
        if step in origins:
            return origins[step]
        step = parent(step)
    return f"variable {key.split('.', maxsplit=1)[0].split('[', maxsplit=1)[0]}"


def related(key: str, other: str) -> bool:
    """Tell whether one key path is the other or lies within it."""
    short, long = sorted((key, other), key=len)
    return long == short or (long.startswith(short) and long[len(short)] in ".[")


def render(faults: Iterable[Fault]) -> str:
    """Give all faults as one numbered text."""
    listed = list(faults)
    blocks = [
        f"{number}. {fault.where}: {fault.key}\n"
        f"   found:    {fault.problem}\n"
        f"   expected: {fault.expected}\n"
        f"   remedy:   {fault.remedy}"
        for number, fault in enumerate(listed, start=1)
    ]
    return "\n".join(blocks)
