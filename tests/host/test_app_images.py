"""The app_images module with a Docker Engine and a real registry.

The registry is the lab's; SLIPWAY_TEST_AWS names another endpoint of the same kind.
"""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import docker
import pytest
from ansible.module_utils.testing import patch_module_args

from plugins.modules import app_images

ROOT = Path(__file__).parents[2]
ENDPOINT = os.environ.get("SLIPWAY_TEST_AWS", "http://127.0.0.1:4566")
REGISTRY = ENDPOINT.removeprefix("http://")
#: Nothing listens there.
DOWN = "127.0.0.1:9"


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Make a repository for one test; remove it and what the Engine holds of it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    ecr = boto3.client("ecr", endpoint_url=ENDPOINT, region_name="eu-central-1")
    name = f"slipway-test-{uuid.uuid4().hex[:8]}/app"
    ecr.create_repository(repositoryName=name, imageTagMutability="IMMUTABLE")
    yield name
    ecr.delete_repository(repositoryName=name, force=True)
    engine: Any = docker.from_env()
    for image in engine.images.list(filters={"label": f"slipway.test={name}"}):
        engine.images.remove(image.id, force=True)
    engine.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "Dockerfile").write_text(
        "FROM scratch AS one\nARG TOKEN\nCOPY app.txt /app.txt\nFROM one AS two\nCOPY app.txt /again.txt\n"
    )
    (tmp_path / "app" / ".dockerignore").write_text("*.log\n")
    (tmp_path / "app" / "app.txt").write_text("first")
    return tmp_path


class Module:
    """Runs the module as Ansible does, without Ansible around it."""

    def __init__(self, project: Path, repository: str, capture: pytest.CaptureFixture[str]) -> None:
        self.project = project
        self.repository = repository
        self.capture = capture

    def arguments(self, build: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        return {
            "images": {"app": {"build": {"context": "app", **(build or {})}}},
            "registry": REGISTRY,
            "repositories": {"app": self.repository},
            "registry_auth": {REGISTRY: {"username": "AWS", "password": "a-password"}},
            "project_dir": str(self.project),
            "labels": {"slipway.test": self.repository},
            **changes,
        }

    def __call__(self, *, check: bool = False, **changes: Any) -> dict[str, Any]:
        self.capture.readouterr()
        internal = {"_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args({**self.arguments(**changes), **internal}), pytest.raises(SystemExit) as ended:
            app_images.main()
        result: dict[str, Any] = json.loads(self.capture.readouterr().out)
        assert bool(ended.value.code) == bool(result.get("failed"))
        return result

    def tag(self, **changes: Any) -> str:
        """Give the tag that a run would use."""
        return str(self(check=True, **changes)["images"]["app"]["tag"])


@pytest.fixture
def module(project: Path, repository: str, capsys: pytest.CaptureFixture[str]) -> Module:
    return Module(project, repository, capsys)


def test_built_once_and_named_by_the_registry_s_digest(module: Module) -> None:
    planned = module(check=True)
    assert planned["changed"]
    assert planned["images"]["app"]["digest"] == ""
    assert planned["diff"]["before"] == ""

    first = module()
    app = first["images"]["app"]
    assert (first["changed"], app["built"], app["pushed"]) == (True, True, True)
    assert app["tag"] == planned["images"]["app"]["tag"]
    engine: Any = docker.from_env()
    held = engine.api.inspect_distribution(f"{REGISTRY}/{module.repository}:{app['tag']}")
    assert app["digest"] == held["Descriptor"]["digest"]
    assert app["image"] == f"{REGISTRY}/{module.repository}@{app['digest']}"
    engine.api.pull(app["image"])
    engine.close()

    for check in (False, True):
        again = module(check=check)
        assert not again["changed"]
        assert again["images"]["app"] == {**app, "built": False, "pushed": False}


def test_what_makes_another_image(module: Module) -> None:
    (module.project / "app" / "debug.log").write_text("noise")
    tags = [module.tag()]
    (module.project / "app" / "debug.log").write_text("more noise")
    assert module.tag() == tags[0]
    (module.project / "app" / "app.txt").write_text("second")
    tags.append(module.tag())
    (module.project / "app" / "app.txt").chmod(0o600)
    tags.append(module.tag())
    tags.append(module.tag(build={"target": "one"}))
    tags.append(module.tag(build={"args": {"TOKEN": "x"}}))
    assert len(set(tags)) == len(tags)


def test_a_changed_source_is_released_beside_the_old_one(module: Module) -> None:
    first = module()["images"]["app"]
    (module.project / "app" / "app.txt").write_text("second")
    second = module()["images"]["app"]
    assert first["tag"] != second["tag"]
    assert first["digest"] != second["digest"]


def test_a_missing_base_image_ends_with_the_builder_s_words(module: Module) -> None:
    (module.project / "app" / "Dockerfile").write_text(f"FROM {DOWN}/nonesuch:1\n")
    result = module()
    assert result["failed"]
    assert "app.build" in result["msg"]
    assert f"FROM {DOWN}/nonesuch:1" in result["msg"]
    assert "connection refused" in result["msg"]


def test_a_registry_that_is_down(module: Module) -> None:
    result = module(registry=DOWN)
    assert result["failed"]
    assert f"1. registry {DOWN}: images" in result["msg"]
    assert "connection refused" in result["msg"]


def test_a_repository_that_does_not_exist(module: Module) -> None:
    result = module(repositories={"app": "slipway-test-nonesuch/app"})
    assert result["failed"]
    assert "name unknown" in result["msg"]
    engine: Any = docker.from_env()
    engine.images.remove(f"{REGISTRY}/slipway-test-nonesuch/app:{module.tag()}")
    engine.close()


def test_an_engine_that_does_not_answer(module: Module, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("DOCKER_HOST", f"unix://{module.project}/none.sock")
        result = module()
    assert result["failed"]
    assert "controller: docker" in result["msg"]


def ansible(module: Module, **changes: Any) -> str:
    """Run the module by Ansible at its most talkative; give all that was written to the terminal."""
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible"),
            "localhost",
            "--inventory=localhost,",
            "--connection=local",
            f"--extra-vars=ansible_python_interpreter={sys.executable}",
            "--module-name=slipway.core.app_images",
            f"--args={json.dumps(module.arguments(**changes))}",
            "--diff",
            "-vvvvv",
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_INJECT_INVOCATION": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    # Ansible's own first lines repeat the command line, with what this test put there.
    return (done.stdout + done.stderr).partition("localhost | ")[2]


def test_no_secret_is_shown_at_any_verbosity(module: Module) -> None:
    hush = "build-argument-secret"
    (module.project / "app" / "Dockerfile").write_text(
        "FROM scratch\nARG TOKEN\nCOPY nonesuch-${TOKEN} /app.txt\n"
    )
    failed = ansible(module, build={"args": {"TOKEN": hush}})
    (module.project / "app" / "Dockerfile").write_text("FROM scratch\nARG TOKEN\nCOPY app.txt /\n")
    built = ansible(module, build={"args": {"TOKEN": hush}})
    assert "nonesuch-********" in failed
    assert "CHANGED" in built
    for output in (failed, built):
        assert "module_args" in output
        assert hush not in output
        assert "a-password" not in output


def test_a_local_image_is_copied_by_name(module: Module) -> None:
    name = f"{module.repository.replace('/', '-')}:8"
    module()
    engine: Any = docker.from_env()
    (image,) = engine.images.list(filters={"label": f"slipway.test={module.repository}"})
    image.tag(name)
    result = module(images={"app": {"image": name}}, mirror=True)
    app = result["images"]["app"]
    assert (app["built"], app["pushed"]) == (False, True)
    assert app["tag"].startswith("8-")
    assert not [tag for tag in engine.images.get(name).tags if tag.endswith(app["tag"])]
    assert not module(images={"app": {"image": name}}, mirror=True)["changed"]
    engine.close()
