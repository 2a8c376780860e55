"""Read an environment's variables and where they were written, then run the module preflight with them."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible._internal._datatag._tags import Origin, VaultedValue
from ansible.errors import AnsibleError, AnsibleUndefinedVariable, AnsibleValueOmittedError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.vault import EncryptedString, is_encrypted
from ansible.plugins.action import ActionBase

from ..module_utils import preflight_options, preflight_specs
from ..module_utils.faults import Fault
from ..module_utils.preflight import references
from ..module_utils.preflight_specs import Options, Specs
from ..plugin_utils import held_locks, host_shells
from ..plugin_utils.host_looks import Looks
from ..plugin_utils.roles import Role
from ..plugin_utils.values import texts, words, words_within
from .at_once import Fork
from .aws_reads import ActionModule as AwsReads

#: The argument specs that describe an environment's variables, and the target that needs none of AWS's.
ROLE, ENVIRONMENT, AWS_ENVIRONMENT, LOCAL = "preflight", "environment", "aws_environment", "dev"
#: The model says more about services than an argument spec can.
CHECKED_ELSEWHERE = ("app_services", "database_service")
#: The group of the hosts, whose variables may differ from those of the machine that runs Ansible.
HOSTS = "app_hosts"
#: How the names begin of what is known of a host only when it is there, or has been looked at.
OF_HOSTS = ("ansible_", "ec2_", "hostvars")
#: What is for the action alone.
OWN: dict[str, dict[str, Any]] = {
    "stack": {"type": "str", "default": ""},
    "provision": {"type": "dict", "default": {}},
    "images": {"type": "bool", "default": False},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "ports": {"type": "list", "elements": "int", "default": [80]},
    "configuration": {"type": "str", "default": ""},
    "application": {"type": "str", "default": ""},
}
#: The module that it calls beside its own.
COMPARED = "slipway.core.aws_reads"
#: The role that has the images in the registry, the files of its tasks, and the result that names them.
IMAGES, IMAGES_TASKS, IMAGES_FOUND = "images", ("ecr_repositories", "ecr_login", "registry"), "__images_made"


class ActionModule(ActionBase):
    """The action of slipway.core.preflight."""

    @classmethod
    def finalize_task_arg(cls, name: str, value: Any, templar: Any, context: Any) -> Any:
        """Template an argument. One that cannot be is none, and named beside all other faults."""
        try:
            return super().finalize_task_arg(name, value, templar, context)
        except AnsibleError:
            return None

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Judge all, and meanwhile see what later steps would find."""
        self._variables = variables = task_vars or {}
        own = _own(self._task.args)
        # What is seen holds as long as nobody else has the lock after this.
        lease = held_locks.last(own["stack"])
        sees = {"provision": self._compare, "images": self._plan_images}
        beside = [Fork(see, name) for name, see in sees.items() if own[name]]
        looks = self._looks(own)
        result = self._judge(variables, looks)
        if result.get("failed"):
            # Nothing stands beside the faults, and nobody waits for more.
            for fork in beside:
                fork.end()
            return result
        seen: dict[str, dict[str, Any]] = {name: {} for name in sees} | {
            fork.label: fork.result() for fork in beside
        }
        return {
            **result,
            "lease": lease,
            "hosts": looks.found,
            # What fails there, the step itself will say.
            **{name: {} if found.get("failed") else found for name, found in seen.items()},
        }

    def _looks(self, own: Mapping[str, Any]) -> Looks:
        """Begin to look at the hosts that exist, as far as --limit goes."""
        hostvars = self._variables["hostvars"]
        within = {host.name for host in hostvars._inventory.get_hosts(ignore_restrictions=True)}
        hosts = {name: host_shells.variables_of(hostvars, name) for name in own["hosts"] if name in within}
        return Looks(self, hosts, **{name: own[name] for name in ("ports", "configuration", "application")})

    def _compare(self, _label: str) -> dict[str, Any]:
        """See what provisioning would find; in a process of its own, whose task is another one."""
        self._task.action, self._task.args = COMPARED, self._task.args["provision"]
        compared = AwsReads(
            self._task,
            self._connection,
            self._play_context,
            self._loader,
            self._templar,
            self._shared_loader_obj,
        ).run(None, self._variables)
        # They would be believed at once.
        compared.pop("ansible_facts", None)
        return compared

    def _plan_images(self, _label: str) -> dict[str, Any]:
        """See, in a process of its own, whether every image is in the registry; else return nothing."""
        found = Role(self._loader, IMAGES).planned(self, self._variables, IMAGES_TASKS)
        return found[IMAGES_FOUND]["images"] if found else {}

    def _judge(self, variables: dict[str, Any], looks: Looks) -> dict[str, Any]:
        """Run the module where the task runs, with what only the controller knows."""
        arguments = self._task.args
        base = arguments["project_dir"]
        project = Path(arguments["spec"]).parents[3]
        specs = preflight_specs.load(project, project / preflight_specs.KEPT)
        own = specs.roles[ROLE]
        found = Variables(self._templar, variables, base, specs)
        found.read(own[ENVIRONMENT])
        if found.values["deploy_target"] != LOCAL:
            found.read(own[AWS_ENVIRONMENT])
        found.read_options(project)
        for host in variables.get("groups", {}).get(HOSTS, []):
            raw = variables["hostvars"].raw_get(host)
            templar = self._templar.copy_with_new_env(available_variables=raw)
            found.of_host(templar, raw).read_options(project)
        usable = found.usable(arguments, own["main"])
        for name, value in _named_by_others(usable):
            found.origins.update(_origins(value, name, base))
        result: dict[str, Any] = self._execute_module(
            module_args={
                **{name: value for name, value in usable.items() if name not in OWN},
                "hosts": looks.found,
                "environment_values": found.values,
                "origins": found.origins,
                "defined": _defined(found.values, variables),
                "known_faults": [fault.as_dict() for fault in found.faults],
            },
            task_vars=variables,
        )
        # It would hold every variable of the environment, keys to AWS among them.
        result.pop("invocation", None)
        return result


def _own(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is for the action alone; of what is faulty, which is named with all else, the default."""
    own = {}
    for name, option in OWN.items():
        validator = ArgumentSpecValidator({name: option})
        validated = validator.validate({name: given[name]} if given.get(name) is not None else {})
        if validated.error_messages:
            validated = validator.validate({})
        own[name] = validated.validated_parameters[name]
    return own


class Variables:
    """The variables of an environment: their values, where they were written, and what is wrong with them."""

    def __init__(self, templar: Any, variables: Mapping[str, Any], base: str, specs: Specs) -> None:
        self._templar = templar
        self._variables = variables
        self._base = base
        self._specs = specs
        # Those that have been read, each with its place: hosts have most of them in common.
        self._read_already: set[tuple[str, str]] = set()
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.faults: list[Fault] = []

    def of_host(self, templar: Any, variables: Mapping[str, Any]) -> Variables:
        """Give the variables of a host, whose faults are among these."""
        theirs = Variables(templar, variables, self._base, self._specs)
        theirs.faults, theirs._read_already = self.faults, self._read_already
        return theirs

    def read(self, options: Options) -> None:
        """Read the variables that an argument spec describes; None stands for one that cannot be read."""
        for name, option in options.items():
            self.values[name] = None
            if name in self._variables:
                self._read(name, option)
            elif option.get("required"):
                self.faults.append(_missing(name, option))

    def read_options(self, project: Path) -> None:
        """Judge every option of a role that somebody has set, and every name that is like one's."""
        for name, written in self._variables.items():
            role = self._specs.role_of(name)
            place = _place(written, self._base) or _place(name, self._base)
            if not role or (name, place) in self._read_already or _is_default(written, project):
                continue
            self._read_already.add((name, place))
            option = self._specs.options(role).get(name)
            if option:
                self._judge(name, option)
            elif name not in self._specs.names and not self._read_by_others(name):
                known = {*self._specs.options(role), *self._names_of(role)}
                where = place or f"variable {name}"
                self.faults.append(preflight_options.unknown(name, where, role, known))

    def usable(self, arguments: Mapping[str, Any], options: Options) -> dict[str, Any]:
        """Give the arguments without those that the module would refuse: their faults are named."""
        usable = dict(arguments)
        for name, value in arguments.items():
            option = options.get(f"{ROLE}_{name}")
            if option is None:
                continue
            before = len(self.faults)
            if value is None:
                self._judge(f"{ROLE}_{name}", option)
            else:
                origins = dict(_origins(value, name, self._base))
                _, faults = preflight_options.read(name, value, option, origins, self._secret(name))
                self.faults += faults
            if value is None or len(self.faults) > before:
                del usable[name]
            # What it is made of has been named by its own name.
            named = {_cause(fault, value) for fault in self.faults[:before]}
            self.faults[before:] = [
                fault for fault in self.faults[before:] if _cause(fault, value) not in named
            ]
        return usable

    def _read(self, name: str, option: Mapping[str, Any]) -> None:
        written = self._variables[name]
        try:
            value = self._templar.template(written)
        except AnsibleError as error:
            self._untemplated(name, option, error)
            return
        self.origins.update(_origins(value, name, self._base))
        self.values[name] = value
        if name not in CHECKED_ELSEWHERE:
            self.values[name], faults = preflight_options.read(
                name, value, option, self.origins, self._secret(name)
            )
            self.faults += faults

    def _judge(self, name: str, option: Mapping[str, Any]) -> None:
        try:
            value = self._templar.template(self._variables[name])
        except AnsibleValueOmittedError:
            return
        except AnsibleUndefinedVariable as error:
            if not self._rests_on_later(name):
                self._untemplated(name, option, error)
            return
        except AnsibleError as error:
            self._untemplated(name, option, error)
            return
        origins = dict(_origins(value, name, self._base))
        self.faults += preflight_options.read(name, value, option, origins, self._secret(name))[1]

    def _untemplated(self, name: str, option: Mapping[str, Any], error: AnsibleError) -> None:
        where = _place(self._variables[name], self._base) or f"variable {name}"
        hidden = option.get("no_log") or self._secret(name)("")
        said = "why is not shown, as it may hold a secret" if hidden else error.message
        self.faults.append(_untemplated(name, where, said))

    def _secret(self, name: str) -> Callable[[Any], bool]:
        """Give what tells whether a value within a variable is not to be shown."""

        def secret(value: Any) -> bool:
            # A text that is made of a vaulted one does not say so itself.
            return _is_vaulted(value) or any(
                _is_vaulted(text)
                for reached in self._reached(name) - {name}
                for text in texts(self._variables[reached])
            )

        return secret

    def _rests_on_later(self, name: str) -> bool:
        """Tell whether a variable is made of what is known only later, of hosts or of what roles publish."""
        named = {
            word
            for reached in self._reached(name)
            for text in texts(self._variables[reached])
            for word in words(text)
        }
        return any(
            word.startswith(OF_HOSTS) or word in self._specs.names for word in named - {*self._variables}
        )

    def _reached(self, name: str) -> set[str]:
        """Give the variables that a variable is made of, itself among them."""
        return words_within(name, self._variables) & {*self._variables}

    def _read_by_others(self, name: str) -> bool:
        """Tell whether another variable is made of it: people may have names of their own."""
        others = (value for other, value in self._variables.items() if other != name)
        return any(name in words(text) for value in others for text in texts(value))

    def _names_of(self, role: str) -> Iterator[str]:
        return (name for name in self._specs.names if self._specs.role_of(name) == role)


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


def _cause(fault: Fault, value: Any) -> tuple[str, str]:
    """Give what two faults of one cause have in common: of what has no value, its place is not known."""
    return (fault.where if value is not None else "", fault.problem)


def _missing(name: str, option: Mapping[str, Any]) -> Fault:
    return Fault(
        f"variable {name}",
        name,
        "nothing: the variable is not defined",
        preflight_options.described(option),
        f"define {name} in group_vars/all or in the environment's group_vars",
    )


def _untemplated(name: str, where: str, said: str) -> Fault:
    return Fault(
        where,
        name,
        f"it cannot be evaluated: {said}",
        "an expression whose variables are all defined",
        "define the variable that the message names, or correct the expression",
    )


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


def _is_vaulted(value: Any) -> bool:
    if isinstance(value, EncryptedString) or VaultedValue.is_tagged_on(value):
        return True
    # Of what is in a file that is vaulted as a whole, nothing tells but the file.
    origin = Origin.get_tag(value)
    try:
        return bool(origin and origin.path) and is_encrypted(Path(origin.path).read_bytes())
    except OSError:
        return False


def _is_default(written: Any, project: Path) -> bool:
    """Tell whether nobody has set a variable: what roles and playbooks say themselves is tested with them."""
    origin = Origin.get_tag(written)
    if not origin or not origin.path:
        return False
    path = Path(origin.path)
    return path.is_relative_to(project / "roles") or path.parent == project / "playbooks"


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
