"""The peers, in an environment of their own: locked in peers.txt, installed at the first use."""

import functools
import re
import subprocess
from pathlib import Path

from tests.e2e.environment import ROOT

LOCK = ROOT / "bench/peers.txt"
VENV = ROOT / "bench/.venv"
UV = ROOT / ".cache/uv/bin/uv"


def locked() -> dict[str, str]:
    """Return the version of each package in the lock file."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)", LOCK.read_text(), re.MULTILINE))


@functools.cache
def environment() -> Path:
    """Return the folder of the environment, in which is exactly what the lock file says."""
    python = VENV / "bin/python"
    if not python.exists():
        subprocess.run([UV, "venv", "--quiet", "--python", ROOT / ".venv/bin/python", VENV], check=True)
    subprocess.run([UV, "pip", "sync", "--quiet", "--require-hashes", "--python", python, LOCK], check=True)
    return VENV


def command(name: str) -> str:
    """Return the path of a peer's command."""
    return str(environment() / "bin" / name)


def packages() -> Path:
    """Return the folder that the peers' packages are in."""
    (folder,) = environment().glob("lib/python*/site-packages")
    return folder
