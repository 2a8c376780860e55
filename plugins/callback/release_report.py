"""Shows what a run waits for, and tells at its end what it did and why it failed."""

from __future__ import annotations

import atexit
import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible import constants, context
from ansible.plugins.callback import CallbackBase

from ..module_utils.release_failure import Failure, from_aws
from ..module_utils.release_page import page
from ..module_utils.release_report import Run, document, ending, stack
from ..plugin_utils.progress import CONTROLLER, Progress

DOCUMENTATION = """
name: release_report
type: aggregate
short_description: Show what a run waits for, and report at its end what it did and why it failed
description:
  - While a run waits, this callback shows for what and for how long. On a terminal, lines below Ansible's own
    are kept up to date, one for each host or service. Elsewhere a line is written whenever a state changes,
    and when nothing was written for O(interval) seconds.
  - A module on the controller tells how far it has come by appending lines of JSON to the file that the
    environment variable E(SLIPWAY_PROGRESS) names, each with C(service), C(state), C(detail) and C(seconds).
  - At the end of a run it says what changed and on which hosts, how long each play took and, of a run that
    failed, the cause, the evidence and what to do.
  - The C(release_record) that tasks return, first of a release that begins (C(result) is V(running)), then of
    the same one at its end, is kept below O(folder), in
    C(<application>-<environment>/reports/<release>.json), with a page of HTML beside it. Under C(--check),
    nothing is written.
  - It reads results as Ansible shows them. What C(no_log) hides is hidden from it as well.
options:
  folder:
    description:
      - Where to keep reports; a relative path is one beside C(ansible.cfg). Without it, none are kept.
    type: path
    ini:
      - section: release_report
        key: folder
  keep:
    description: How many reports of each environment are kept.
    type: int
    default: 50
    ini:
      - section: release_report
        key: keep
  interval:
    description: Seconds of silence after which a line says what is waited for, where there is no terminal.
    type: float
    default: 30
    ini:
      - section: release_report
        key: interval
"""

VARIABLE = "SLIPWAY_PROGRESS"


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Collects what a run does, and reports it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "slipway.core.release_report"

    def v2_playbook_on_start(self, playbook: object) -> None:
        """Begin a report, and to show what is waited for."""
        self._run = Run(check=bool(context.CLIARGS.get("check")))
        self._began = time.monotonic()
        self._phase: dict[str, Any] = {}
        self._items: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        self._phase_began = self._began
        path = Path(constants.DEFAULT_LOCAL_TMP) / "progress"
        os.environ[VARIABLE] = str(path)
        self._progress = Progress(self._display, path, self.get_option("interval"))
        self._progress.start()
        # A run that is interrupted has no statistics.
        atexit.register(self._interrupted)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Begin a phase; batches of one play are one."""
        self._progress.clear()
        name = play.get_name().strip()
        if self._phase.get("name") == name:
            return
        self._end_phase()
        started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._phase = {"name": name, "started": started, "seconds": 0.0, "result": "skipped"}
        self._phase_began = time.monotonic()

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Note what is waited for."""
        self._progress.begin(task._uuid, task.get_name().strip(), host.name)

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note a change, and the release's record."""
        self._note(result, "ok")
        if result.is_changed():
            self._run.changed.setdefault(result.host.name, []).append(result.task_name)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Note the end of a task that did nothing."""
        self._progress.end(result.task._uuid, result.host.name)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Note a failure, and the release's record."""
        self._note(result, "ok" if ignore_errors else "failed")
        failed = self._items.pop((result.task._uuid, result.host.name), [result.result])
        if not ignore_errors:
            told = "\n".join(dict.fromkeys(map(message, failed)))
            self._fail(result, told, self._cause(result.host.name, failed[0]))

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """Note what failed of a loop, whose own result does not say which of its items did."""
        self._items.setdefault((result.task._uuid, result.host.name), []).append(result.result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Note that a host cannot be reached."""
        ignored = bool(result.task.ignore_unreachable)
        self._note(result, "ok" if ignored else "failed")
        if not ignored:
            host, told = result.host.name, message(result.result)
            failure = Failure("host_unreachable", f"{host} cannot be reached", host=host, evidence=[told])
            self._fail(result, told, failure.as_dict())

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Report."""
        self._run.failed = bool(stats.failures or stats.dark)
        if self._run.record.get("result") == "running" and not self._run.check:
            # It came to no end of its own: it had nothing to do, or failed where nobody expects it.
            self._run.record = {**self._run.record, "result": "failed"} if self._run.failed else {}
        self._report()

    def _note(self, result: Any, outcome: str) -> None:
        self._progress.end(result.task._uuid, result.host.name)
        if self._phase.get("result") != "failed":
            self._phase["result"] = outcome
        for found in (result.result, *items(result.result)):
            record = found.get("release_record")
            # Any other than the one that has begun here is of another run, looked up in the history.
            if record and (record["result"] == "running" or record["id"] == self._run.record.get("id")):
                self._run.record = dict(record)

    def _cause(self, host: str, failed: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a module says of the cause, or AWS by the code of its error, if they do."""
        failure, error = failed.get("failure"), failed.get("error")
        if not isinstance(failure, Mapping) or "cause" not in failure:
            if not isinstance(error, Mapping) or "code" not in error:
                return None
            failure = from_aws(error["code"], message(failed)).as_dict()
        return {**failure, "host": failure.get("host") or ("" if host == CONTROLLER else host)}

    def _fail(self, result: Any, told: str, failure: dict[str, Any] | None) -> None:
        about = {"host": result.host.name, "task": result.task_name, "message": told, "failure": failure}
        self._run.failures.append(about)

    def _end_phase(self) -> None:
        if self._phase and self._phase["result"] != "skipped":
            seconds = round(time.monotonic() - self._phase_began, 1)
            self._run.phases.append({**self._phase, "seconds": seconds})
        self._phase = {}

    def _interrupted(self) -> None:
        record = self._run.record
        if record and record["result"] == "running":
            failure = record["failure"] or Failure("interrupted", "The run was interrupted").as_dict()
            self._run.record = {**record, "result": "interrupted", "failure": failure}
        self._run.failed = True
        self._report(silent=not record)

    def _report(self, silent: bool = False) -> None:
        """End the run's report once."""
        atexit.unregister(self._interrupted)
        self._progress.stop()
        self._end_phase()
        self._run.seconds = round(time.monotonic() - self._began, 1)
        if silent:
            return
        head, *lines = ending(self._run, self._keep())
        good = constants.COLOR_CHANGED if self._run.changed else constants.COLOR_OK
        self._display.display(head, color=constants.COLOR_ERROR if self._run.failed else good)
        for line in lines:
            self._display.display(line)

    def _keep(self) -> str:
        """Write the report into the environment's folder; where the page is."""
        folder, record = self.get_option("folder"), self._run.record
        if not folder or not record or self._run.check:
            return ""
        reports = Path(folder, stack(record), "reports")
        reports.mkdir(parents=True, exist_ok=True, mode=0o700)
        contents = {
            ".json": json.dumps(document(self._run), indent=2, ensure_ascii=False) + "\n",
            ".html": page(self._run),
        }
        for suffix, content in contents.items():
            write(reports / f"{record['id']}{suffix}", content)
            for old in sorted(reports.glob(f"*{suffix}"))[: -self.get_option("keep")]:
                old.unlink()
        shown = (reports / f"{record['id']}.html").absolute()
        here = Path.cwd()
        return str(shown.relative_to(here) if shown.is_relative_to(here) else shown)


def write(path: Path, content: str) -> None:
    """Write a file that only the user reads."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(content)


def items(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the results of a loop's items."""
    found = result.get("results")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def message(result: Mapping[str, Any]) -> str:
    """What a result says of a failure."""
    words = (result.get("msg"), result.get("stderr"), result.get("censored"))
    return "\n".join(str(word).strip() for word in words if word)
