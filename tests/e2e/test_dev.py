"""The development rung on this machine's Docker engine: up, edit and see, data, nothing to change, gone."""

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.environment import ROOT, Run, ansible

NAME = "goals-devtest"
FRONTEND, BACKEND = 18580, 18530
# The base images of the lab: this machine may reach no registry.
LAB = ROOT / "inventories/local/group_vars/lab.yml"


def dev_playbook(inventory: str, *arguments: str) -> Run:
    return ansible("ansible-playbook", "playbooks/dev.yml", "-i", inventory, *arguments)


class Development:
    """A copy of the sample application, whose sources a test may edit, and the command that runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(
            ROOT / "examples/goals", folder / "examples/goals", ignore=shutil.ignore_patterns("node_modules")
        )
        for part in ("frontend", "backend"):
            # Layers of its own: of two that were built, the engine's builder takes the one or the other.
            self.edit(f"{part}/package.json", '"private": true', '"private": true, "description": "Edited"')
        self.application = yaml.safe_load((ROOT / "group_vars/all/app.yml").read_text())
        self.services = self.application["app_services"]
        self.services["frontend"]["dev"]["port"] = FRONTEND
        self.services["backend"]["dev"]["port"] = BACKEND

    def play(self, *arguments: str, **variables: Any) -> Run:
        """Run playbooks/dev.yml on the copy."""
        given = self.folder / "variables.yml"
        settings = {"app_project_dir": str(self.folder), "app_environment": "devtest", **variables}
        lab = yaml.safe_load(LAB.read_text())
        own = {key: value for key, value in self.application.items() if key not in lab}
        given.write_text(yaml.safe_dump({**lab, **own, **settings}))
        return dev_playbook("dev", "-e", f"@{given}", *arguments)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text of a source file in place, as an editor does."""
        file = self.folder / "examples/goals" / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def labelled(kind: str, *options: str) -> str:
    return docker(kind, "ls", "--quiet", *options, "--filter", f"label=slipway.stack={NAME}")


def everything() -> dict[str, str]:
    """Return the ids of all that the engine has of this environment."""
    return {
        "containers": labelled("container", "--all"),
        "images": labelled("image"),
        "networks": labelled("network"),
        "volumes": labelled("volume"),
    }


def ask(port: int, path: str, body: dict[str, Any] | None = None) -> str:
    """GET a path of a published port, or POST a body to it; the text of the answer, whatever its status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        method, text = ("GET", None) if body is None else ("POST", json.dumps(body))
        connection.request(method, path, text, {"Content-Type": "application/json"})
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def seen(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Tell whether the condition holds within a time; a refused or broken answer counts as not yet."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return True
        except (OSError, http.client.HTTPException):
            # Between the end of the old process and the start of the new one nobody answers.
            time.sleep(0.1)
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def development(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Development]:
    development = Development(tmp_path_factory.mktemp("project"))
    yield development
    development.play("-e", "dev_state=absent", "-e", "dev_volumes=absent").succeeded()


@pytest.fixture(scope="module")
def planned(development: Development) -> Run:
    return development.play("--check", "--diff")


@pytest.fixture(scope="module")
def started(development: Development, planned: Run) -> Development:
    development.play().succeeded()
    return development


def test_the_plan_on_an_empty_machine_runs_to_its_end_and_makes_nothing(planned: Run) -> None:
    assert planned.succeeded().changed() == {"localhost": 4}
    assert not any(everything().values())


def test_the_page_is_served_and_its_server_passes_the_api_on(started: Development) -> None:
    assert '<div id="root">' in ask(FRONTEND, "/")
    assert '"version":"development"' in ask(BACKEND, "/version")
    assert "Learn Vite" in ask(FRONTEND, "/goals", {"text": "Learn Vite"})
    assert "Learn Vite" in ask(BACKEND, "/goals")


def test_ports_are_published_to_this_machine_alone(started: Development) -> None:
    for container in labelled("container").split():
        published = docker("port", container).splitlines()
        assert all("-> 127.0.0.1:" in line for line in published)


@pytest.mark.parametrize("service", ["frontend", "backend"])
def test_images_hold_tools_and_no_code(started: Development, service: str) -> None:
    files = docker("run", "--rm", "--network", "none", f"{NAME}-{service}:development", "ls", "/app").split()
    assert "node_modules" in files
    assert "src" not in files


def test_an_edit_of_the_frontend_is_seen_without_a_rebuild(started: Development) -> None:
    before = everything()
    assert "Edited goals" not in ask(FRONTEND, "/App.jsx")
    started.edit("frontend/src/App.jsx", "<h1>Goals</h1>", "<h1>Edited goals</h1>")
    assert seen(lambda: "Edited goals" in ask(FRONTEND, "/App.jsx"))
    assert seen(lambda: "hmr update /App.jsx" in docker("logs", f"{NAME}-frontend"))
    assert everything() == before


def test_an_edit_of_the_backend_is_seen_without_a_rebuild(started: Development) -> None:
    before = everything()
    started.edit("backend/src/app.js", '"no such page"', '"edited: no such page"')
    assert seen(lambda: "edited: no such page" in ask(BACKEND, "/no-such-page"))
    assert everything() == before


def test_a_second_run_changes_nothing_and_the_plan_says_so(started: Development) -> None:
    before = everything()
    assert started.play().succeeded().changed() == {}
    assert started.play("--check", "--diff").succeeded().changed() == {}
    assert everything() == before


def test_a_changed_variable_replaces_its_container_alone_and_the_data_stays(started: Development) -> None:
    before = set(labelled("container").split())
    ask(BACKEND, "/goals", {"text": "Stay"})
    started.services["backend"]["environment"]["COLOUR"] = "green"
    assert started.play().succeeded().changed() == {"localhost": 1}
    assert len(before & set(labelled("container").split())) == 2
    assert "COLOUR=green" in docker("inspect", f"{NAME}-backend")
    assert "Stay" in ask(BACKEND, "/goals")


def test_a_port_that_is_taken_is_named_before_the_first_change(development: Development) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        services = {"solo": {"image": "slipway-lab/node:24", "port": 8000, "dev": {"port": port}}}
        run = development.play(app_environment="taken", app_services=services, database="none")
    assert run.returncode != 0
    assert f"port {port} of this machine is taken by another program" in run.output
    assert run.changed() == {}


def test_all_that_development_misses_is_named_together(development: Development) -> None:
    services = {
        "web": {
            "build": {"context": "examples/goals/backend"},
            "port": 8000,
            "secrets": {"TOKEN": "ssm:/token"},
            "dev": {"port": 18599, "mounts": [{"source": "sources", "path": "/app/src"}]},
        }
    }
    run = development.play(app_environment="faults", app_services=services, database="none")
    assert run.returncode != 0
    for fault in ("no file or folder sources", "dev.environment.TOKEN"):
        assert fault in run.output
    assert run.changed() == {}


def test_a_service_that_does_not_answer_is_named_with_its_last_lines(development: Development) -> None:
    services = {
        "web": {
            "image": "slipway-lab/node:24",
            "port": 8000,
            "health_check": {"path": "/health"},
            "command": ["node", "--eval", "console.log('out of order'); setInterval(() => 0, 1000)"],
            "dev": {"port": 18598},
        }
    }
    model = {"app_environment": "silent", "app_services": services, "database": "none"}
    run = development.play("-e", "dev_environment_timeout=2", **model)
    development.play("-e", "dev_state=absent", **model).succeeded()
    assert run.returncode != 0
    assert "web: http://127.0.0.1:18598/health: no 200 within 2 s" in run.output
    assert "out of order" in run.output


def test_the_first_stage_of_the_seed_is_a_runnable_inventory() -> None:
    run = dev_playbook("examples/01-starting-setup", "-e", f"@{LAB}", "--check", "--diff").succeeded()
    assert run.recap["localhost"]["changed"]


def test_what_is_removed_is_gone_and_the_data_is_kept_until_asked(started: Development) -> None:
    ask(BACKEND, "/goals", {"text": "Outlive the containers"})
    started.play("-e", "dev_state=absent").succeeded()
    left = everything()
    assert [kind for kind in left if left[kind]] == ["volumes"]

    started.play().succeeded()
    assert "Outlive the containers" in ask(BACKEND, "/goals")

    started.play("-e", "dev_state=absent", "-e", "dev_volumes=absent").succeeded()
    assert not any(everything().values())
    assert started.play("-e", "dev_state=absent", "-e", "dev_volumes=absent").succeeded().changed() == {}
