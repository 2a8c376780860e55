"""Compare what roles would be told and would find with what they were told and found."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase

from ..module_utils import kept
from ..plugin_utils.told import told
from ..plugin_utils.values import Values

#: The variable by which a warm process learns where to record: plugin_utils/warm_aws.py.
READS = "SLIPWAY_READS"
#: Whether there is a warm process: callback/warm_modules.py.
WARM = "SLIPWAY_PYTHON"
#: What is kept.
NAMES = {"told", "facts", "reads"}
OWN = ("state", "path", "recorded", "roles", "inputs", "files", "facts", "seen")


class ActionModule(ActionBase):
    """The action of slipway.core.aws_reads."""

    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Compare, or keep."""
        super().run(tmp, task_vars)
        self._variables = task_vars or {}
        _, arguments = self.validate_argument_spec(
            {
                "state": {"choices": ["compared", "kept"], "default": "compared"},
                "path": {"type": "path", "required": True},
                "roles": {"type": "list", "elements": "str", "required": True},
                "inputs": {"type": "dict", "default": {}},
                **self._more_options(),
            }
        )
        act = {"compared": self._compare, "kept": self._keep}[arguments["state"]]
        return act(Path(arguments["path"]), arguments)

    def _more_options(self) -> dict[str, dict[str, Any]]:
        """Return the spec of what this action is told beside what all of its kind are."""
        return {
            "recorded": {"type": "path"},
            "seen": {"type": "dict", "default": {}},
            "files": {"type": "list", "elements": "str", "default": []},
            "facts": {"type": "list", "elements": "str", "default": []},
            # How AWS is reached.
            **{name: {"type": "raw"} for name in self._task.args if name not in OWN},
        }

    def _compare(self, path: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Say whether all is as it was kept; where it is not, where to record what is asked from here on."""
        if WARM not in os.environ:
            return {"unchanged": False, "recorded": "", "msg": "There is no warm process to record."}
        seen = arguments["seen"]
        if seen and not seen["unchanged"]:
            return self._changed(seen["msg"])
        found = kept.read(path, NAMES)
        facts = found.get("facts", {})
        recorded = new_file()
        if not found:
            why = "No run that changed nothing has been kept."
        elif found["told"] != self._told(arguments, facts, arguments["files"]):
            why = "The roles are others, or are told otherwise."
        elif seen:
            return self._unchanged(facts)
        else:
            why = self._ask(recorded, found["reads"])
            if not why:
                return self._unchanged(facts)
        return self._changed(why)

    def _unchanged(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        return {"unchanged": True, "recorded": "", "msg": "", "ansible_facts": facts}

    def _changed(self, why: str) -> dict[str, Any]:
        recorded = new_file()
        # By this one answer it is seen that what is asked is recorded.
        unrecorded = self._ask(recorded, [])
        return {"unchanged": False, "recorded": "" if unrecorded else str(recorded), "msg": unrecorded or why}

    def _keep(self, path: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Keep what was recorded, where that is everything and will say something of a later run."""
        recorded = Path(arguments["recorded"])
        reads = read_from(recorded)
        named = Values(self._templar).of(arguments["facts"], self._variables)
        facts = {name: value for name, value in named.items() if value is not None}
        unrecorded = self._ask(recorded, [])
        if why := unrecorded or not_comparable(reads):
            pass
        elif self._task.check_mode:
            why = "A plan is not kept."
        else:
            now = self._told(arguments, facts, arguments["files"])
            kept.write(path, {"told": now, "facts": facts, "reads": once(reads)})
        nothing_written = all(answer is not None for *_, answer in reads)
        return {"unchanged": not (unrecorded or self._task.check_mode) and nothing_written, "msg": why}

    def _ask(self, recorded: Path, reads: list[list[Any]]) -> str:
        """Ask what was asked, and who asks; return what AWS answers otherwise, or why that is not known."""
        before = len(read_from(recorded))
        how = {name: value for name, value in self._task.args.items() if name not in OWN}
        questions = [[service, operation, given] for service, _, operation, given, _ in reads]
        self._task.environment = [*(self._task.environment or []), {READS: str(recorded)}]
        result = self._execute_module(module_args={**how, "reads": questions}, task_vars=self._variables)
        if result.get("failed"):
            return str(result.get("msg"))
        answers = read_from(recorded)[before:]
        # The module itself asks one thing more.
        if len(answers) != len(questions) + 1:
            return "What is asked of AWS is not recorded."
        found = {json.dumps(answer[:-1]): answer[-1] for answer in answers}
        others = [read for read in reads if found.get(json.dumps(read[:-1])) != read[-1]]
        return "; ".join(f"AWS answers {operation} otherwise." for _, _, operation, _, _ in others)

    def _told(self, arguments: Mapping[str, Any], facts: Mapping[str, Any], files: Iterable[str] = ()) -> str:
        """Return what stands for the roles, for what they are told, and for the files that they use."""
        return told(
            self._loader,
            Values(self._templar),
            roles=arguments["roles"],
            inputs=arguments["inputs"],
            variables={**self._variables, **facts},
            files=files,
        )


def new_file() -> Path:
    """Make a file that is gone when the run ends."""
    number, path = tempfile.mkstemp(prefix="reads-", dir=constants.DEFAULT_LOCAL_TMP)
    os.close(number)
    return Path(path)


def read_from(path: Path) -> list[list[Any]]:
    """Return what was recorded: service, endpoint, operation, parameters, and what stands for the answer."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def not_comparable(reads: Iterable[list[Any]]) -> str:
    """Return why the reads say nothing of a later run, or nothing where they do."""
    answers: dict[str, Any] = {}
    for *asked, answer in reads:
        if answer is None:
            return f"{asked[0]} {asked[2]} cannot be compared with what comes later."
        if answers.setdefault(json.dumps(asked), answer) != answer:
            return f"{asked[0]} {asked[2]} was answered now so and now otherwise."
    return ""


def once(reads: Iterable[list[Any]]) -> list[list[Any]]:
    """Return each read once, in the order in which they came."""
    return list({json.dumps(read): read for read in reads}.values())
