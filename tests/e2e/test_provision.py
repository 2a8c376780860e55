"""Provisioning that is passed over where nothing differs, and never where anything does."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.environment import ROOT, Environment, Run, aws

# What other tests do to an account makes some answers others: which security groups there are, for instance.
ACCOUNT = "111122223333"
ROLES = ("network", "load_balancer", "ecs_cluster", "alarms")
LAB = yaml.safe_load((ROOT / "inventories/local/group_vars/lab.yml").read_text())
SERVICE = {
    "image": "registry.example/web:1",
    "port": 8080,
    "route": {"paths": ["/*"], "priority": 100},
    "health_check": {"path": "/health"},
}


def provision(environment: Environment, *arguments: str, **variables: str) -> Run:
    """Run the playbook alone; nothing of it needs the image."""
    return environment.run("ansible-playbook", "playbooks/provision.yml", *arguments, **variables).succeeded()


def gone_through(run: Run) -> list[str]:
    """Return the roles that were not passed over."""
    tasks = re.findall(r"^TASK \[(\w+) : Make or remove .*\] \**\n(\w+)", run.output, re.MULTILINE)
    return sorted({role for role, said in tasks if said != "skipping"} & set(ROLES))


def described(**changes: Any) -> dict[str, Any]:
    return {"app_services": {"web": {**SERVICE, **changes}}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(
        tmp_path_factory.mktemp("inventories"),
        app="shop",
        name="again",
        variables={
            "deploy_target": "ecs",
            "aws_connection": {**LAB["aws_connection"], "access_key": ACCOUNT},
            "database": "none",
            "load_balancer_enabled": True,
            **described(),
        },
    )
    run = provision(environment)
    assert gone_through(run) == sorted(ROLES)
    assert run.changed()
    yield environment
    environment.destroy()


@pytest.fixture
def shop(made: Environment) -> Environment:
    """Bring the environment to where all is passed over: by a run that mends and one with nothing to do."""
    made.set({**made.variables, **described()})
    assert any(gone_through(provision(made)) == [] for _ in range(3))
    return made


def test_what_only_releases_look_at_makes_no_difference(shop: Environment) -> None:
    shop.set(
        {**shop.variables, **described(image="registry.example/web:2", environment={"A": "b"}, command=["c"])}
    )
    run = provision(shop)
    assert gone_through(run) == []
    assert run.changed() == {}


def test_what_another_hand_changed_is_mended(shop: Environment) -> None:
    ec2 = aws("ec2", ACCOUNT)
    named = [{"Name": "group-name", "Values": [f"{shop.stack}-lb"]}]

    def rules() -> list[Any]:
        (group,) = ec2.describe_security_groups(Filters=named)["SecurityGroups"]
        return list(group["IpPermissions"])

    before = rules()
    (group,) = ec2.describe_security_groups(Filters=named)["SecurityGroups"]
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=before)
    assert rules() == []
    plan = provision(shop, "--check")
    assert plan.changed() == {"localhost": 1}, "the plan shows it"
    assert provision(shop).changed() == {"localhost": 1}
    assert rules() == before


def test_a_description_that_differs_is_brought_about(shop: Environment) -> None:
    shop.set({**shop.variables, **described(health_check={"path": "/other"})})
    assert provision(shop).changed()
    groups = aws("elbv2", ACCOUNT).describe_target_groups()["TargetGroups"]
    paths = [group["HealthCheckPath"] for group in groups if group["TargetGroupName"] == f"{shop.stack}-web"]
    assert paths == ["/other"]
    after = provision(shop)
    assert gone_through(after) == sorted(ROLES), "of a run that changes something nothing is kept"
    assert after.changed() == {}


def test_everything_is_gone_through_where_that_is_wanted(shop: Environment) -> None:
    assert gone_through(provision(shop, "-e", "provision_in_full=true")) == sorted(ROLES)


def test_parts_that_were_chosen_are_gone_through(shop: Environment) -> None:
    assert gone_through(provision(shop, "--tags", "network")) == ["network"]


def test_without_a_warm_process_everything_is_gone_through(shop: Environment) -> None:
    assert gone_through(provision(shop, SLIPWAY_WARM_MODULES="false")) == sorted(ROLES)
    assert gone_through(provision(shop)) == [], "what was kept still stands"


def test_what_preflight_saw_is_believed_only_of_roles_that_are_told_the_same(
    shop: Environment, tmp_path: Path
) -> None:
    shop.set({**shop.variables, **described(image="slipway-lab/mongo:8")})

    def together(*between: str) -> Run:
        playbooks = ["playbooks/preflight.yml", *between, "playbooks/provision.yml"]
        return shop.run("ansible-playbook", *playbooks).succeeded()

    assert gone_through(together()) == []
    told = described(image="slipway-lab/mongo:8", health_check={"path": "/told"})
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [{"ansible.builtin.set_fact": told}]}
    (tmp_path / "told.yml").write_text(yaml.safe_dump([play]))
    assert together(str(tmp_path / "told.yml")).changed() == {"localhost": 1}
