"""Run a probe of an application's routes beside a release, in a process that the controller leaves behind."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase

from ..module_utils.http_answers import QUESTION, Question, ask_all
from ..module_utils.processes import Process, leave_behind
from ..module_utils.release_failure import Failure
from ..module_utils.route_probe import REQUEST_TIMEOUT, Probe

TICK_SECONDS = 0.5
#: Requests a second, of all clients together.
RATE = 50
#: What does not answer in this time is not asked: a release that mends it must not be blamed for it.
SEEN_BEFORE_SECONDS = 3
#: A probe ends by itself after this time.
LONGEST_SECONDS = 6 * 3600.0


class ActionModule(ActionBase):
    """The action of slipway.core.release_probe."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Begin the probe, or end it and say what it has seen."""
        _, arguments = self.validate_argument_spec(
            argument_spec={
                "state": {"choices": ["begun", "ended"], "required": True},
                "questions": {
                    "type": "list",
                    "elements": "dict",
                    "options": QUESTION,
                },
                "validate_certs": {"type": "bool", "default": True},
                "probe": {"type": "dict"},
                "error_budget": {"type": "float", "default": 0},
            },
            required_if=[("state", "begun", ["questions"]), ("state", "ended", ["probe"])],
        )
        if self._task.check_mode:
            return {"changed": False, "skipped": True, "msg": "A plan asks nothing."}
        if arguments["state"] == "begun":
            return self._begun(arguments)
        return _ended(arguments["probe"], arguments["error_budget"])

    def _begun(self, arguments: dict[str, Any]) -> dict[str, Any]:
        questions = [Question(**each) for each in arguments["questions"]]
        outcomes = ask_all(questions, SEEN_BEFORE_SECONDS, 1, arguments["validate_certs"])
        questions = [outcome.question for outcome in outcomes if outcome.answer.good]
        dead = [outcome.question.url for outcome in outcomes if not outcome.answer.good]
        told = f"Not asked, for what was there before does not answer: {', '.join(dead)}" if dead else ""
        if not questions:
            return {"changed": False, "msg": told or "There is no route to ask."}
        controller = Process(os.getppid())
        # Ansible removes its temporary folder, which is the user's alone, when the run ends.
        seen = Path(constants.DEFAULT_LOCAL_TMP) / f"probe-{self._task._uuid}.json"
        verify_tls = arguments["validate_certs"]

        def measure(told: threading.Event) -> None:
            pause = len(questions) / RATE
            probe = Probe(questions, pause=pause, seconds=LONGEST_SECONDS, verify_tls=verify_tls)
            _measure(probe, controller, told, seen)

        pid = leave_behind(measure, controller)
        return {"changed": False, "msg": told, "probe": {"pid": pid, "seen": str(seen)}}


def _measure(probe: Probe, controller: Process, told: threading.Event, seen: Path) -> None:
    with probe:
        while not told.wait(TICK_SECONDS):
            if controller.ended():
                os._exit(0)
    written = seen.with_suffix(".part")
    written.write_text(json.dumps(probe.result.as_dict()))
    written.rename(seen)


def _ended(begun: dict[str, Any], budget: float) -> dict[str, Any]:
    process, seen = Process(int(begun["pid"])), Path(begun["seen"])
    process.send(signal.SIGTERM)
    if not process.ended(REQUEST_TIMEOUT * 2) or not seen.exists():
        return {
            "failed": True,
            "msg": f"The probe of the release, process {begun['pid']}, did not say what it saw.",
        }
    measured = json.loads(seen.read_text())
    requests, failed = measured["requests"], measured["failed"]
    percent = 100 * failed / requests if requests else 0.0
    told = f"{failed} of {requests} requests failed, {percent:.2g} %"
    result = {"changed": False, "measured": measured, "msg": f"{told}; {budget:g} % may."}
    if percent <= budget:
        return result
    reasons = [f"{count} times {reason}" for reason, count in measured["reasons"].items()]
    summary = f"While it was released, {told}: more than the {budget:g} % that may"
    failure = Failure("over_error_budget", summary, evidence=reasons)
    return {**result, "failed": True, "failure": failure.as_dict()}
