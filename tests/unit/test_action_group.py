"""The action group `slipway.core.aws`, by which a play tells all modules of AWS how to reach it."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("playbooks", "roles", "molecule")
USE = re.compile(r"^\s+(?:- )?((?:amazon|community)\.aws\.\w+):", re.MULTILINE)
OWN = {
    path.stem for path in (ROOT / "plugins/modules").glob("*.py") if "AnsibleAWSModule(" in path.read_text()
}


def test_it_has_each_module_of_aws_that_is_used_and_no_other() -> None:
    files = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.yml"))
    used = {name for path in files for name in USE.findall(path.read_text())}
    (group,) = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"].values()
    assert {name for name in group if "." in name} == used
    assert OWN - set(group) == set()
