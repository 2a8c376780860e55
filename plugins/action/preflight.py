"""Read an environment's variables and where they were written, then run the module preflight with them."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible._internal._datatag._tags import Origin
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ..module_utils.faults import Fault, locate
from ..module_utils.preflight import references

#: The argument specs that describe an environment's variables, and the target that needs none of AWS's.
ENVIRONMENT, AWS_ENVIRONMENT, LOCAL = "environment", "aws_environment", "dev"
#: The model says more about services than an argument spec can.
CHECKED_ELSEWHERE = ("app_services", "database_service")


class ActionModule(ActionBase):
    """The action of slipway.core.preflight."""

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module where the task runs, with what only the controller knows."""
        variables = task_vars or {}
        arguments = self._task.args
        specs = self._loader.load_from_file(arguments["spec"])["argument_specs"]
        found = _Variables(self._templar, variables, arguments["project_dir"])
        found.read(specs[ENVIRONMENT]["options"])
        if found.values["deploy_target"] != LOCAL:
            found.read(specs[AWS_ENVIRONMENT]["options"])
        for name, value in _named_by_others(arguments):
            found.origins.update(_origins(value, name, arguments["project_dir"]))
        result: dict[str, Any] = self._execute_module(
            module_args={
                **arguments,
                "environment_values": found.values,
                "origins": found.origins,
                "defined": _defined(found.values, variables),
                "known_faults": [fault.as_dict() for fault in found.faults],
            },
            task_vars=task_vars,
        )
        # It would hold every variable of the environment, keys to AWS among them.
        result.pop("invocation", None)
        return result


class _Variables:
    """The environment's variables: their values, where they were written, and what is wrong with them."""

    def __init__(self, templar: Any, variables: Mapping[str, Any], base: str) -> None:
        self._templar = templar
        self._variables = variables
        self._base = base
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.faults: list[Fault] = []

    def read(self, options: Mapping[str, Mapping[str, Any]]) -> None:
        """Read the variables that an argument spec describes; None stands for one that cannot be read."""
        for name, option in options.items():
            self.values[name] = None
            if name in self._variables:
                self._read(name, option)
            elif option.get("required"):
                self.faults.append(_missing(name, option))

    def _read(self, name: str, option: Mapping[str, Any]) -> None:
        written = self._variables[name]
        try:
            value = self._templar.template(written)
        except AnsibleError as error:
            where = _place(written, self._base) or f"variable {name}"
            self.faults.append(_untemplated(name, where, error))
            return
        self.origins.update(_origins(value, name, self._base))
        self.values[name] = value
        if name not in CHECKED_ELSEWHERE:
            checked = ArgumentSpecValidator({name: dict(option)}).validate({name: value})
            self.values[name] = checked.validated_parameters[name]
            for message in checked.error_messages:
                where = locate(self.origins, name)
                self.faults.append(Fault(where, name, message, _described(option), f"correct {name}"))


def _named_by_others(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give arguments that come from variables of other roles, under the names of those."""
    machine_image = arguments.get("machine_image") or {}
    for name in ("alarms_limits", "alarms_notify", "images_extra"):
        yield name, arguments.get(name)
    yield "images_ecr", arguments.get("images_ecr")
    yield "images_platform", arguments.get("platform")
    yield "ec2_hosts_instance_type", arguments.get("instance_type")
    yield "ec2_hosts_ami", machine_image.get("id")
    yield "ec2_hosts_ami_name", machine_image.get("name")


def _missing(name: str, option: Mapping[str, Any]) -> Fault:
    return Fault(
        f"variable {name}",
        name,
        "nothing: the variable is not defined",
        _described(option),
        f"define {name} in group_vars/all or in the environment's group_vars",
    )


def _untemplated(name: str, where: str, error: AnsibleError) -> Fault:
    return Fault(
        where,
        name,
        f"it cannot be evaluated: {error.message}",
        "an expression whose variables are all defined",
        "define the variable that the message names, or correct the expression",
    )


def _described(option: Mapping[str, Any]) -> str:
    description = option["description"]
    text = str(description if isinstance(description, str) else description[0])
    # Ansible's documentation markup: C(name) is shown as name.
    return re.sub(r"\b[A-Z]\(([^)]*)\)", r"\1", text).rstrip(".")


def _defined(values: Mapping[str, Any], variables: Mapping[str, Any]) -> list[str]:
    """Give those variables of `vault:` references that exist."""
    services = {**(values.get("app_services") or {}), "": values.get("database_service")}
    texts = [text for held in references(services).values() for text in held.values()]
    names = {text.partition(":")[2] for text in texts if text.startswith("vault:")}
    return sorted(name for name in names if name in variables)


def _origins(value: Any, key: str, base: str, written: Any = None) -> Iterator[tuple[str, str]]:
    """Give file and line of a value and all within it: where its key is written, or else the value itself."""
    place = _place(written, base) or _place(value, base)
    if place:
        yield key, place
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _origins(inner, f"{key}.{name}", base, name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _origins(inner, f"{key}[{index}]", base)


def _place(value: Any, base: str) -> str:
    origin = Origin.get_tag(value)
    if origin is None:
        return ""
    if origin.path is None:
        return str(origin.description)
    # The same file may be reached by a symlink; people know it by its own place.
    path, base = os.path.realpath(origin.path), os.path.realpath(base)
    path = os.path.relpath(path, base) if os.path.commonpath([base, path]) == base else path
    return f"{path}:{origin.line_num}" if origin.line_num else path
