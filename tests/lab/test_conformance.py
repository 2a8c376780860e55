"""Every patch: MiniStack does as AWS with it, and does not without it."""

import json
import subprocess
from collections.abc import Callable
from types import ModuleType

import pytest
from botocore.exceptions import ClientError

from lab.settings import from_environment
from tests.lab import (
    checks_cloudwatch,
    checks_durability,
    checks_ec2,
    checks_ec2_attributes,
    checks_ecs,
    checks_ecs_services,
    checks_elb,
)
from tests.lab.cloud import Cloud

Check = Callable[[Cloud], None]


def _registered() -> list[str]:
    settings = from_environment({})
    listing = subprocess.run(
        [settings.python, "-m", "lab", "patches", "--json"],
        cwd=settings.root,
        capture_output=True,
        text=True,
        check=True,
    )
    return [patch["name"] for patch in json.loads(listing.stdout)]


def _checks(*modules: ModuleType) -> dict[str, Check]:
    return {name: check for module in modules for name, check in vars(module).items() if name in PATCHES}


PATCHES = _registered()
CHECKS = _checks(
    checks_ec2,
    checks_ec2_attributes,
    checks_elb,
    checks_ecs,
    checks_ecs_services,
    checks_cloudwatch,
    checks_durability,
)


def test_every_patch_has_a_check() -> None:
    assert [name for name in PATCHES if name not in CHECKS] == []


@pytest.mark.parametrize("name", PATCHES)
def test_behaves_as_aws(cloud: Cloud, name: str) -> None:
    CHECKS[name](cloud)


@pytest.mark.parametrize(
    ("cloud_without", "name"), [(name, name) for name in PATCHES], indirect=["cloud_without"]
)
def test_does_not_without_its_patch(cloud_without: Cloud, name: str) -> None:
    with pytest.raises((AssertionError, ClientError)):
        CHECKS[name](cloud_without)
