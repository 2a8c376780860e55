"""The lock of an environment, by real runs against the lab's S3: races, kills, Ctrl-C, force.

Where the end of a lease is tested, it is short. Nothing else is waited for by the clock.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.module_utils.release_store import bucket_name
from tests.e2e.environment import ROOT, ansible, aws

# A run that cannot renew it ends after 9 s, which a busy machine must not bring about.
SHORT = ("-e", "release_lock_seconds=12")
BUCKET = bucket_name("lock-race", "000000000000")
# In the environment of each run, and so of all that it leaves behind.
MARK = f"SLIPWAY_TEST_LOCK_{os.getpid()}"


class Holder:
    """A run of tests/e2e/lock/hold.yml, which ends when its pipe is written to."""

    def __init__(self, folder: Path, inventory: Path, *arguments: str) -> None:
        self.pipe = folder / "until"
        os.mkfifo(self.pipe)
        self._writer = -1
        self._log = (folder / "log").open("w+")
        pipe = f"hold_until={self.pipe}"
        playbook = ["tests/e2e/lock/hold.yml", "-i", str(inventory), "-e", pipe, *arguments]
        self.process = subprocess.Popen(
            # What a shell runs in the background ignores SIGINT, and so would this.
            ["env", "--default-signal=INT", ROOT / ".venv/bin/ansible-playbook", *playbook],
            cwd=ROOT,
            env={
                **os.environ,
                MARK: "1",
                "ANSIBLE_NOCOLOR": "true",
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            },
            stdout=self._log,
            stderr=subprocess.STDOUT,
            # As a shell starts a command: Ctrl-C reaches all of it and nothing else.
            process_group=0,
        )

    @property
    def output(self) -> str:
        return Path(self._log.name).read_text()

    def waiting(self) -> "Holder":
        """Return when it holds the lock, and reads its pipe."""
        eventually(lambda: self._read() or self.process.poll() is not None)
        assert self.process.poll() is None, self.output
        return self

    def _read(self) -> bool:
        # A pipe that nobody reads cannot be opened for writing.
        if self._writer < 0:
            with suppress(OSError):
                self._writer = os.open(self.pipe, os.O_WRONLY | os.O_NONBLOCK)
        return self._writer >= 0

    def go_on(self) -> int:
        """Let it come to its end; its exit code."""
        self.let_go()
        return self.process.wait()

    def let_go(self) -> None:
        """End what reads the pipe, which goes on when its run is killed."""
        if self._writer >= 0:
            os.close(self._writer)
        self._writer = -1

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._read()
        self.let_go()
        self._log.close()


def eventually(condition: Callable[[], bool], seconds: float = 300) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that nothing is deployed to."""
    lab = yaml.safe_load((ROOT / "inventories/local/group_vars/lab.yml").read_text())
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ lookup('ansible.builtin.env', 'SLIPWAY_PYTHON') }}",
        "aws_region": lab["aws_region"],
        "aws_connection": lab["aws_connection"],
        "aws_tags": {"slipway_app": "lock"},
        "app_stack": "lock-race",
    }
    inventory = tmp_path_factory.mktemp("lock") / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {"localhost": variables}}}))
    return inventory


@pytest.fixture(scope="module", autouse=True)
def _bucket() -> Iterator[None]:
    yield
    for each in aws("s3").list_objects_v2(Bucket=BUCKET).get("Contents", []):
        aws("s3").delete_object(Bucket=BUCKET, Key=each["Key"])
    aws("s3").delete_bucket(Bucket=BUCKET)


@pytest.fixture
def hold(tmp_path: Path, inventory: Path) -> Iterator[Callable[..., Holder]]:
    """Start a run that wants the lock; all end with the test."""
    with ExitStack() as running:

        def start(*arguments: str) -> Holder:
            folder = tmp_path / str(len(list(tmp_path.iterdir())))
            folder.mkdir()
            holder = Holder(folder, inventory, *arguments)
            running.callback(holder.end)
            return holder

        yield start


def lease() -> dict[str, Any]:
    body = aws("s3").get_object(Bucket=BUCKET, Key="lock.json")["Body"].read()
    found: dict[str, Any] = yaml.safe_load(body)
    return found


def by_hand(inventory: Path, *arguments: str) -> str:
    return (
        ansible("ansible-playbook", "playbooks/lock.yml", "-i", str(inventory), *arguments).succeeded().output
    )


def left() -> list[str]:
    """The processes that runs have started, whoever is their parent now."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if MARK.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def test_of_twenty_starts_one_holds_the_lock_and_all_others_are_told_who(hold: Any) -> None:
    runs = [hold("-e", "lock_wait=0") for _ in range(20)]
    eventually(lambda: [run.process.poll() for run in runs].count(None) == 1)
    (holder,) = [run for run in runs if run.process.poll() is None]
    holder.waiting()
    assert lease()["pid"] == holder.process.pid
    assert any("warm_server" in command for command in left())
    for run in runs:
        if run is not holder:
            assert run.process.returncode == 2
            assert f"is held by {lease()['owner']}, process {holder.process.pid}" in run.output
            assert "-e lock_wait=SECONDS" in run.output
    assert holder.go_on() == 0
    assert lease()["state"] == "free"


def test_who_waits_gets_it_after_several_leases_that_were_renewed(hold: Any, inventory: Path) -> None:
    first = hold(*SHORT).waiting()
    second = hold("-e", "lock_wait=300")
    eventually(lambda: "Waiting for it" in second.output)
    eventually(lambda: lease()["renewals"] > 5)
    assert second.process.poll() is None
    assert f"process {first.process.pid}" in by_hand(inventory)
    assert first.go_on() == 0
    second.waiting()
    assert lease()["pid"] == second.process.pid
    assert second.go_on() == 0


def test_what_a_killed_run_held_is_taken_over_by_one(hold: Any) -> None:
    killed = hold(*SHORT).waiting()
    held = lease()
    killed.process.kill()
    takers = [hold() for _ in range(3)]
    eventually(lambda: [run.process.poll() for run in takers].count(None) == 1)
    (taker,) = [run for run in takers if run.process.poll() is None]
    taker.waiting()
    assert lease()["pid"] == taker.process.pid
    # Nobody had freed it.
    assert lease()["token"] != held["token"]
    for run in takers:
        assert run is taker or f"process {taker.process.pid}" in run.output
    assert taker.go_on() == 0


def test_ctrl_c_frees_it_at_once(hold: Any) -> None:
    run = hold().waiting()
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.process.wait() != 0
    assert "PLAY RECAP" not in run.output
    assert lease()["state"] == "free"


def test_a_run_that_the_lock_was_taken_from_does_nothing_more(hold: Any, inventory: Path) -> None:
    run = hold(*SHORT).waiting()
    told = by_hand(inventory, "-e", "lock=free", "-e", "lock_force=true")
    assert "That run ends when it next renews it" in told
    assert run.process.wait() == -signal.SIGTERM
    assert "Slipway ends this run: It has lost its lock." in run.output
    assert "Take it again" not in run.output
    # The next one waits until that run has surely ended.
    assert hold().waiting().go_on() == 0


def test_by_hand_it_is_held_until_it_is_freed(hold: Any, inventory: Path) -> None:
    by_hand(inventory, "-e", "lock=taken", "-e", '{"lock_message": "moving the database"}')
    refused = hold()
    assert refused.process.wait() == 2
    assert "(maintenance: moving the database)" in refused.output
    planned = hold("--check")
    planned.process.wait()
    assert "A run would have to wait" in planned.output
    by_hand(inventory, "-e", "lock=free")
    assert lease()["state"] == "free"


def test_nothing_is_left_of_runs_that_have_ended() -> None:
    eventually(lambda: left() == [])
