"""What a run of ansible-playbook knows of the locks that it holds: the callback, with real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from plugins.callback import release_lock
from plugins.plugin_utils import held_locks

KEEPER = "import signal\nprint(flush=True)\nsignal.sigwait([signal.SIGTERM])"


@pytest.fixture
def keeper() -> Iterator[subprocess.Popen[str]]:
    """A process in the place of the one that renews a lock; it ends well when it is told to free it."""
    block = f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n{KEEPER}"
    with subprocess.Popen([sys.executable, "-c", block], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The callback as ansible-playbook has it when it begins."""
    callback = release_lock.CallbackModule()
    monkeypatch.setattr(callback, "get_option", {"folder": str(tmp_path)}.get)
    callback.v2_playbook_on_start(None)
    yield callback
    held_locks.keepers.clear()
    held_locks.folder = None


def told(callback: Any, keeper: int, action: str = "slipway.core.release_lock") -> None:
    lease = {"token": "ours"}
    result = {"stack": "goals-prod", "keeper": keeper, "lease": lease, "previous": "before"}
    callback.v2_runner_on_ok(SimpleNamespace(task=SimpleNamespace(resolved_action=action), result=result))


def test_what_was_taken_is_freed_when_the_run_ends(run: Any, keeper: subprocess.Popen[str]) -> None:
    told(run, keeper.pid)
    run.v2_playbook_on_task_start(None, False)
    # A fork of ansible-playbook that ends.
    release_lock.free(os.getpid() + 1)
    assert keeper.poll() is None
    assert held_locks.last("goals-prod") == "", "a run that begins now is not to think that nobody is at work"
    release_lock.free(os.getpid())
    assert keeper.wait() == 0
    assert held_locks.last("goals-prod") == "ours"
    assert held_locks.last("goals-test") == ""
    assert held_locks.previous == {"goals-prod": "before"}


def test_another_action_s_result_is_not_believed(run: Any, keeper: subprocess.Popen[str]) -> None:
    told(run, keeper.pid, "ansible.builtin.debug")
    assert held_locks.keepers == {}


def test_a_run_whose_lock_is_not_renewed_any_more_ends(
    run: Any, keeper: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[int, int]] = []
    told(run, keeper.pid)
    keeper.kill()
    keeper.wait()
    monkeypatch.setattr(os, "kill", lambda *to: sent.append(to))
    run.v2_playbook_on_task_start(None, False)
    assert sent == [(os.getpid(), signal.SIGTERM)]


def test_after_the_end_of_the_bucket_nothing_has_to_be_renewed(
    run: Any, keeper: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told(run, keeper.pid)
    held_locks.abandon("goals-prod")
    told(run, 0)
    assert keeper.wait() == -signal.SIGKILL
    monkeypatch.setattr(os, "kill", lambda *to: pytest.fail(f"killed {to}"))
    run.v2_playbook_on_task_start(None, False)
