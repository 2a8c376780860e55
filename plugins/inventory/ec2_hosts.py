"""Finds an environment's hosts on EC2 by their tags."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..plugin_utils import startup, warm

# Of all that is Slipway's, Ansible loads this first: now is when its start can be shortened.
startup.begin()

from ansible.errors import AnsibleParserError  # noqa: E402
from ansible.plugins.inventory import BaseInventoryPlugin  # noqa: E402

DOCUMENTATION = """
name: ec2_hosts
short_description: The hosts of an environment on EC2
version_added: "0.1.0"
description:
  - Finds the running instances that role ec2_hosts made for an environment, by their tags, and puts them into
    group C(app_hosts).
  - What amazon.aws.aws_ec2 does for any instances, this does for those of an environment, in fewer words, and
    asks AWS in the warm process of the run (P(slipway.core.warm_modules#callback)). Ansible itself, of which
    each task is a fork, stays without boto3.
  - A host is named by its tag C(Name); where several bear the same, the others have their instance id behind
    it.
author: Slipway contributors (@slipway)
options:
  plugin:
    description: The name of this plugin.
    choices: [slipway.core.ec2_hosts]
    required: true
  app:
    description: C(app_name) of the environment, which its instances bear as tag C(slipway_app).
    type: str
    required: true
  environment:
    description: C(app_environment), which they bear as tag C(slipway_environment).
    type: str
    required: true
  region:
    description: C(aws_region) of the environment.
    type: str
    required: true
  address:
    description:
      - Which of an instance's addresses is connected to. V(public) is the private one where there is no
        public one.
    choices: [public, private]
    default: public
  profile:
    description: Profile of the AWS configuration; without it, credentials are found as by any tool of AWS.
    type: str
  endpoint_url:
    description: URL of the EC2 API, where it is not that of the region.
    type: str
  access_key:
    description: Access key; for where it may stand in a file.
    type: str
  secret_key:
    description: Secret key of O(access_key).
    type: str
"""

EXAMPLES = """
plugin: slipway.core.ec2_hosts
app: goals
environment: prod
region: eu-central-1
"""

PROGRAM = Path(__file__).resolve().parent.parent / "plugin_utils/ec2_instances.py"
#: How a file names this plugin. What is vaulted as a whole may.
NAMED = re.compile(r"""plugin['"]?\s*:\s*['"]?slipway\.core\.ec2_hosts\b|\A\$ANSIBLE_VAULT""")
HOW = ("region", "profile", "endpoint_url", "access_key", "secret_key")
#: What AWS has just refused to answer, why, and when: Ansible tries `auto` next, which comes here too.
_refused: dict[bytes, tuple[str, float]] = {}
JUST_SECONDS = 2.0


class InventoryModule(BaseInventoryPlugin):
    """The inventory slipway.core.ec2_hosts."""

    NAME = "slipway.core.ec2_hosts"

    def __init__(self) -> None:
        super().__init__()
        warm.begin()

    def verify_file(self, path: str) -> bool:
        """Whether a file describes hosts to this plugin: it names it."""
        return (
            bool(super().verify_file(path))
            and path.endswith((".yml", ".yaml"))
            and NAMED.search(Path(path).read_text(encoding="utf-8")) is not None
        )

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Ask AWS, and add what it knows."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        tags = {
            "slipway_app": self.get_option("app"),
            "slipway_environment": self.get_option("environment"),
            "slipway_role": "app",
        }
        question = {"tags": tags, **{name: self.get_option(name) for name in HOW}}
        group = inventory.add_group("app_hosts")
        for name, variables in hosts_of(instances(question, loader), self.get_option("address")):
            inventory.add_host(name, group=group)
            for variable, value in variables.items():
                inventory.set_variable(name, variable, value)


def hosts_of(found: Iterable[Mapping[str, Any]], address: str) -> Iterable[tuple[str, dict[str, str]]]:
    """Yield each instance's name as a host, with its variables."""
    names: set[str] = set()
    for instance in sorted(found, key=lambda each: str(each["id"])):
        name = instance["name"] or instance["id"]
        name = f"{name}-{instance['id']}" if name in names else name
        names.add(name)
        public, private = instance["public"], instance["private"]
        yield (
            name,
            {
                "ansible_host": (public or private) if address == "public" else private,
                "ec2_instance_id": instance["id"],
                "ec2_private_ip_address": private,
                "ec2_public_ip_address": public,
            },
        )


def instances(question: Mapping[str, Any], loader: Any) -> list[dict[str, Any]]:
    """Return the running instances: id, name, public and private address.

    :param loader: Ansible's DataLoader

    Raises:
        AnsibleParserError: AWS cannot be asked.
    """
    program = PROGRAM.read_bytes() + f"\nmain({json.dumps(question)!r})\n".encode()
    refused, when = _refused.pop(program, ("", 0.0))
    if time.monotonic() - when > JUST_SECONDS:
        code, output, errors = _answer(program, loader)
        if not code:
            found: list[dict[str, Any]] = json.loads(output)
            return found
        refused = errors.decode(errors="replace").strip()
        _refused[program] = refused, time.monotonic()
    raise AnsibleParserError(refused)


def _answer(program: bytes, loader: Any) -> tuple[int, bytes, bytes]:
    if warm.wanted():
        # What goes wrong with it, the callback says when the playbook starts.
        with contextlib.suppress(OSError):
            warm.start()
            call = warm.Call(program)
            startup.load_meanwhile(loader)
            if (answer := call.result()) is not None:
                return answer
    done = subprocess.run([sys.executable, "-"], input=program, capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr
