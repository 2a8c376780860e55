#!/usr/bin/python
"""Look at a Docker host; the action does all of it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_facts
short_description: Look at a host before an application is released on it
version_added: "0.1.0"
description:
  - Reads what can stand in the way of a release on a host that exists already, and changes nothing.
  - Asks, in the same breath, what earlier runs have kept as questions, M(slipway.core.host_reads) and
    M(slipway.core.host_release), so that those need not ask once more.
  - That is one program for the host's Python, without a module to pack, send and load.
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
  stack:
    description:
      - The environment whose lock the run will take. What is seen holds after that as well, where RV(lease)
        is then the lease before.
    type: str
    default: ""
  configuration:
    description: Roles that configure the host, as M(slipway.core.host_reads) is told of them.
    type: dict
    suboptions:
      path:
        description: Where what they found and were told was kept.
        type: path
        required: true
      roles:
        description: Their names.
        type: list
        elements: str
        required: true
      inputs:
        description: What else decides what they do.
        type: dict
        default: {}
  application:
    description: Where M(slipway.core.host_release) has kept what it found.
    type: path
    default: ""
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
lease:
  description: The lease of the environment's lock that a run from here gave back last; empty without one.
  returned: success
  type: str
configured:
  description: Whether the roles of O(configuration) would find everything as it was, and change nothing.
  returned: success
  type: bool
application:
  description: What there is of the application, for M(slipway.core.host_release) to compare; empty without.
  returned: success
  type: str
msg:
  description: What differs from what O(configuration) has kept, or why nothing can be compared.
  returned: always
  type: str
ports:
  description: By port, C(by) (who holds it) and C(app) (the application whose container that is, or nothing).
  returned: success
  type: dict
"""
