#!/usr/bin/python
"""Ansible module slipway.core.host_system."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host_system import look, unsupported

DOCUMENTATION = r"""
---
module: host_system
short_description: Look at a host's distribution, packages, files and units at once
version_added: "0.1.0"
description:
  - One look tells a role what of its work is due, so that nothing else runs on a host that is well.
  - It needs no gathered facts, and changes nothing.
options:
  supported:
    description:
      - The distributions that the role knows, each with its versions, by the names that os-release has.
      - On any other host the module fails and names them. By default none is refused.
    type: dict
    default: {}
  packages:
    description: Names of packages.
    type: list
    elements: str
    default: []
  files:
    description: Absolute paths.
    type: list
    elements: str
    default: []
  units:
    description: Names of systemd's units.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: It only reads.
  diff_mode:
    support: none
    description: It changes nothing.
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Look at the host
  slipway.core.host_system:
    supported:
      debian: ["12", "13"]
    packages: [docker.io, docker-ce]
    files: [/run/reboot-required]
    units: [docker.service]
  register: host
"""

RETURN = r"""
distribution:
  description: The distribution as os-release has it, in lower case, such as C(debian), C(ubuntu) and C(amzn).
  returned: success
  type: str
version:
  description: Its version, such as C(12) or C(24.04).
  returned: success
  type: str
codename:
  description: The version's name, such as C(bookworm); empty where there is none.
  returned: success
  type: str
architecture:
  description: The machine's architecture as uname has it.
  returned: success
  type: str
  sample: x86_64
package_manager:
  description: C(apt), C(dnf) or nothing.
  returned: success
  type: str
systemd:
  description: Whether the host runs systemd.
  returned: success
  type: bool
packages:
  description: The version of each of O(packages) that is installed.
  returned: success
  type: dict
files:
  description: Of each of O(files) that is there, when it was written, in seconds since 1970.
  returned: success
  type: dict
units:
  description: Of each of O(units), whether it is C(enabled) and C(active); nothing without systemd.
  returned: success
  type: dict
"""


def main() -> None:
    """Run as a module."""
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "supported": {"type": "dict", "default": {}},
            "packages": names,
            "files": names,
            "units": names,
        },
        supports_check_mode=True,
    )
    supported = module.params.pop("supported")
    found = look(**module.params)
    if supported and (fault := unsupported(found["distribution"], found["version"], supported)):
        module.fail_json(msg=fault, **found)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
