"""What is wrong with the value of an option, by its argument spec, and with the name of one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Callable

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import DEFAULT_TYPE_VALIDATORS

from .faults import Fault, locate
from .model_schema import Option
from .model_shape import shown, suggestion

#: Tells of a value, or of one within it, whether it may be shown.
Secret = Callable[[Any], bool]
Spec = Mapping[str, Any]

#: Types of argument specs in plain words; of any other, Ansible's name.
TYPES = {
    "bool": "true or false",
    "dict": "a mapping",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "path": "a path",
    "str": "text",
}
#: What Ansible would write as text although nobody can have meant that.
NO_TEXT = (Mapping, list)
#: How the names end of facts that roles publish.
PUBLISHED = "_made"


def read(
    name: str, value: Any, option: Spec, origins: Mapping[str, str], secret: Secret
) -> tuple[Any, list[Fault]]:
    """Give the value as a role gets it, and everything that is wrong with it."""
    problems = list(_problems(name, value, option, secret))
    faults = [Fault(locate(origins, problem[0]), *problem) for problem in problems]
    checked = ArgumentSpecValidator({name: dict(option)}).validate({name: value})
    if checked.error_messages and not faults:
        # What no spec has yet, such as options that exclude each other. Its words may hold the value.
        hidden = any(_secrets(value, option, secret))
        found = "not what is expected" if hidden else "; ".join(checked.error_messages)
        faults = [Fault(locate(origins, name), name, found, described(option), f"correct {name}")]
    return checked.validated_parameters[name], faults


def _problems(key: str, value: Any, option: Spec, secret: Secret) -> Iterator[tuple[str, str, str, str]]:
    """Give key, what was found, what was expected and what to do, of a value and all within it."""
    if value is None and not option.get("required") and option.get("default") is None:
        return
    wanted = str(option.get("type", "str"))

    def hidden(inner: Any = None) -> bool:
        return bool(option.get("no_log")) or secret(value) or secret(inner)

    try:
        read_as = DEFAULT_TYPE_VALIDATORS[wanted](value)
        unfit = wanted in ("str", "path") and isinstance(value, NO_TEXT)
    except (TypeError, ValueError):
        unfit = True
    if unfit:
        yield key, _shown(value, hidden()), _expected(TYPES.get(wanted, wanted), option), f"correct {key}"
    elif isinstance(read_as, list) and (option.get("elements") or option.get("choices")):
        inner = {**option, "type": option.get("elements") or "raw", "elements": None, "required": True}
        for index, item in enumerate(read_as):
            yield from _problems(f"{key}[{index}]", item, inner, hidden)
    elif option.get("choices") and read_as not in option["choices"]:
        choices = [str(choice) for choice in option["choices"]]
        meant = None if hidden() else suggestion(str(read_as), choices)
        expected = _expected(f"one of {', '.join(choices)}", option)
        yield key, _shown(value, hidden()), expected, f"write {meant}" if meant else f"correct {key}"
    elif isinstance(read_as, dict) and option.get("options"):
        yield from _within(key, read_as, option["options"], hidden)


def _within(
    key: str, value: Mapping[Any, Any], options: Mapping[str, Spec], secret: Secret
) -> Iterator[tuple[str, str, str, str]]:
    for name in value:
        if name not in options:
            meant = suggestion(str(name), options)
            remedy = f"write {meant}" if meant else "remove it"
            yield f"{key}.{name}", "a key that does not exist", "one of " + ", ".join(options), remedy
    for name, inner in options.items():
        if name in value:
            yield from _problems(f"{key}.{name}", value[name], inner, secret)
        elif inner.get("required"):
            yield f"{key}.{name}", "nothing: the key is missing", described(inner), f"add {name}"


def _secrets(value: Any, option: Spec, secret: Secret) -> Iterator[bool]:
    yield bool(option.get("no_log")) or secret(value)
    inner = option.get("options") or {}
    for each in value if isinstance(value, list) else ():
        yield from _secrets(each, option, secret)
    for name, each in value.items() if isinstance(value, dict) else ():
        yield from _secrets(each, inner.get(name, {}), secret)


def _shown(value: Any, hidden: bool) -> str:
    return shown(value, Option("", "", hidden=hidden))


def _expected(what: str, option: Spec) -> str:
    return f"{what} ({described(option).partition('. ')[0]})"


def described(option: Spec) -> str:
    """Give what an option's description says first, without Ansible's markup: C(name) is shown as name."""
    description = option.get("description") or ""
    text = str(description if isinstance(description, str) else description[0])
    return re.sub(r"\b[A-Z]\(([^)]*)\)", r"\1", text).strip().rstrip(".")


def unknown(name: str, where: str, role: str, known: Iterable[str]) -> Fault:
    """Say that a variable is named like an option of a role and is none."""
    own = len(f"{role}_")
    # What roles publish is not for anybody to set.
    meant = suggestion(name[own:], (each[own:] for each in known if not each.endswith(PUBLISHED)))
    return Fault(
        where,
        name,
        f"the role {role} has no such option, and nothing else reads it",
        f"an option of the role {role} (roles/{role}/README.md), or a name that begins otherwise",
        f"write {role}_{meant}" if meant else "remove or rename it",
    )
