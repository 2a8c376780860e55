"""Who names nothing, or something else, destroys nothing and hears what would be lost."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])


@pytest.mark.parametrize(("named", "found"), [("", "nothing"), ("goals-prod", "goals-prod")])
def test_refuses_what_was_not_named(named: str, found: str) -> None:
    done = subprocess.run(
        [
            ROOT / ".venv/bin/ansible-playbook",
            f"--inventory={ROOT}/molecule/shared/lab",
            ROOT / "molecule/consent/converge.yml",
            "-e",
            f"destroy='{named}'",
        ],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "the volumes of mongodb" in done.stdout
    assert f"-e destroy=goals-consent (found: {found})" in done.stdout
