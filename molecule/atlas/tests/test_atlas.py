"""The cluster as Atlas has it, and its connection string in the secret."""

import re
from typing import Any

import pytest
import yaml

from plugins.module_utils.atlas_api import Atlas, ServiceAccount
from tests.e2e.environment import ROOT, aws

STACK = "goals-atlas"
VARS = yaml.safe_load((ROOT / "molecule/atlas/vars/main.yml").read_text())


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return Atlas(ServiceAccount(VARS["atlas_client_id"], VARS["atlas_client_secret"]), url=VARS["atlas_url"])


@pytest.fixture(scope="module")
def project(atlas: Atlas) -> str:
    found = atlas.find("groups", "byName", STACK)
    assert found
    project: str = found["id"]
    return project


def test_the_cluster_is_as_described_again(atlas: Atlas, project: str) -> None:
    cluster: Any = atlas.find("groups", project, "clusters", STACK)
    (region,) = cluster["replicationSpecs"][0]["regionConfigs"]
    assert (cluster["stateName"], region["regionName"]) == ("IDLE", "EU_CENTRAL_1")
    assert region["electableSpecs"]["instanceSize"] == "M10"
    assert cluster["backupEnabled"]
    assert cluster["terminationProtectionEnabled"]
    assert {"key": "slipway_app", "value": "goals"} in cluster["tags"]


def test_the_user_may_use_its_database_in_this_cluster_alone(atlas: Atlas, project: str) -> None:
    user: Any = atlas.find("groups", project, "databaseUsers", "admin", "goals")
    assert user["roles"] == [{"roleName": "readWrite", "databaseName": "goals"}]
    assert user["scopes"] == [{"name": STACK, "type": "CLUSTER"}]


def test_who_may_connect(atlas: Atlas, project: str) -> None:
    (entry,) = atlas.every("groups", project, "accessList")
    assert (entry["cidrBlock"], entry["comment"]) == ("203.0.113.7/32", "office")


def test_the_secret_was_written_once() -> None:
    manager, name = aws("secretsmanager"), "goals/atlas/mongodb"
    value = manager.get_secret_value(SecretId=name)["SecretString"]
    assert re.fullmatch(rf"mongodb\+srv://goals:\w{{32}}@{STACK}\.ab1c2\.mongodb\.net/goals\?.*", value)
    assert len(manager.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]) == 1
