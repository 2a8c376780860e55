"""What the AWS modules' tests share: values made from botocore's models, clients, a way to run modules."""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any

import botocore.session
import pytest
from ansible.module_utils.testing import patch_module_args
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

Path = tuple[str | int, ...]
# Two values of each plain type, neither of which is a default of AWS.
VALUES: Mapping[str, tuple[Any, Any]] = {
    "string": ("one", "two"),
    "integer": (7, 8),
    "long": (7, 8),
    "double": (1.5, 2.5),
    "boolean": (False, True),
    "timestamp": ("2999-01-01T00:00:00Z", "2999-01-02T00:00:00Z"),
}


@cache
def service_model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def input_shape(service: str, operation: str) -> StructureShape:
    shape = service_model(service).operation_model(operation).input_shape
    assert shape is not None
    return shape


def choices(shape: Shape) -> tuple[Any, ...]:
    """Values that a plain member can have: all of an enumeration, otherwise two."""
    least = shape.metadata.get("min", 0)
    if shape.type_name == "integer" and least > VALUES["integer"][0]:
        return least + 1, least + 2
    return tuple(getattr(shape, "enum", [])) or VALUES[shape.type_name]


def example(shape: Shape) -> Any:
    """A value with every member there is, and one item in each list and map."""
    if isinstance(shape, StructureShape):
        if shape.is_document_type:
            return {"key": "one"}
        return {name: example(member) for name, member in shape.members.items()}
    if isinstance(shape, ListShape):
        return [example(shape.member)]
    if isinstance(shape, MapShape):
        return {"key": example(shape.value)}
    return choices(shape)[-1]


def leaves(shape: Shape, path: Path = ()) -> Iterator[tuple[Path, tuple[Any, ...]]]:
    """Where the plain values of :func:`example` are, with the choices for each."""
    if isinstance(shape, StructureShape):
        if shape.is_document_type:
            yield (*path, "key"), VALUES["string"]
        for name, member in shape.members.items():
            yield from leaves(member, (*path, name))
    elif isinstance(shape, ListShape):
        yield from leaves(shape.member, (*path, 0))
    elif isinstance(shape, MapShape):
        yield from leaves(shape.value, (*path, "key"))
    else:
        yield path, choices(shape)


def at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def changed(value: Any, path: Path, leaf: Any) -> Any:
    """A copy with another value in one place."""
    result = copy.deepcopy(value)
    at(result, path[:-1])[path[-1]] = leaf
    return result


def reordered(shape: StructureShape, value: Any) -> Iterator[tuple[Path, Any, Any]]:
    """For each list in a value of :func:`example`: where it is, with a second item, and turned round."""
    for path, options in leaves(shape):
        if len(options) < 2 or path[0] not in value:
            continue
        for depth in (depth for depth, step in enumerate(path) if step == 0):
            inside = path[depth:]
            items = at(value, path[:depth])
            option = next(option for option in options if option != at(items, inside))
            two = changed(value, path[:depth], [items[0], changed(items, inside, option)[0]])
            yield path[:depth], two, changed(two, path[:depth], at(two, path[:depth])[::-1])


def dotted(path: Path) -> str:
    return ".".join(str(step) for step in path)


class Double:
    """A client that holds every request against the service's model; its subclass answers.

    ``calls`` lists what was asked, as pairs of operation and parameters.
    """

    service = "ecs"

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        model = service_model(self.service)
        self.meta = SimpleNamespace(service_model=model)
        self.operations = {xform_name(name): model.operation_model(name) for name in model.operation_names}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in self.__dict__.get("operations", {}):
            raise AttributeError(name)
        operation: OperationModel = self.operations[name]

        def call(**params: Any) -> Any:
            assert operation.input_shape is not None
            report = ParamValidator().validate(params, operation.input_shape)
            assert not report.has_errors(), report.generate_report()
            self.calls.append((name, copy.deepcopy(params)))
            return copy.deepcopy(getattr(self, f"do_{name}")(**params))

        return call

    def get_paginator(self, name: str) -> Any:
        return SimpleNamespace(paginate=lambda **params: [getattr(self, name)(**params)])

    def writes(self) -> list[tuple[str, dict[str, Any]]]:
        """The calls that change something."""
        return [call for call in self.calls if not call[0].startswith(("describe_", "list_", "get_"))]


def refused(code: str, operation: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def run(
    module: ModuleType, capsys: pytest.CaptureFixture[str], check_mode: bool = False, **params: Any
) -> dict[str, Any]:
    """Run a module as Ansible does, in this process; its result."""
    arguments = {**params, "region": "eu-central-1", "_ansible_check_mode": check_mode, "_ansible_diff": True}
    capsys.readouterr()
    with patch_module_args(arguments), pytest.raises(SystemExit):
        module.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result
