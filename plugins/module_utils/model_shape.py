"""Read a value as an Option of the schema says: every default filled in, every fault of its shape noted."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Callable

from .model_schema import Option

#: Called with key path, what was found, what was expected, what to do.
Report = Callable[[str, str, str, str], None]


def read(value: Any, option: Option, key: str, report: Report) -> Any:
    """Give the value as the model holds it; None in place of what is faulty, which is reported."""
    return _READERS[option.type](value, option, key, report)


def kind(value: Any) -> str:
    """Name a value's type in plain words."""
    for types, words in _KINDS:
        if isinstance(value, types):
            return words
    return type(value).__name__


def shown(value: Any, option: Option) -> str:
    """Describe a value for an error without giving away what may be a secret."""
    if isinstance(value, (dict, list)) or value is None:
        return kind(value)
    if option.hidden:
        return f"{kind(value)}, not shown because it may be a secret"
    text = repr(str(value)) if isinstance(value, str) else str(value).lower()
    return f"{kind(value)}: {text if len(text) <= 80 else text[:77] + '...'}"


def suggestion(word: str, known: Iterable[str]) -> str | None:
    """Give the known word that was probably meant."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    near = [name for name in names if len(word) > 1 and (name.startswith(word) or word.startswith(name))]
    return next(iter([*near, *close]), None)


_KINDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((bool,), "true/false"),
    ((int,), "a whole number"),
    ((float,), "a number with a fraction"),
    ((str,), "text"),
    ((dict,), "a mapping"),
    ((list,), "a list"),
    ((type(None),), "nothing"),
)


def _wrong(value: Any, option: Option, key: str, report: Report) -> Any:
    report(key, shown(value, option), option.expected, option.remedy or "correct the value")
    return None


def _str(value: Any, option: Option, key: str, report: Report) -> Any:
    if not isinstance(value, str) or (option.pattern and not option.pattern.fullmatch(value)):
        return _wrong(value, option, key, report)
    if option.choices and value not in option.choices:
        meant = suggestion(value.upper(), option.choices)
        report(key, shown(value, option), option.expected, f'write "{meant}"' if meant else option.remedy)
        return None
    return str(value)


def _int(value: Any, option: Option, key: str, report: Report) -> Any:
    # A variable given by `-e` on the command line is always text.
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not option.low <= value <= option.high:
        return _wrong(value, option, key, report)
    return int(value)


def _bool(value: Any, option: Option, key: str, report: Report) -> Any:
    value = {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value
    return value if isinstance(value, bool) else _wrong(value, option, key, report)


def _scalar(value: Any, option: Option, key: str, report: Report) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (str, int)) else _wrong(value, option, key, report)


def _list(value: Any, option: Option, key: str, report: Report) -> Any:
    if not isinstance(value, list) or len(value) < option.low or option.element is None:
        return _wrong(value, option, key, report)
    read_items = [read(item, option.element, f"{key}[{index}]", report) for index, item in enumerate(value)]
    return [item for item in read_items if item is not None]


def _map(value: Any, option: Option, key: str, report: Report) -> Any:
    if not isinstance(value, dict) or option.names is None or option.element is None:
        return _wrong(value, option, key, report)
    result = {}
    for name, item in value.items():
        good_name = read(name, option.names, f"{key}.{name}", report)
        good_item = read(item, option.element, f"{key}.{name}", report)
        if good_name is not None and good_item is not None:
            result[good_name] = good_item
    return result


def _record(value: Any, option: Option, key: str, report: Report) -> Any:
    if not isinstance(value, dict):
        return _wrong(value, option, key, report)
    _unknown_keys(value, option, key, report)
    _one_of(value, option, key, report)
    return {name: _field(value, name, inner, key, report) for name, inner in option.options.items()}


def _field(record: Mapping[str, Any], name: str, option: Option, key: str, report: Report) -> Any:
    # `key: null` is how a variable is unset in an inventory: the same as not writing the key.
    if record.get(name) is not None:
        return read(record[name], option, f"{key}.{name}", report)
    if option.required:
        report(f"{key}.{name}", "nothing: the key is missing", option.expected, f"add {name}")
    return None if option.default is None else read(option.default, option, f"{key}.{name}", report)


def _unknown_keys(value: Mapping[Any, Any], option: Option, key: str, report: Report) -> None:
    for name in value:
        if name not in option.options:
            meant = suggestion(str(name), option.options)
            remedy = option.foreign.get(name) or (f'write "{meant}"' if meant else "remove it")
            report(
                f"{key}.{name}", "a key that does not exist", "one of " + ", ".join(option.options), remedy
            )


def _one_of(value: Mapping[str, Any], option: Option, key: str, report: Report) -> None:
    for group in option.one_of:
        given = [name for name in group if value.get(name) is not None]
        if len(given) != 1:
            either = " or ".join(group)
            found = f"{' and '.join(given)} together" if given else f"neither {' nor '.join(group)}"
            remedy = "remove all but one" if given else f"add {either}"
            report(f"{key}.{given[-1] if given else group[0]}", found, f"exactly one of {either}", remedy)


_READERS: Mapping[str, Callable[[Any, Option, str, Report], Any]] = {
    "str": _str,
    "int": _int,
    "bool": _bool,
    "scalar": _scalar,
    "list": _list,
    "map": _map,
    "record": _record,
}
