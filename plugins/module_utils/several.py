"""Several calls of a module at once, told as a loop over them would be.

The action at_once calls a module several times; :class:`SeveralModule` is one that takes several things.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from botocore.exceptions import BotoCoreError, ClientError

from .ecs_api import REQUESTS_AT_ONCE, EcsError

# What modules say of the cause of a failure.
CAUSE = ("error", "failure")
# What Ansible shows of a task's result, not of those within it.
GATHERED = ("diff", "warnings", "deprecations")


@dataclass(frozen=True)
class Call:
    """What one of several calls is given, as a module would be."""

    params: Mapping[str, Any]
    check_mode: bool


class SeveralModule:
    """An AnsibleAWSModule of one thing, or of each of several.

    :param make: the class of the module
    :param options: those of one thing
    :param one: the option that names one thing; the option `each` gives several in its place
    :param label_as: the option that the labels of these are
    :param more: options of the module itself
    :param rules: what `ArgumentSpecValidator` has besides, such as required_if
    """

    def __init__(
        self,
        make: Callable[..., Any],
        options: Mapping[str, Mapping[str, Any]],
        one: str,
        label_as: str,
        more: Mapping[str, Any] | None = None,
        **rules: Any,
    ) -> None:
        loose = {**options, one: {key: value for key, value in options[one].items() if key != "required"}}
        self.module = make(
            argument_spec={**loose, "each": {"type": "raw"}, **(more or {})},
            mutually_exclusive=[(one, "each")],
            required_one_of=[(one, "each")],
            supports_check_mode=True,
        )
        params = self.module.params
        common = {name: params[name] for name in options if params[name] is not None}
        if params["each"] is None:
            self.calls, faults = {params[one]: common}, list[str]()
        else:
            self.calls, faults = calls_of(params["each"], label_as, common)
        validator = ArgumentSpecValidator(dict(options), **rules)
        for name, given in self.calls.items():
            checked = validator.validate(given)
            faults += [f"{name}: {message}" for message in checked.error_messages]
            self.calls[name] = checked.validated_parameters
        if faults:
            self.module.fail_json(msg="\n".join(faults))

    def call(
        self, act: Callable[[Call], dict[str, Any]], refused: Callable[[Call], str], names: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Act for some, beside each other; the results in the order of the names.

        :param refused: what is said where AWS refuses something
        """

        def result(name: str) -> dict[str, Any]:
            call = Call(self.calls[name], self.module.check_mode)
            return {**told(lambda: act(call), refused(call)), "item": name}

        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            return list(pool.map(result, names))

    def end(self, results: list[dict[str, Any]], **more: Any) -> None:
        """End the module: as one of one thing, or as one of several."""
        if self.module.params["each"] is None:
            (found,) = results
            del found["item"]
        else:
            found = {**together(results), **more}
        if found.pop("failed", False):
            self.module.fail_json(**found)
        self.module.exit_json(**found)


def told(act: Callable[[], dict[str, Any]], refused: str) -> dict[str, Any]:
    """The result of a call, also where it fails."""
    try:
        return act()
    except EcsError as error:
        return {"failed": True, "msg": str(error)}
    except (BotoCoreError, ClientError) as error:
        said = camel_dict_to_snake_dict(getattr(error, "response", {}))
        return {"failed": True, "msg": f"{refused}: {error}", **said}


def calls_of(
    each: Any, label_as: str | None, common: Mapping[str, Any]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return the arguments of each call by its label, and every fault.

    :param each: labels, or a mapping of labels to the arguments that a call has of its own
    :param label_as: the argument that the label is
    """
    faults = []
    if isinstance(each, list):
        each = {label: {} for label in each}
    if not isinstance(each, Mapping):
        faults.append(f"each is {each!r}: expected a list of labels, or a mapping of labels to arguments")
        each = {}
    wrong = [label for label, own in each.items() if not isinstance(own, Mapping)]
    faults += [f"each.{label} is {each[label]!r}: expected a mapping of arguments" for label in wrong]
    named = {label: {label_as: label} if label_as else {} for label in each}
    return {
        label: {**common, **named[label], **own} for label, own in each.items() if label not in wrong
    }, faults


def together(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one result of all, as a loop would have, with all that failed named and the first's cause."""
    found: dict[str, Any] = {
        "changed": any(each.get("changed") for each in results),
        "results": [
            {name: value for name, value in each.items() if name not in GATHERED} for each in results
        ],
        **{
            name: texts
            for name in GATHERED[1:]
            if (texts := [text for each in results for text in each.get(name, [])])
        },
    }
    if diffs := [diff for each in results for diff in _diffs(each)]:
        found["diff"] = diffs
    if failed := [each for each in results if each.get("failed")]:
        messages = [f"{each['item']}: {each.get('msg', 'failed without a word')}" for each in failed]
        cause = {name: failed[0][name] for name in CAUSE if name in failed[0]}
        found |= {"failed": True, "msg": "\n".join(messages), **cause}
    return found


def _diffs(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what a call says that differs, where it changed something, under its label."""
    diff = result.get("diff") if result.get("changed") else None
    headers = {"before_header": result["item"], "after_header": result["item"]}
    return [{**headers, **each} for each in (diff if isinstance(diff, list) else [diff] if diff else [])]
