"""The module's arguments and the words of its failures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from plugins.action.host_release import OWN
from plugins.module_utils import host_options
from plugins.module_utils.host_failure import pull_cause, start_cause, without_secrets
from plugins.modules import host_release
from plugins.plugin_utils import host_program


def shape(options: dict[str, Any], nested: str) -> dict[str, Any]:
    return {
        name: {
            "type": option["type"],
            "required": option.get("required", False),
            "default": option.get("default"),
            "elements": option.get("elements"),
            "choices": option.get("choices"),
            "options": shape(option.get(nested, {}), nested),
        }
        for name, option in options.items()
    }


def test_documentation_and_arguments_agree() -> None:
    documented = yaml.safe_load(host_release.DOCUMENTATION)["options"]
    own = {name: documented.pop(name) for name in OWN}
    assert set(own) == set(OWN), "the action's"
    assert shape(documented, "suboptions") == shape(host_options.ARGUMENT_SPEC, "options")


def test_the_examples_are_yaml_and_name_the_module() -> None:
    for task in yaml.safe_load(host_release.EXAMPLES):
        assert set(task) == {"name", "slipway.core.host_release"}
        assert set(task["slipway.core.host_release"]) <= {*host_options.ARGUMENT_SPEC, *OWN}


def test_values_are_written_as_a_process_reads_them() -> None:
    parameters = {name: option.get("default") for name, option in host_options.ARGUMENT_SPEC.items()}
    container = {name: option.get("default") for name, option in host_options._CONTAINER.items()}
    container |= {"service": "web", "image": "web:1", "environment": {"A": True, "B": 1, "C": "c"}}
    desired = host_options.desired({**parameters, "app": "shop", "containers": [container]})
    assert desired.containers[0].environment == {"A": "true", "B": "1", "C": "c"}


def test_an_engine_that_is_silent_fails_the_release_of_a_host_that_has_python_alone(tmp_path: Path) -> None:
    """It is run as on a host: alone, without any path of this project."""
    arguments = {
        "app": "shop",
        "docker_socket": "$RUN/none.sock",
        "config_dir": str(tmp_path),
        "secrets": {"web": {"TOKEN": "none"}},
    }
    params = ArgumentSpecValidator(host_options.ARGUMENT_SPEC).validate(arguments).validated_parameters
    program = host_program.program("host_run", "run", params=params, check_mode=False)
    done = subprocess.run(
        [sys.executable, "-IS", "-"],
        input=program,
        cwd="/",
        env={"RUN": "/run"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["failed"]
    assert result["failure"]["cause"] == "docker_unavailable"
    assert "Start the Docker Engine" in result["msg"]
    assert "/run/(secret).sock" in done.stdout.decode(), "no secret leaves the host"


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("manifest for a:1 not found: manifest unknown: manifest unknown", "image_not_found"),
        ("name unknown: The repository does not exist", "image_not_found"),
        ("pull access denied for a, repository does not exist or may require 'docker login'", "pull_denied"),
        ("Head https://r/v2/a: unauthorized: authentication required", "pull_denied"),
        ("no basic auth credentials", "pull_denied"),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", "architecture"),
        ("write /var/lib/docker/tmp/GetImageBlob1: no space left on device", "disk_full"),
        ("toomanyrequests: You have reached your pull rate limit.", "pull_rate_limited"),
        ('Get "https://r/v2/": dial tcp: lookup r: no such host', "registry_unreachable"),
    ],
)
def test_a_failed_pull_is_classified(message: str, cause: str) -> None:
    assert pull_cause(message) == cause


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (
            "driver failed programming external connectivity: Bind for :80 failed: port is already allocated",
            "port_in_use",
        ),
        ("exec /a: exec format error: unknown", "architecture"),
        ('exec: "/a": stat /a: no such file or directory: unknown', "start_refused"),
    ],
)
def test_a_refused_start_is_classified(message: str, cause: str) -> None:
    assert start_cause(message) == cause


def test_secrets_leave_an_applications_own_words() -> None:
    lines = ["url mongodb://u:pass-word@h", "pass"]
    assert without_secrets(lines, ["pass", "pass-word", ""]) == ["url mongodb://u:(secret)@h", "(secret)"]
