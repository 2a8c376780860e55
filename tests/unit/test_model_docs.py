"""The documented keys of a service are those that the model reads, with their types and defaults."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.module_utils.model_schema import SERVICE, Option

SPECS = Path(__file__).parents[2] / "roles/preflight/meta/argument_specs.yml"
ENVIRONMENT = yaml.safe_load(SPECS.read_text())["argument_specs"]["environment"]["options"]
DOCUMENTED = ENVIRONMENT["app_services"]["options"]["<service>"]["options"]
TYPES = {"record": "dict", "map": "dict", "scalar": "raw"}


def described(options: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, tuple[Any, ...]]]:
    for name, option in options.items():
        facts = (option["type"], option.get("elements"), option.get("required", False), option.get("default"))
        yield prefix + name, facts
        yield from described(option.get("options", {}), f"{prefix}{name}.")


def read(options: Mapping[str, Option], prefix: str = "") -> Iterator[tuple[str, tuple[Any, ...]]]:
    for name, option in options.items():
        element = option.element if option.type == "list" else None
        elements = TYPES.get(element.type, element.type) if element else None
        yield prefix + name, (TYPES.get(option.type, option.type), elements, option.required, option.default)
        if option.type == "map" and option.element and option.element.type == "record":
            yield from read({f"<{name.removesuffix('s')}>": option.element}, f"{prefix}{name}.")
        yield from read((element or option).options, f"{prefix}{name}.")


MODEL = dict(read(SERVICE.options))


def test_every_key_is_documented_and_no_other() -> None:
    assert set(dict(described(DOCUMENTED))) == set(MODEL)


@pytest.mark.parametrize(("key", "facts"), list(described(DOCUMENTED)))
def test_what_is_said_of_a_key_is_true(key: str, facts: tuple[Any, ...]) -> None:
    assert facts == MODEL[key]
