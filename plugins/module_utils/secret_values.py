"""The values of all services' secrets, and those that are made on the way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .faults import Fault, Faults
from .secret_store import (
    TO_BE_MADE,
    ParameterStore,
    Reference,
    References,
    SecretError,
    SecretsManager,
    Value,
    by_reference,
    fault,
    pick,
)

SECRETS_MANAGER = "AWS Secrets Manager"
#: How many secrets are looked up at a time.
AT_ONCE = 8
PARAMETER_STORE = "AWS Systems Manager Parameter Store"
_UNDEFINED = "define it, vaulted, in the environment's group_vars"


@dataclass
class Stores:
    """The stores, each made when it is first needed."""

    manager: Callable[[], SecretsManager]
    parameters: Callable[[], ParameterStore]


@dataclass(frozen=True)
class _Wanted:
    """Each reference once: who uses it, what it says, and which version of it is wanted, by place."""

    users: Mapping[str, list[tuple[str, str]]]
    parsed: Mapping[str, Reference]
    versions: Mapping[str, str]


@dataclass
class Result:
    """What was found, made, and could not be had."""

    values: dict[str, dict[str, str]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def collect(
    references: References,
    generate: Mapping[str, int],
    stores: Stores,
    *,
    tags: Mapping[str, str],
    versions: Mapping[str, str] | None = None,
    undefined: Collection[str] = (),
    check_mode: bool = False,
) -> Result:
    """Read every value; make those of `generate` (name to length) that do not exist.

    `versions` says by place (`secretsmanager:name`) which version is read where it is not the current one.

    Values of `vault:` references are not here: the action plugin has them. `undefined` names those of their
    variables that do not exist. Raises Faults with everything that is missing; nothing is made then.
    """
    result = Result()
    users = by_reference(references)
    parsed = {text: Reference.parse(text) for text in users}
    to_make = _to_make(generate, stores, result)
    wanted = _Wanted(users, parsed, versions or {})
    texts = _parameters(wanted, stores, result)
    texts.update(_secrets(wanted, to_make, stores, result))
    for text, reference in parsed.items():
        if reference.store == "vault" and reference.name in undefined:
            error = SecretError(f"the Ansible variable {reference.name!r} is not defined", _UNDEFINED)
            result.faults.append(fault(error, users[text], "variables"))
    if result.faults:
        raise Faults(result.faults)
    for name in to_make:
        made = Value(TO_BE_MADE, "") if check_mode else stores.manager().create(name, generate[name], tags)
        result.versions[Reference("secretsmanager", name).place] = made.version
        texts.update(
            {
                text: made.text
                for text, reference in parsed.items()
                if reference == Reference("secretsmanager", name)
            }
        )
        result.made.append(name)
    for text, value in texts.items():
        for service, variable in users[text]:
            result.values.setdefault(service, {})[variable] = value
    return result


def missing(references: References, generate: Collection[str], stores: Stores) -> list[Fault]:
    """Name the secrets that do not exist, without reading any value; for preflight."""
    users = by_reference(references)
    names: dict[str, list[str]] = {"secretsmanager": [], "ssm": [], "vault": []}
    for text in users:
        names[Reference.parse(text).store].append(text)

    def look(name: str) -> SecretError | None:
        try:
            stores.manager().check(name)
        except SecretError as error:
            return error
        return None

    kept = {text: Reference.parse(text).name for text in names["secretsmanager"]}
    # Several references may be to keys of one secret.
    asked = [name for name in dict.fromkeys(kept.values()) if name not in generate]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        errors = dict(zip(asked, pool.map(look, asked)))
    faults = [
        fault(error, users[text], SECRETS_MANAGER)
        for text, name in kept.items()
        for error in [errors.get(name)]
        if error
    ]
    if names["ssm"]:
        wanted = {text: Reference.parse(text).name for text in names["ssm"]}
        found = stores.parameters().read(wanted.values(), decrypt=False)
        faults += [
            fault(_no_parameter(name), users[text], PARAMETER_STORE)
            for text, name in wanted.items()
            if name not in found
        ]
    return faults


def _to_make(generate: Mapping[str, int], stores: Stores, result: Result) -> list[str]:
    to_make = []
    for name in sorted(generate):
        try:
            if not stores.manager().exists(name):
                to_make.append(name)
        except SecretError as error:
            result.faults.append(
                Fault(
                    SECRETS_MANAGER,
                    f"secrets_generate.{name}",
                    error.problem,
                    "a secret that exists or can be made",
                    error.remedy,
                )
            )
    return to_make


def _secrets(wanted: _Wanted, to_make: Collection[str], stores: Stores, result: Result) -> dict[str, str]:
    """Read what is in Secrets Manager, each secret once."""
    whole: dict[str, str] = {}
    texts: dict[str, str] = {}
    for text, reference in wanted.parsed.items():
        if reference.store != "secretsmanager" or (reference.name in to_make and not reference.json_key):
            continue
        try:
            if reference.name in to_make:
                raise SecretError(
                    f"the secret {reference.name!r} is made with a plain value, which has no keys",
                    f"leave #{reference.json_key} out, or store a JSON object yourself",
                )
            if reference.name not in whole:
                value = stores.manager().read(reference.name, wanted.versions.get(reference.place, ""))
                whole[reference.name] = value.text
                result.versions[reference.place] = value.version
            texts[text] = pick(whole[reference.name], reference)
        except SecretError as error:
            result.faults.append(fault(error, wanted.users[text], SECRETS_MANAGER))
    return texts


def _parameters(wanted: _Wanted, stores: Stores, result: Result) -> dict[str, str]:
    """Read what is in Parameter Store, in as few calls as can be."""
    names = {text: reference.name for text, reference in wanted.parsed.items() if reference.store == "ssm"}
    places = {name: Reference("ssm", name).place for name in names.values()}
    versions = {name: wanted.versions.get(place, "") for name, place in places.items()}
    found = stores.parameters().read(names.values(), versions) if names else {}
    result.versions.update({places[name]: value.version for name, value in found.items()})
    for text, name in names.items():
        if name not in found:
            result.faults.append(fault(_no_parameter(name), wanted.users[text], PARAMETER_STORE))
    return {text: found[name].text for text, name in names.items() if name in found}


def _no_parameter(name: str) -> SecretError:
    return SecretError(
        f"Parameter Store has no {name!r} in this account and region",
        f"create it: aws ssm put-parameter --type SecureString --name {name} --value file://...",
    )
