"""Looking at a host: its ports, from a /proc made for the test, and an engine that is or is not there."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.module_utils.host_facts import gather

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A machine where nginx listens on 80, something on 443, and a client has a connection to port 8080."""
    lines = [
        "0: 00000000:0050 00000000:0000 0A 0:0 0:0 0 0 0 1001",
        "1: 00000000:01BB 00000000:0000 0A 0:0 0:0 0 0 0 1002",
        "2: 0100007F:1F90 0100007F:0050 01 0:0 0:0 0 0 0 1003",
    ]
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(HEADER + "\n".join(lines) + "\n")
    descriptors = tmp_path / "77" / "fd"
    descriptors.mkdir(parents=True)
    (descriptors / "3").symlink_to("socket:[1001]")
    (descriptors / "4").symlink_to("/dev/null")
    (tmp_path / "77" / "comm").write_text("nginx\n")
    (tmp_path / "78").mkdir()
    return tmp_path


@pytest.fixture
def deaf(tmp_path: Path) -> Iterator[str]:
    """A socket where something takes connections and says nothing that is HTTP."""
    path = str(tmp_path / "docker.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        yield path


def test_who_holds_which_port(proc: Path) -> None:
    facts = gather([80, 443, 8080], str(proc / "none.sock"), proc)
    assert facts["ports"] == {
        "80": {"by": "nginx", "app": ""},
        "443": {"by": "an unknown process", "app": ""},
    }


def test_docker_s_own_process_is_not_the_holder(proc: Path) -> None:
    (proc / "77" / "comm").write_text("docker-proxy\n")
    assert gather([80], str(proc / "none.sock"), proc)["ports"] == {}


def test_ports_that_nobody_asked_for_are_left_out(proc: Path) -> None:
    assert gather([8000], str(proc / "none.sock"), proc)["ports"] == {}


def test_no_engine_yet(proc: Path) -> None:
    facts = gather([80], str(proc / "none.sock"), proc)
    assert facts["engine"] == {"installed": False, "answers": False, "error": ""}
    assert facts["disk_free"] > 0
    assert facts["architecture"]


def test_an_engine_that_does_not_answer(proc: Path, deaf: str) -> None:
    engine = gather([80], deaf, proc)["engine"]
    assert (engine["installed"], engine["answers"]) == (True, False)
    assert engine["error"]
