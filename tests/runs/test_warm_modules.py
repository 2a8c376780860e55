"""The controller's modules in warm processes: as in the plain interpreter, seen from inside a module."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WARM = "{{ lookup('ansible.builtin.env', 'SLIPWAY_PYTHON') }}"
OR_PLAIN = f"{{{{ lookup('ansible.builtin.env', 'SLIPWAY_PYTHON') or '{sys.executable}' }}}}"


class Play:
    """A play of the module `report` on localhost, in a folder of its own."""

    def __init__(self, folder: Path, connection: str = "slipway.core.warm") -> None:
        self.folder, self.connection = folder, connection

    def command(self, *tasks: dict[str, Any], interpreter: str = WARM) -> list[str]:
        """Write the playbook of the tasks and return the command that runs it."""
        playbook = self.folder / "play.yml"
        playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
        variables = {
            "ansible_connection": self.connection,
            "ansible_python_interpreter": interpreter,
        }
        return [
            str(ROOT / ".venv/bin/ansible-playbook"),
            "--inventory=localhost,",
            f"--extra-vars={json.dumps(variables)}",
            str(playbook),
        ]

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the environment of a run, with this project's settings."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        library = {
            "ANSIBLE_LIBRARY": str(ROOT / "tests/runs/warm"),
            "SLIPWAY_WARM_FOLDER": str(self.folder / "code"),
        }
        return plain | library | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")} | variables

    def run(
        self, *tasks: dict[str, Any], interpreter: str = WARM, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the tasks."""
        return self.start(self.command(*tasks, interpreter=interpreter), **variables)

    def start(self, command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command; both streams are in the output."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(**variables),
            umask=0o027,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )

    def report(self, name: str, **keywords: Any) -> dict[str, Any]:
        """Describe a task that writes the report `name`."""
        options = keywords.pop("options", {})
        return {"report": {"path": str(self.folder / name), **options}, **keywords}

    def read(self, name: str) -> dict[str, Any]:
        """Return what a report says."""
        found: dict[str, Any] = json.loads((self.folder / name).read_text())
        return found


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


@pytest.fixture(params=["ansible.builtin.local", "slipway.core.warm"])
def either_way(tmp_path: Path, request: pytest.FixtureRequest) -> Play:
    """Give a play whose modules reach the warm process by the interpreter, or by the connection itself."""
    return Play(tmp_path, request.param)


def server_ended(server: int) -> None:
    """See that a server ends by itself, now that its run has."""
    deadline = time.monotonic() + 10
    while Path(f"/proc/{server}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{server}").exists()


def test_modules_are_forks_of_one_warm_process_that_ends_with_the_run(play: Play) -> None:
    run = play.run(play.report("a"), play.report("b"))
    assert run.returncode == 0, run.stdout
    first, second = play.read("a"), play.read("b")
    assert first["warm"]
    assert first["parent"] == second["parent"]
    server_ended(first["parent"])


def test_a_source_is_compiled_once_for_all_modules(play: Play) -> None:
    run = play.run(play.report("a"), play.report("b"), play.report("c"))
    assert run.returncode == 0, run.stdout
    assert "timeout.py" in play.read("a")["compiled"]
    assert play.read("c")["compiled"] == []


def test_what_was_compiled_is_kept_for_the_next_run_and_a_spoilt_file_is_no_fault(play: Play) -> None:
    assert play.run(play.report("a")).returncode == 0
    server_ended(play.read("a")["parent"])
    assert play.run(play.report("b")).returncode == 0
    assert play.read("b")["compiled"] == []
    server_ended(play.read("b")["parent"])
    (kept,) = (play.folder / "code").glob("code-*")
    kept.write_bytes(kept.read_bytes()[:-100])
    assert play.run(play.report("c")).returncode == 0
    assert "timeout.py" in play.read("c")["compiled"]


def test_a_module_finds_itself_where_the_plain_interpreter_would_be(either_way: Play) -> None:
    tasks = [either_way.report("found", environment={"COLOUR": "green"})]
    assert either_way.run(*tasks).returncode == 0
    warm = either_way.read("found")
    assert either_way.run(*tasks, interpreter=sys.executable).returncode == 0
    plain = either_way.read("found")
    assert warm.pop("warm")
    assert not plain.pop("warm")
    for found in (warm, plain):
        found.pop("parent")
        found.pop("compiled")
    assert warm == plain
    assert warm["umask"] == 0o027
    assert warm["colour"] == "green"


@pytest.mark.parametrize(("connection", "started"), [("slipway.core.warm", 0), ("ansible.builtin.local", 2)])
def test_by_its_connection_a_module_reaches_the_warm_process_without_a_shell(
    tmp_path: Path, connection: str, started: int
) -> None:
    play = Play(tmp_path, connection)
    run = play.run(play.report("a"), play.report("b"), ANSIBLE_VERBOSITY="3")
    assert run.returncode == 0, run.stdout
    assert len(re.findall(r"^<localhost> EXEC .*warm-", run.stdout, re.MULTILINE)) == started
    assert play.read("a")["warm"]


def test_check_mode_and_a_large_result_come_through(either_way: Play) -> None:
    large = either_way.report("large", options={"size": 3_000_000}, register="large", check_mode=True)
    told = {"ansible.builtin.assert": {"that": "large.output | length == 3000000"}}
    run = either_way.run(large, told)
    assert run.returncode == 0, run.stdout[-3000:]
    assert either_way.read("large")["check_mode"]


@pytest.mark.parametrize("end", ["kill", "exit"])
def test_a_module_that_ends_without_a_result_is_reported_as_by_the_plain_interpreter(
    either_way: Play, end: str
) -> None:
    reports = []
    for interpreter in (WARM, sys.executable):
        run = either_way.run(either_way.report("end", options={"end": end}), interpreter=interpreter)
        assert run.returncode != 0
        reports.append(re.findall(r"rc: .*|module_stderr: .*", run.stdout))
    assert reports[0]
    assert reports[0] == reports[1]


def test_a_module_ends_after_the_threads_that_it_started(play: Play) -> None:
    assert play.run(play.report("threads", options={"end": "thread"})).returncode == 0
    assert (play.folder / "threads").read_text() == "the thread ended"


def test_what_only_a_plain_interpreter_can_do_is_left_to_it(either_way: Play) -> None:
    run = either_way.run(
        either_way.report("async", **{"async": 20, "poll": 1}),
        either_way.report("python", environment={"PYTHONUNBUFFERED": "1"}),
        either_way.report("warm"),
    )
    assert run.returncode == 0, run.stdout
    assert [either_way.read(name)["warm"] for name in ("async", "python", "warm")] == [False, False, True]


def asks(play: Play, *questions: list[Any], **keywords: Any) -> dict[str, Any]:
    """Describe a task that asks AWS, and records what it asks."""
    environment = {"SLIPWAY_READS": str(play.folder / "reads")}
    return {"asks": {"questions": list(questions)}, "environment": environment, **keywords}


def recorded(play: Play) -> list[list[Any]]:
    """Return what was recorded of AWS, without the endpoint."""
    lines = (play.folder / "reads").read_text().splitlines()
    return [[service, *rest] for service, _, *rest in map(json.loads, lines)]


def test_all_sessions_of_a_module_share_what_was_loaded(play: Play) -> None:
    questions = ["sts", "get_caller_identity", {}, {}], ["ecs", "list_clusters", {}, {}]
    run = play.run(
        asks(play, *questions, register="asked"),
        {"ansible.builtin.assert": {"that": "asked.loaders == 1"}},
    )
    assert run.returncode == 0, run.stdout


def test_reads_are_recorded_with_what_stands_for_the_answer(play: Play) -> None:
    role = {"Path": "/", "RoleName": "r", "RoleId": "r" * 16, "Arn": "a" * 20, "CreateDate": "2026-01-01"}
    questions = [
        ["iam", "get_role", {"RoleName": "r"}, {"Role": role}],
        ["iam", "get_role", {"RoleName": "r"}, {"Role": {**role, "RoleLastUsed": {"Region": "eu-west-1"}}}],
        ["iam", "get_role", {"RoleName": "r"}, {"Role": {**role, "Description": "another"}}],
        ["iam", "get_role", {"RoleName": "r"}, "NoSuchEntity"],
    ]
    assert play.run(asks(play, *questions)).returncode == 0
    reads = recorded(play)
    assert [read[:-1] for read in reads] == [["iam", "GetRole", {"RoleName": "r"}]] * 4
    first, used, described, missing = [read[-1] for read in reads]
    assert first == used, "when it was used last is no difference"
    assert first != described
    assert missing == "NoSuchEntity"


def test_as_whom_is_asked_is_not_recorded(play: Play) -> None:
    until = "2026-01-01T00:00:00Z"
    key = {"AccessKeyId": "a" * 16, "SecretAccessKey": "hush", "SessionToken": "hush", "Expiration": until}
    role = {"RoleArn": "r" * 20, "RoleSessionName": "s2"}
    questions = [
        ["sts", "assume_role", role, {"Credentials": key}],
        ["sts", "get_caller_identity", {}, {"Account": "1"}],
    ]
    assert play.run(asks(play, *questions)).returncode == 0
    assert [read[1] for read in recorded(play)] == ["GetCallerIdentity"]


def test_of_writes_and_secrets_nothing_is_recorded_but_that_they_were(play: Play) -> None:
    questions = [
        ["secretsmanager", "get_secret_value", {"SecretId": "x"}, {"SecretString": "hush"}],
        ["secretsmanager", "create_secret", {"Name": "x", "SecretString": "hush"}, {}],
    ]
    assert play.run(asks(play, *questions)).returncode == 0
    assert recorded(play) == [
        ["secretsmanager", "GetSecretValue", {}, None],
        ["secretsmanager", "CreateSecret", {}, None],
    ]


def test_what_a_plain_interpreter_asks_is_said_not_to_be_recorded(play: Play) -> None:
    task = asks(play, ["sts", "get_caller_identity", {}, {}], **{"async": 20, "poll": 1})
    assert play.run(task).returncode == 0
    assert {read[-1] for read in recorded(play)} == {None}


def test_a_server_says_nothing_where_its_run_is_over_before_it_is_ready(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as run:
        pass
    server = ROOT / "plugins/plugin_utils/warm_server.py"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        ended = subprocess.run(
            [sys.executable, "-P", server, str(run.pid)],
            stdin=listener.fileno(),
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_without_a_server_modules_run_as_ever_and_a_warning_says_so_once(play: Play) -> None:
    # No kernel reads so long a first line of a script.
    long = play.folder / ("x" * 250)
    long.symlink_to(ROOT / ".venv")
    tasks = play.command(play.report("a"), play.report("b"), interpreter=OR_PLAIN)
    run = play.start([str(long / "bin/python"), *tasks])
    assert run.returncode == 0, run.stdout
    assert run.stdout.count("without a warm process") == 1
    assert not play.read("a")["warm"]


def test_one_setting_turns_it_off(play: Play) -> None:
    run = play.run(play.report("a"), interpreter=OR_PLAIN, SLIPWAY_WARM_MODULES="false")
    assert run.returncode == 0, run.stdout
    assert not play.read("a")["warm"]


def test_a_killed_run_leaves_no_server(play: Play) -> None:
    pause = {"ansible.builtin.pause": {"seconds": 60}}
    with subprocess.Popen(
        play.command(play.report("a"), pause),
        cwd=play.folder,
        env=play.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    ) as run:
        deadline = time.monotonic() + 30
        while not (play.folder / "a").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        server = play.read("a")["parent"]
        run.send_signal(signal.SIGKILL)
    server_ended(server)
