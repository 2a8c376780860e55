"""The callback release_report, seen from outside: what ansible-playbook writes, and what it leaves behind."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.test_release_report import BROKEN, FAILURE, record

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = ROOT / ".venv/bin/ansible-playbook"
PROGRESS = "{{ lookup('ansible.builtin.env', 'SLIPWAY_PROGRESS') }}"
SETTINGS = f"""
[defaults]
collections_path = {ROOT}/collections
library = {ROOT}/tests/runs/waiting
callbacks_enabled = slipway.core.release_report
inventory = hosts
host_key_checking = false
nocows = true
[release_report]
folder = kept
keep = 2
interval = 0.5
"""
HOSTS = """
localhost ansible_connection=local
[away]
gone ansible_host=127.0.0.1 ansible_port=1
[hosts]
web-1 ansible_connection=local
web-2 ansible_connection=local
[all:vars]
ansible_python_interpreter={{ ansible_playbook_python }}
"""
TIMEOUT = 60


def task(name: str, *, steps: Any = (), result: Any = None, **keywords: Any) -> dict[str, Any]:
    arguments = {"progress": PROGRESS, "steps": list(steps), "result": result or {}}
    return {"name": name, "stand_in": arguments, **keywords}


def play(*tasks: dict[str, Any], name: str = "The play", hosts: str = "localhost") -> dict[str, Any]:
    return {"name": name, "hosts": hosts, "gather_facts": False, "tasks": list(tasks)}


def begin(**keywords: Any) -> dict[str, Any]:
    """Return a task that begins a release, of which no address is known yet."""
    begun = record(result="running", changed=[])
    del begun["url"]
    return task("Begin", result={"release_record": begun}, **keywords)


def entry(state: str, detail: str, service: str = "api") -> dict[str, Any]:
    return {"service": service, "state": state, "detail": detail, "seconds": 3.2}


class Project:
    """A folder to run playbooks in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "ansible.cfg").write_text(SETTINGS)
        (folder / "hosts").write_text(HOSTS)
        # With PYTHONUNBUFFERED, nothing would ever wait in a buffer.
        ours = ("ANSIBLE_", "PYTHON")
        plain = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        self.environment = plain | {"ANSIBLE_NOCOLOR": "true", "TERM": "xterm"}

    def write(self, *plays: dict[str, Any]) -> None:
        (self.folder / "play.yml").write_text(yaml.safe_dump(list(plays)))

    def until(self, name: str) -> str:
        """Return the path of a file that a step waits for."""
        return str(self.folder / name)

    def go(self, name: str) -> None:
        """Let it go on."""
        (self.folder / name).touch()

    def run(
        self, *plays: dict[str, Any], arguments: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        self.write(*plays)
        return subprocess.run(
            [PLAYBOOK, "play.yml", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    @contextmanager
    def watched(self, *plays: dict[str, Any], terminal: bool) -> Iterator["Watched"]:
        """Run a playbook, and read what it writes while it runs."""
        self.write(*plays)
        reader, writer = pty.openpty() if terminal else os.pipe()
        with subprocess.Popen(
            # What a shell runs in the background ignores SIGINT, and so would this.
            ["env", "--default-signal=INT", PLAYBOOK, "play.yml"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            start_new_session=True,
        ) as run:
            os.close(writer)
            try:
                yield Watched(run, reader)
            finally:
                run.kill()
                os.close(reader)

    def reports(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "kept/goals-prod/reports").glob("*"))


class Watched:
    """A run, what it has written, and the screen on which that would be seen."""

    def __init__(self, run: "subprocess.Popen[bytes]", reader: int) -> None:
        self.run = run
        self.reader = reader
        self.written = ""

    def read(self) -> bool:
        assert select.select([self.reader], [], [], TIMEOUT)[0], self.written
        try:
            content = os.read(self.reader, 65536)
        except OSError:  # the other side of the terminal is closed
            return False
        self.written += content.decode()
        return bool(content)

    def wait_for(self, seen: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not seen():
            assert self.read(), self.written
            assert time.monotonic() < deadline, self.written

    def wait_for_line(self, pattern: str) -> None:
        self.wait_for(lambda: bool(re.search(pattern, self.screen(), re.MULTILINE)))

    def end(self) -> int:
        while self.read():
            pass
        return self.run.wait(TIMEOUT)

    def screen(self) -> str:
        """What a terminal shows of what was written."""
        lines, row, column = [""], 0, 0
        for text, back in re.findall(r"([^\x1b\r\n]+|\r|\n|\x1b\[J)|\x1b\[(\d+)A", self.written):
            if back:
                row -= int(back)
                assert row >= 0
            elif text == "\r":
                column = 0
            elif text == "\n":
                row, column = row + 1, 0
                lines += [""] * (row + 1 - len(lines))
            elif text == "\x1b[J":
                lines[row:] = [lines[row][:column]]
            else:
                lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
                column += len(text)
        return "\n".join(lines)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


class TestProgress:
    def test_without_a_terminal_every_change_is_a_line_and_silence_is_broken(self, project: Project) -> None:
        steps = [
            {"entry": entry("in_progress", "1 of 2 tasks run"), "until": project.until("one")},
            {"entry": entry("in_progress", "2 of 2 tasks run"), "until": project.until("two")},
        ]
        last = {"entry": entry("completed", ""), "until": str(project.folder)}
        with project.watched(play(task("Watch", steps=[*steps, last])), terminal=False) as run:
            run.wait_for_line(r"^  3 s, api: in progress: 1 of 2 tasks run$")
            # Ansible's own lines came before, and so did not wait in a buffer.
            assert "TASK [Watch]" in run.written.split("3 s, api")[0]
            run.wait_for_line(r"^  \d s, still: Watch; api: in progress: 1 of 2 tasks run$")
            project.go("one")
            run.wait_for_line(r"^  3 s, api: in progress: 2 of 2 tasks run$")
            project.go("two")
            assert run.end() == 0
        assert "\x1b" not in run.written
        assert "  3 s, api: completed\n" in run.written

    def test_what_ansible_writes_into_a_pipe_does_not_wait_for_more(self, project: Project) -> None:
        settings = project.folder / "ansible.cfg"
        settings.write_text(settings.read_text().replace("interval = 0.5", "interval = 3600"))
        step = {"until": str(project.folder / "{{ inventory_hostname }}")}
        with project.watched(play(task("Release", steps=[step]), hosts="hosts"), terminal=False) as run:
            project.go("web-1")
            run.wait_for_line(r"^ok: \[web-1\]$")
            project.go("web-2")
            assert run.end() == 0
        assert "still" not in run.written

    def test_a_host_is_waited_for_until_it_has_ended(self, project: Project) -> None:
        step = {"until": str(project.folder / "{{ inventory_hostname }}")}
        with project.watched(play(task("Release", steps=[step]), hosts="hosts"), terminal=False) as run:
            run.wait_for_line(r"^  \d s, still: Release; web-1, web-2$")
            project.go("web-1")
            run.wait_for_line(r"^ok: \[web-1\]$")
            run.wait_for_line(r"^  \d+ s, still: Release; web-2$")
            project.go("web-2")
            assert run.end() == 0

    def test_on_a_terminal_lines_are_kept_up_to_date_and_leave_no_trace(self, project: Project) -> None:
        steps = [
            {"entry": entry("in_progress", "1 of 2 tasks run"), "until": project.until("one")},
            {"entry": entry("in_progress", "2 of 2 tasks run"), "until": project.until("two")},
        ]
        shown = {"entry": entry("in_progress", "", "mongo"), "until": str(project.folder)}
        with project.watched(play(task("Watch", steps=[shown, *steps])), terminal=True) as run:
            run.wait_for_line(r"^    api    in progress: 1 of 2 tasks run")
            project.go("one")
            run.wait_for_line(r"^    api    in progress: 2 of 2 tasks run")
            above, head, mongo, _api = [line for line in run.screen().splitlines() if line][-4:]
            assert above.startswith("TASK [Watch]")
            assert re.fullmatch(r"  Watch: \d+ s", head)
            assert mongo == "    mongo  in progress"
            project.go("two")
            assert run.end() == 0
        lines = [line for line in run.screen().splitlines() if line]
        header = next(number for number, line in enumerate(lines) if line.startswith("TASK [Watch]"))
        assert lines[header + 1] == "ok: [localhost]"
        assert "tasks run" not in run.screen()
        assert lines[-1].startswith("Nothing had to be changed")

    def test_on_a_terminal_each_host_has_a_line(self, project: Project) -> None:
        step = {"until": str(project.folder / "{{ inventory_hostname }}")}
        with project.watched(play(task("Release", steps=[step]), hosts="hosts"), terminal=True) as run:
            run.wait_for_line(r"^  Release: \d+ s\n    web-1  \d+ s\n    web-2  \d+ s$")
            project.go("web-1")
            run.wait_for_line(r"^ok: \[web-1\]\n  Release: \d+ s\n    web-2  \d+ s$")
            project.go("web-2")
            assert run.end() == 0


class TestReport:
    def test_a_release_is_told_and_kept_for_its_owner_only(self, project: Project) -> None:
        changed = {"changed": True, "release_record": record()}
        hidden = record(id="hidden", application="hidden-word")
        run = project.run(
            play(begin(), name="First"),
            play(
                task("Release", result=changed),
                task("Hide", result={"release_record": hidden, "changed": True}, no_log=True),
                {"block": [task("Fail", result={"failed": True, "msg": "no"})], "rescue": [task("Mend")]},
                name="Second",
            ),
        )
        assert run.returncode == 0, run.stdout
        end = run.stdout.split("PLAY RECAP")[1]
        assert re.search(
            r"^Release 20261123-031500-3f2a91 of goals-prod succeeded in \d+ s\.$", end, re.MULTILINE
        )
        assert "What changed: backend.image, backend.environment.LOG_LEVEL\n" in end
        assert "Changed (localhost): 2: Release, Hide\n" in end
        assert "Report: kept/goals-prod/reports/20261123-031500-3f2a91.html\n" in end
        assert re.search(r"^Durations:\n +\d+ s  First\n +\d+ s  Second  failed$", end, re.MULTILINE)
        assert "hidden" not in run.stdout.replace("Hide", "")
        assert project.reports() == ["20261123-031500-3f2a91.html", "20261123-031500-3f2a91.json"]
        for path in (project.folder / "kept/goals-prod/reports").iterdir():
            assert path.stat().st_mode & 0o777 == 0o600
            assert path.parent.stat().st_mode & 0o777 == 0o700
        kept = json.loads((project.folder / "kept/goals-prod/reports" / project.reports()[1]).read_text())
        assert kept["result"] == "good"
        assert [phase["name"] for phase in kept["phases"]] == ["First", "Second"]

    def test_a_failed_release_ends_with_the_cause_and_old_reports_leave(self, project: Project) -> None:
        reports = project.folder / "kept/goals-prod/reports"
        reports.mkdir(parents=True)
        for old in ("20250101-000000-a", "20260101-000000-b"):
            (reports / f"{old}.json").touch()
        result = {"failed": True, "msg": "m", "release_record": BROKEN}
        run = project.run(play(begin(), task("Release", result=result)))
        assert run.returncode == 2
        end = run.stdout.split("PLAY RECAP")[1]
        assert re.search(r"of goals-prod failed after \d+ s: crashed while starting\.", end)
        assert f"{FAILURE['summary']} (start_crash)\n  on goals-prod-2\n" in end
        assert "    | Error: MONGODB_URL is not set\n" in end
        assert f"What to do: {FAILURE['remedy']}\n" in end
        assert project.reports() == [
            "20260101-000000-b.json",
            "20261123-031500-3f2a91.html",
            "20261123-031500-3f2a91.json",
        ]

    def test_what_began_but_released_nothing_is_no_release(self, project: Project) -> None:
        run = project.run(play(begin()))
        assert re.search(r"^Nothing had to be changed \(\d+ s\)\.$", run.stdout, re.MULTILINE)
        assert not (project.folder / "kept").exists()

    def test_a_step_that_nobody_expects_to_fail_fails_the_release(self, project: Project) -> None:
        run = project.run(play(begin(), task("Stumble", result={"failed": True, "msg": "no space"})))
        told = r"of goals-prod failed after \d+ s\.\nStumble \(localhost\):\n  no space\n"
        assert re.search(told, run.stdout)
        kept = json.loads((project.folder / "kept/goals-prod/reports" / project.reports()[1]).read_text())
        assert kept["result"] == "failed"

    def test_the_record_of_another_run_is_not_reported(self, project: Project) -> None:
        found = {"release_record": record(id="20250101-000000-a")}
        run = project.run(
            play(task("Look up", result=found), task("Stumble", result={"failed": True, "msg": "m"}))
        )
        assert re.search(r"^The run failed after \d+ s\.$", run.stdout, re.MULTILINE)
        assert not (project.folder / "kept").exists()

    def test_a_check_says_so_and_keeps_nothing(self, project: Project) -> None:
        result = {"changed": True, "release_record": record()}
        run = project.run(play(begin(), task("Release", result=result)), arguments=("--check",))
        assert run.returncode == 0
        assert "nothing was changed." in run.stdout
        assert "Would change (localhost): 1: Release\n" in run.stdout
        assert not (project.folder / "kept").exists()

    def test_without_a_record_it_is_told_which_step_failed_and_why(self, project: Project) -> None:
        full = {"failed": True, "msg": "{{ item }}: no space"}
        run = project.run(
            play(task("Look", result={"failed": True, "msg": "ignored"}, ignore_errors=True)),
            play(task("Install", result=full, loop=["a", "b"]), name="Configure"),
        )
        assert run.returncode == 2
        end = run.stdout.split("PLAY RECAP")[1]
        told = r"^The run failed after \d+ s\.\nInstall \(localhost\):\n  a: no space\n  b: no space\n"
        assert re.search(told, end, re.MULTILINE)
        assert "Configure  failed\n" in end
        assert "ignored" not in end.split("The run")[1]
        assert not (project.folder / "kept").exists()

    def test_a_host_out_of_reach_and_a_modules_own_cause_are_classified(self, project: Project) -> None:
        run = project.run(play(task("Ask"), hosts="away"))
        assert run.returncode == 4
        assert "s: host unreachable.\ngone cannot be reached (host_unreachable)\n  on gone\n" in run.stdout
        result = {"failed": True, "msg": "m", "failure": {**FAILURE, "host": ""}}
        run = project.run(play(task("Release", result=result), hosts="web-2"))
        assert "s: crashed while starting.\n" in run.stdout
        assert "(start_crash)\n  on web-2\n" in run.stdout

    @pytest.mark.parametrize(
        ("code", "cause"), [("ThrottlingException", "throttled"), ("AccessDenied", "api_error")]
    )
    def test_an_error_of_aws_is_classified(self, project: Project, code: str, cause: str) -> None:
        refused = {"failed": True, "msg": "AWS refused it", "error": {"code": code, "message": "m"}}
        for loop in ({}, {"loop": [1]}):
            run = project.run(play(task("Ask", result=refused, **loop)))
            assert run.returncode == 2
            assert f"AWS refused it ({cause})\n" in run.stdout

    def test_a_run_that_is_interrupted_leaves_a_report_that_says_so(self, project: Project) -> None:
        wait = task("Wait", steps=[{"until": project.until("never")}])
        with project.watched(play(begin(), wait), terminal=True) as run:
            run.wait_for_line(r"^  Wait: \d+ s$")
            os.killpg(run.run.pid, signal.SIGINT)
            assert run.end() != 0
        assert re.search(r"goals-prod was interrupted after \d+ s: run interrupted\.", run.screen())
        assert not re.search(r"^  Wait: \d+ s$", run.screen(), re.MULTILINE)
        kept = json.loads((project.folder / "kept/goals-prod/reports" / project.reports()[1]).read_text())
        assert (kept["result"], kept["failure"]["cause"]) == ("interrupted", "interrupted")
