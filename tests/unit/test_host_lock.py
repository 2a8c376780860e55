"""One release at a time on a host: by real processes."""

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.module_utils.host_lock import held
from plugins.module_utils.release_failure import ReleaseFailure

HOLDER = """
from plugins.module_utils.host_lock import held
with held({!r}, "shop"):
    print("held", flush=True)
    input()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of `shop` until it reads a line."""
    command = [sys.executable, "-c", HOLDER.format(str(tmp_path))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_another_one_s_process_is_named(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(ReleaseFailure) as failed, held(str(tmp_path), "shop", 0.3):
        pass
    failure = failed.value.failure.as_dict()
    assert failure["cause"] == "host_busy"
    assert failure["evidence"] == [f"Process {holder.pid} holds {tmp_path}/shop.lock."]
    assert "end the named process" in failure["remedy"]


def test_another_application_is_free(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with held(str(tmp_path), "goals", 0):
        pass


@pytest.mark.parametrize("end", ["in order", "killed"])
def test_it_is_had_when_the_other_ends(tmp_path: Path, holder: subprocess.Popen[str], end: str) -> None:
    if end == "killed":
        holder.kill()
        holder.wait()
    else:
        holder.communicate("\n")
    with held(str(tmp_path), "shop", 5):
        assert (tmp_path / "shop.lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_its_holder_removed_in_the_meantime_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lock = tmp_path / "shop.lock", fcntl.flock
    files: set[int] = set()

    def flock(file: int, operation: int) -> None:
        if not files:
            path.unlink()
        files.add(file)
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with held(str(tmp_path), "shop", 1):
        assert path.exists()


def test_of_many_one_at_a_time_is_inside(tmp_path: Path) -> None:
    """Each adds one to what it found, which is lost where two are inside."""
    count = tmp_path / "count"
    count.write_text("0")
    script = (
        "from pathlib import Path\nfrom plugins.module_utils.host_lock import held\n"
        f"count = Path({str(count)!r})\n"
        "for _ in range(50):\n"
        f"    with held({str(tmp_path)!r}, 'shop'):\n"
        "        count.write_text(str(int(count.read_text()) + 1))\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert count.read_text() == "200"
