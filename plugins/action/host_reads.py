"""Compare what roles would be told and would find on a host with what they were told and found."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..module_utils import kept
from ..plugin_utils.kept_answers import CONFIGURATION, differences, differs
from .aws_reads import ActionModule as Reads

#: What can be asked, with the commands that answer, each given all names. What is not there, and a program
#: that the host does not have, has no line.
QUESTIONS = {
    "files": (("stat", "-L", "-c", "%n %f %u %g"), ("sha256sum",)),
    "times": (("stat", "-L", "-c", "%n %Y"),),
    "packages": (
        ("dpkg-query", "--show", r"--showformat=${db:Status-Status} ${Package} ${Version}\n"),
        ("rpm", "--query"),
    ),
    "units": (("systemctl", "show", "--property=Id,UnitFileState,ActiveState"),),
}
#: Which host it is, and what it runs.
HOST = ("cat /etc/machine-id /etc/os-release", "uname -m")


class ActionModule(Reads):
    """The action of slipway.core.host_reads."""

    def _more_options(self) -> dict[str, dict[str, Any]]:
        """Return the spec of what this action is told beside what all of its kind are."""
        names = {"type": "list", "elements": "str", "default": []}
        return {
            **dict.fromkeys(QUESTIONS, names),
            "in_full": {"type": "bool", "default": False},
            "answer": {"type": "str", "default": "", "no_log": False},
            "good_until": {"type": "float", "default": 0},
        }

    def _compare(self, path: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Say whether all is as it was kept, and what the host answers."""
        if arguments["in_full"]:
            return {"unchanged": False, "msg": "Every setting is to be gone through."}
        found = kept.read(path, CONFIGURATION)
        answer = self._answer(found["question"]) if found else ""
        why = differs(found, answer, lambda: self._told(arguments, {}))
        return {"unchanged": not why, "answer": answer, "msg": why}

    def _keep(self, path: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Keep what the host answers, where it answered so before the roles, and they changed nothing."""
        question = script(arguments)
        found = {"question": question, "told": "", "until": 0.0, "answer": ""}
        if self._task.check_mode:
            return {"msg": "A plan is not kept."}
        if kept.read(path, CONFIGURATION).get("question") != question:
            # From the next run on it is asked before the roles as well.
            why = "The host was not asked this before the roles."
        elif arguments["good_until"] <= time.time():
            return {"msg": "The roles changed something, or rest on what cannot be compared."}
        elif why := differences(arguments["answer"], self._answer(question)):
            return {"msg": why}
        else:
            told = self._told(arguments, {})
            found |= {"told": told, "until": arguments["good_until"], "answer": arguments["answer"]}
        kept.write(path, found)
        return {"msg": why}

    def _answer(self, question: str) -> str:
        """Ask the host; nothing where it cannot say."""
        # On standard input, so that no terminal takes part.
        result = self._low_level_execute_command("/bin/sh", in_data=question.encode())
        return str(result["stdout"]) if result["rc"] == 0 else ""


def script(asked: Mapping[str, Sequence[str]]) -> str:
    """Return the shell's commands that answer: no module has to be packed, sent and started."""
    commands = [
        shlex.join([*command, *asked[kind]])
        for kind, commands in QUESTIONS.items()
        for command in commands
        if asked[kind]
    ]
    # That something is not there is an answer, and no failure.
    return "; ".join(["exec 2>/dev/null", "export LC_ALL=C", *HOST, *commands, "exit 0"])
