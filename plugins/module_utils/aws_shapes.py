"""Structures of AWS's APIs, checked and compared by botocore's own model of them.

Everything here is pure. A structure goes through three steps: :func:`coerced` gives numbers and texts the
types of the model, :func:`faults` names everything that the model does not allow, :func:`normal` gives the
form in which two structures are equal exactly when they mean the same to AWS. What the model does not say
(which lists are sets, which values AWS takes for missing ones) is data in :class:`Rules`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

from botocore.validate import ParamValidator

if TYPE_CHECKING:
    from botocore.model import ListShape, MapShape, Shape, StructureShape

# How a text is read as each plain type. A time without a zone is in UTC.
READERS: Mapping[str, Callable[[str], Any]] = {
    "integer": int,
    "long": int,
    "double": float,
    "float": float,
    "timestamp": lambda text: _in_utc(datetime.fromisoformat(text)),
}


@dataclass(frozen=True)
class Rules:
    """What a service's model does not say. Paths are names of members joined by dots; lists add nothing.

    :param sets: lists whose order means nothing, and the member that an item is known by ("": plain values)
    :param defaults: what AWS takes where a member is missing
    """

    sets: Mapping[str, str]
    defaults: Mapping[str, Any]


def coerced(value: Any, shape: Shape) -> Any:
    """Give a value the types of its shape where that loses nothing; nulls go.

    YAML and templates make numbers of texts and texts of numbers. A boolean where a text is expected stays
    as it is, to be named as a fault: nobody can know whether "true" or "True" was meant.
    """
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        members = cast("StructureShape", shape).members
        return {
            name: coerced(each, members[name]) if name in members else each
            for name, each in value.items()
            if each is not None
        }
    if kind == "map" and isinstance(value, Mapping):
        inner = cast("MapShape", shape).value
        return {str(name): coerced(each, inner) for name, each in value.items() if each is not None}
    if kind == "list" and isinstance(value, Sequence) and not isinstance(value, str):
        inner = cast("ListShape", shape).member
        return [coerced(each, inner) for each in value if each is not None]
    return _scalar(value, kind)


def _scalar(value: Any, kind: str) -> Any:
    if kind == "string" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, datetime):
        return _in_utc(value)
    if not isinstance(value, str):
        return value
    if kind == "boolean":
        return {"true": True, "false": False}.get(value.lower(), value)
    try:
        return READERS[kind](value)
    except (KeyError, ValueError):
        return value


def _in_utc(time: datetime) -> datetime:
    return time.astimezone(timezone.utc) if time.tzinfo else time.replace(tzinfo=timezone.utc)


def faults(value: Any, shape: Shape) -> list[str]:
    """Everything that the model does not allow: unknown, missing, mistyped members, and unknown choices."""
    report = ParamValidator().validate(value, shape).generate_report()
    return [*filter(None, report.split("\n")), *_choices(value, shape, "")]


def _choices(value: Any, shape: Shape, path: str) -> Iterator[str]:
    """Name the values outside an enumeration, which botocore's validator leaves to AWS."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        for name, member in cast("StructureShape", shape).members.items():
            if name in value:
                yield from _choices(value[name], member, f"{path}.{name}" if path else name)
    elif kind == "list" and isinstance(value, list):
        for index, each in enumerate(value):
            yield from _choices(each, cast("ListShape", shape).member, f"{path}[{index}]")
    elif kind == "string" and isinstance(value, str):
        allowed = getattr(shape, "enum", [])
        if allowed and value not in allowed:
            yield f"Invalid value for parameter {path}, value: {value}, must be one of: {', '.join(allowed)}"


def normal(value: Any, shape: Shape, rules: Rules, path: str = "") -> Any:
    """The form in which what means the same is equal: a valid value, or AWS's answer to one.

    Members that the shape does not have go (an answer has more than a request), so do empty lists, maps and
    structures and whatever equals its default; sets are sorted.
    """
    kind = shape.type_name
    if kind == "structure" and not getattr(shape, "is_document_type", False):
        members = cast("StructureShape", shape).members
        found = {}
        for name in sorted(set(members) & set(value)):
            inner = f"{path}.{name}" if path else name
            each = normal(value[name], members[name], rules, inner)
            if each not in ({}, []) and not (inner in rules.defaults and each == rules.defaults[inner]):
                found[name] = each
        return found
    if kind == "map":
        inner_shape = cast("MapShape", shape).value
        return {name: normal(each, inner_shape, rules, path) for name, each in sorted(value.items())}
    if kind == "list":
        items = [normal(each, cast("ListShape", shape).member, rules, path) for each in value]
        if path not in rules.sets:
            return items
        return sorted(items, key=lambda item: _place(item, rules.sets[path]))
    return value


def _place(item: Any, name: str) -> tuple[str, str]:
    """Where an item stands in a set: by its name, then by all it is."""
    return str(item.get(name, "")) if name else "", json.dumps(item, sort_keys=True, default=str)


def differing(wanted: Mapping[str, Any], actual: Mapping[str, Any]) -> list[str]:
    """Names of the members that differ between two normal forms."""
    return sorted(name for name in {*wanted, *actual} if wanted.get(name) != actual.get(name))


def restoring(
    wanted: Mapping[str, Any],
    actual: Mapping[str, Any],
    shape: StructureShape,
    defaults: Mapping[str, Any],
    path: str = "",
) -> dict[str, Any]:
    """Write out those defaults from which the actual form departs, as what a request leaves out may stay."""
    result = dict(wanted)
    for name, value in actual.items():
        inner = f"{path}.{name}" if path else name
        member = shape.members[name]
        if name not in wanted and inner in defaults:
            result[name] = defaults[inner]
        elif member.type_name == "structure":
            structure = cast("StructureShape", member)
            inside = restoring(wanted.get(name, {}), value, structure, defaults, inner)
            if inside:
                result[name] = inside
    return result
