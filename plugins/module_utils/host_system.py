"""What system a host runs, and which packages, files and units it has. Standard library alone.

Rests on os-release(5), dpkg-query(1), rpm(8) and systemctl(1).
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable

#: Prints what is known of a program's arguments; what it exits with says only that something is not there.
Run = Callable[[Sequence[str]], str]

# By the program that says so: the package manager, and the arguments of the question.
_PACKAGES = {
    "dpkg-query": ("apt", ("--show", r"--showformat=${db:Status-Status} ${Package} ${Version}\n")),
    "rpm": ("dnf", ("--query", "--queryformat", r"installed %{NAME} %{VERSION}-%{RELEASE}\n")),
}
_UNIT = ("show", "--property=UnitFileState,ActiveState", "--value")
_SYSTEMD = "run/systemd/system"


def look(
    packages: Sequence[str],
    files: Sequence[str],
    units: Sequence[str],
    root: Path = Path("/"),
    run: Run | None = None,
) -> dict[str, Any]:
    """Describe the system, and of `packages`, `files` and `units` those that are there.

    The result holds `distribution`, `version` and `codename` as os-release has them, `architecture` as uname
    has it, `package_manager` (apt, dnf or nothing), `systemd` (whether it is what runs), `packages` (the
    version of each), `files` (when each was written, in seconds since 1970) and `units` (of each, whether it
    is `enabled` and `active`).
    """
    run = run or _run
    release = _os_release(root)
    program = next((name for name in _PACKAGES if (root / "usr/bin" / name).exists()), "")
    manager, question = _PACKAGES.get(program, ("", ()))
    systemd = (root / _SYSTEMD).is_dir()
    return {
        "distribution": release.get("ID", ""),
        "version": release.get("VERSION_ID", ""),
        "codename": release.get("VERSION_CODENAME", ""),
        "architecture": platform.machine(),
        "package_manager": manager,
        "systemd": systemd,
        "packages": _installed(run((program, *question, *packages))) if manager and packages else {},
        "files": {name: path.stat().st_mtime for name in files if (path := root / name.lstrip("/")).exists()},
        "units": {name: _unit(run(("systemctl", *_UNIT, name))) for name in units} if systemd else {},
    }


def unsupported(distribution: str, version: str, supported: Mapping[str, Sequence[str]]) -> str:
    """Say what is expected in place of a distribution that is not supported; nothing of one that is."""
    if version in supported.get(distribution, ()):
        return ""
    known = "; ".join(f"{name} {' or '.join(versions)}" for name, versions in supported.items())
    runs = " ".join(filter(None, (distribution, version))) or "no known distribution"
    return (
        f"The host runs {runs}: expected {known}. "
        "Use one of these, or leave the role out for this host and do its work by other means."
    )


def _os_release(root: Path) -> dict[str, str]:
    lines = (root / "etc/os-release").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name: "".join(shlex.split(value)) for name, _, value in pairs}


def _installed(output: str) -> dict[str, str]:
    lines = (line.split() for line in output.splitlines())
    return {line[1]: line[2] for line in lines if len(line) == 3 and line[0] == "installed"}


def _unit(output: str) -> dict[str, bool]:
    said = output.split()
    return {"enabled": "enabled" in said, "active": "active" in said}


def _run(arguments: Sequence[str]) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    return done.stdout
