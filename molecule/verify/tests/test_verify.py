"""What the role says of routes that do not answer."""

import os
import subprocess
from pathlib import Path

ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])


def converge(*extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            ROOT / ".venv/bin/ansible-playbook",
            f"--inventory={ROOT}/molecule/shared/lab",
            ROOT / "molecule/verify/converge.yml",
            *extra,
        ],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "COLUMNS": "300"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_says_where_the_application_answers() -> None:
    done = converge()
    assert done.returncode == 0, done.stdout
    assert "The application answers at http://goals.localhost" in done.stdout


def test_names_the_page_that_is_missing() -> None:
    done = converge("-e", "backend_page=/nonesuch", "-e", "verify_timeout=1")
    assert done.returncode != 0
    assert "1 of 2 routes do not answer" in done.stdout
    assert "1. service backend: http://goals.localhost/nonesuch" in done.stdout
    assert "404 Not Found" in done.stdout


def test_names_every_route_where_nobody_listens() -> None:
    done = converge("-e", "verify_connect_to=127.0.0.1:1", "-e", "verify_timeout=1")
    assert "2 of 2 routes do not answer" in done.stdout
    assert "no answer from 127.0.0.1:1" in done.stdout


def test_asks_a_host_at_its_own_address() -> None:
    asked = '{"verify_load_balancer_enabled": false, "verify_hosts": ["127.0.0.1:1"], "verify_timeout": 1}'
    done = converge("-e", asked)
    assert "2 of 4 routes do not answer" in done.stdout
    assert "http://127.0.0.1:1/index.html" in done.stdout


def test_asks_nothing_in_check_mode() -> None:
    done = converge("-e", "verify_connect_to=127.0.0.1:1", "--check")
    assert done.returncode == 0, done.stdout
    assert "Would ask http://goals.localhost/index.html, http://goals.localhost/" in done.stdout
