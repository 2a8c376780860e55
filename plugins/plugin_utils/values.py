"""What variables come to, on one host or on several."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.vault import EncryptedString

NAME = re.compile(r"[A-Za-z_]\w*")
#: By these a template can come to a variable whose name is not written in it: by another name, or in a file.
UNSEEN = {"vars", "varnames", "lookup", "query", "q", "include", "import", "extends"}
MISSING = object()


class Values:
    """Works variables out, once for all hosts on which all that they are made of is the same."""

    def __init__(self, templar: Any) -> None:
        self._templar = templar
        #: For each variable what it was made of, by name as it was written, and what it came to.
        self._found: dict[str, list[tuple[dict[str, Any], Any]]] = {}

    def of(self, names: Iterable[str], variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the variables' values; where one has none, why, as roles that used it would fail."""
        templar = self._templar.copy_with_new_env(available_variables=variables)
        return {name: self._value(name, variables, templar) for name in names}

    def _value(self, name: str, variables: Mapping[str, Any], templar: Any) -> Any:
        if name not in variables:
            return None
        for made_of, value in self._found.get(name, []):
            if all(_same(variables.get(each, MISSING), written) for each, written in made_of.items()):
                return value
        value = self._template(templar, variables[name])
        within = words_within(name, variables)
        if not UNSEEN & within:
            written = {each: variables.get(each, MISSING) for each in within}
            self._found.setdefault(name, []).append((written, value))
        return value

    def _template(self, templar: Any, written: Any) -> Any:
        try:
            return templar.template(written)
        except AnsibleError as error:
            return {"error": str(error)}


def words_within(name: str, variables: Mapping[str, Any]) -> set[str]:
    """Return all words in what a variable is made of, names of variables and others; its own among them."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += [word for text in texts(variables.get(name)) for word in words(text)]
    return found


def texts(value: Any) -> Iterator[Any]:
    """Give all texts within what is written for a variable."""
    if isinstance(value, (str, EncryptedString)):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def words(text: Any) -> set[str]:
    """Give what may be names of variables in a text that is a template."""
    return set(NAME.findall(text)) if isinstance(text, str) and ("{{" in text or "{%" in text) else set()


def _same(one: Any, other: Any) -> bool:
    return one is other or one == other
