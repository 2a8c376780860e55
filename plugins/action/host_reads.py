"""Compare what roles would be told and would find on a host with what they were told and found."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

import contextlib
import json
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

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

    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Compare, or keep."""
        ActionBase.run(self, tmp, task_vars)
        self._variables = task_vars or {}
        names = {"type": "list", "elements": "str", "default": []}
        _, arguments = self.validate_argument_spec(
            {
                "state": {"choices": ["compared", "kept"], "default": "compared"},
                "path": {"type": "path", "required": True},
                "roles": {"type": "list", "elements": "str", "required": True},
                "inputs": {"type": "dict", "default": {}},
                **dict.fromkeys(QUESTIONS, names),
                "answer": {"type": "str", "default": "", "no_log": False},
                "until": {"type": "float", "default": 0},
            }
        )
        act = {"compared": self._compare, "kept": self._keep}[arguments["state"]]
        return act(Path(arguments["path"]), arguments)

    def _compare(self, path: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Say whether all is as it was kept, and what the host answers."""
        kept = read_kept(path)
        answer = self._answer(kept["question"]) if kept else ""
        if not kept or not kept["answer"]:
            why = "No run that changed nothing has been kept."
        elif kept["told"] != self._told({**arguments, "files": []}, {}):
            why = "The roles are others, or are told otherwise."
        elif kept["until"] <= time.time():
            why = "The roles would look for more than what can be compared: it is time again."
        else:
            why = differences(kept["answer"], answer)
        return {"unchanged": not why, "answer": answer, "msg": why}

    def _keep(self, path: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Keep what the host answers, where it answered so before the roles, and they changed nothing."""
        question = script(arguments)
        kept = {"question": question, "told": "", "until": 0.0, "answer": ""}
        if self._task.check_mode:
            return {"msg": "A plan is not kept."}
        if read_kept(path).get("question") != question:
            # From the next run on it is asked before the roles as well.
            why = "The host was not asked this before the roles."
        elif arguments["until"] <= time.time():
            return {"msg": "The roles changed something, or rest on what cannot be compared."}
        elif why := differences(arguments["answer"], self._answer(question)):
            return {"msg": why}
        else:
            told = self._told({**arguments, "files": []}, {})
            kept |= {"told": told, "until": arguments["until"], "answer": arguments["answer"]}
        with contextlib.suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside = path.with_suffix(".new")
            beside.write_text(json.dumps(kept))
            beside.rename(path)
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


def differences(before: str, after: str) -> str:
    """Say how answers differ; nothing where they do not, and are answers."""
    if not before or not after:
        return "The host was not asked before, or did not answer."
    lines = sorted(set(before.splitlines()) ^ set(after.splitlines()))
    return f"The host answers otherwise: {'; '.join(lines)}" if before != after else ""


def read_kept(path: Path) -> dict[str, Any]:
    """Return what was kept, or nothing where that cannot be read."""
    try:
        kept: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    whole = isinstance(kept, dict) and kept.keys() == {"question", "told", "until", "answer"}
    return kept if whole else {}
