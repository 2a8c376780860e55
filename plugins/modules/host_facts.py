#!/usr/bin/python
"""Look at a Docker host."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host_facts import gather

DOCUMENTATION = r"""
---
module: host_facts
short_description: Look at a host before an application is released on it
version_added: "0.1.0"
description:
  - Reads what can stand in the way of a release on a host that exists already, and changes nothing.
  - Needs root to name the process that holds a port.
options:
  ports:
    description: Ports that the application needs on the host.
    type: list
    elements: int
    default: [80]
  docker_socket:
    description: Socket of the Docker Engine.
    type: path
    default: /var/run/docker.sock
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
  slipway.core.host_facts:
    ports: [80, 443]
  register: host
"""

RETURN = r"""
architecture:
  description: The machine's architecture as uname has it.
  returned: success
  type: str
  sample: x86_64
disk_free:
  description: Free bytes where Docker keeps images.
  returned: success
  type: int
engine:
  description: Whether a Docker Engine is C(installed) and C(answers), and its C(error).
  returned: success
  type: dict
ports:
  description: By port, C(by) (who holds it) and C(app) (the application whose container that is, or nothing).
  returned: success
  type: dict
"""


def main() -> None:
    """Run as a module."""
    module = AnsibleModule(
        argument_spec={
            "ports": {"type": "list", "elements": "int", "default": [80]},
            "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=False, **gather(module.params["ports"], module.params["docker_socket"]))


if __name__ == "__main__":
    main()
