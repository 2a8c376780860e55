"""What group_vars/all/slipway.yml works out for playbooks, and what these make of it."""

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

ROOT = Path(__file__).resolve().parents[2]
VARIABLES, RELEASE = (
    DataLoader().load_from_file(str(ROOT / path), unsafe=True, trusted_as_template=True)
    for path in ("group_vars/all/slipway.yml", "playbooks/release.yml")
)
SEEN = {"lease": "a", "provision": {"unchanged": True}}


def value(name: str, **others: Any) -> Any:
    """Return a variable's value, where others are as they are told."""
    return Templar(DataLoader(), variables={**VARIABLES, **others}).template(VARIABLES[name])


@pytest.mark.parametrize(
    ("told", "batches"),
    [
        ({}, [1, 1]),
        ({"release_batch": "100%"}, [1, "100%"]),
        ({"release_batch": "100%", "release_first_alone": False}, ["100%"]),
        ({"release_first_alone": "false"}, [1]),
        ({"release_first_alone": False, "database": "container"}, [1, 1]),
        ({"release_first_alone": False, "app_services": {"web": {"volumes": [{"name": "data"}]}}}, [1, 1]),
        ({"release_first_alone": False, "app_services": {"web": {"tasks": {"migrate": {}}}}}, [1, 1]),
    ],
)
def test_the_first_host_goes_alone_unless_it_is_told_otherwise_and_needed_by_no_other(
    told: dict[str, Any], batches: list[Any]
) -> None:
    described = {"database": "none", "app_services": {"web": {"port": 80}}, **told}
    described["release_first_needed"] = value("release_first_needed", **described)
    (serial,) = [play["serial"] for play in RELEASE if "serial" in play]
    templar = Templar(DataLoader(), variables={"hostvars": {"localhost": described}})
    assert templar.template(serial) == batches


@pytest.mark.parametrize(
    ("seen", "lock", "database", "holds"),
    [
        (SEEN, {"previous": "a"}, "none", True),
        (SEEN, {"previous": "b"}, "none", False),
        (SEEN, {}, "none", False),
        ({**SEEN, "lease": ""}, {"previous": ""}, "none", False),
        (None, {"previous": ""}, "none", False),
        (SEEN, {"previous": "a"}, "atlas", False),
    ],
)
def test_what_preflight_saw_of_aws_holds_while_nobody_else_has_the_lock(
    seen: dict[str, Any] | None, lock: dict[str, Any], database: str, *, holds: bool
) -> None:
    told = {"preflight_seen": seen} if seen else {}
    assert value("account_look_holds", release_lock_made=lock, database=database, **told) is holds
