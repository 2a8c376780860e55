#!/usr/bin/python
"""See whether roles would find a host as they left it; the action does all of it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_reads
short_description: See whether roles would find a host as they left it
version_added: "0.1.0"
description:
  - Whether roles would change anything on a host follows from what they are, from what they are told, and
    from what they find there. This keeps all three of a run in which they changed nothing, and compares.
  - C(compared) asks the host again, by one command of its shell. Where it answers the same, and so are the
    roles and what they are told, they would again change nothing, and can be passed over.
  - C(kept) keeps what the host answers, where it answered so before the roles as well. What is asked has to
    be known then, so the first run keeps only that.
  - Nothing of an answer is used; it is compared with another.
  - It asks as the user that the task becomes.
options:
  state:
    description: Whether to compare or to keep.
    type: str
    choices: [compared, kept]
    default: compared
  path:
    description:
      - Where to keep it, a file on the controller for this host alone. Where there is none, nothing is asked.
    type: path
    required: true
  roles:
    description: Names of the roles. What they are told is each option of the entry point C(main).
    type: list
    elements: str
    required: true
  inputs:
    description: What else decides what they do.
    type: dict
    default: {}
  in_full:
    description: Whether the roles are to be gone through whatever differs. Then nothing is asked.
    type: bool
    default: false
  files:
    description:
      - With O(state=kept), paths of files on the host whose content, mode or owner decides what the roles do,
        or whether they are there.
    type: list
    elements: str
    default: []
  times:
    description: With O(state=kept), paths of files whose time of change decides it.
    type: list
    elements: str
    default: []
  packages:
    description: With O(state=kept), names of packages whose version decides it.
    type: list
    elements: str
    default: []
  units:
    description:
      - With O(state=kept), names of systemd's units of which it decides whether they are enabled and run.
    type: list
    elements: str
    default: []
  answer:
    description: With O(state=kept), what C(compared) returned before the roles.
    type: str
    default: ""
  good_until:
    description:
      - With O(state=kept), until when the roles would do nothing, in seconds since 1970. Nothing is kept
        where that is over, as by default; so it is to be where they changed anything.
    type: float
    default: 0
attributes:
  check_mode:
    support: full
    description: What a plan would do is not kept.
  diff_mode:
    support: none
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: See whether anything differs from what the last run left
  slipway.core.host_reads:
    path: ".cache/hosts/{{ inventory_hostname }}.json"
    roles: [docker_engine]
  register: compared

- name: Configure the engine
  ansible.builtin.import_role:
    name: docker_engine
  when: not compared.unchanged

- name: Keep what the host answers
  slipway.core.host_reads:
    state: kept
    path: ".cache/hosts/{{ inventory_hostname }}.json"
    roles: [docker_engine]
    files: [/etc/docker/daemon.json]
    units: [docker.service]
    answer: "{{ compared.answer }}"
    good_until: "{{ now().timestamp() + 86400 }}"
  when: not compared.unchanged
"""

RETURN = r"""
unchanged:
  description: Whether the roles would find everything as it was, and change nothing.
  returned: when O(state=compared)
  type: bool
answer:
  description: What the host answers, for C(kept) to compare; empty where it was not asked.
  returned: when O(state=compared), and not O(in_full)
  type: str
msg:
  description: What differs, or why nothing is kept.
  returned: always
  type: str
"""
