#!/usr/bin/python
"""What the action release_probe does, for ansible-doc."""

DOCUMENTATION = r"""
---
module: release_probe
short_description: Ask the routes of an application all the time while it is released
version_added: "0.5.0"
description:
  - Keeps a client for each URL, which holds one connection open, asks again and again, and retries nothing.
    They run in a process beside the playbook until they are told to end, or the playbook has ended.
  - A request fails when no whole answer comes within ten seconds, when the answer is 400 or above, or when
    the server closes the connection without having said so.
  - What does not answer at the beginning is not asked, so that a release may mend it.
  - All clients together ask 50 times a second at most.
  - Runs on the controller, as an action.
options:
  state:
    description: C(begun) begins to ask, C(ended) ends it, and fails when more requests failed than may.
    type: str
    choices: [begun, ended]
    required: true
  questions:
    description: The URLs.
    type: list
    elements: dict
    suboptions:
      service:
        description: Whose URL it is.
        type: str
        required: true
      url:
        description: The URL, http or https.
        type: str
        required: true
      host:
        description: Host header and TLS server name, where they are not the URL's.
        type: str
        default: ""
      connect_to:
        description: Address and port to connect to, for a name that does not point there yet.
        type: str
        default: ""
  validate_certs:
    description: Whether the certificate must be trusted and fit the name.
    type: bool
    default: true
  probe:
    description: What C(begun) returned under that name.
    type: dict
  error_budget:
    description: How many of a hundred requests may fail.
    type: float
    default: 0
attributes:
  check_mode:
    support: full
    description: Nothing is asked.
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Begin to ask
  slipway.core.release_probe:
    state: begun
    questions:
      - service: web
        url: https://shop.example.com/
  register: asking

- name: End it
  slipway.core.release_probe:
    state: ended
    probe: "{{ asking.probe }}"
    error_budget: 0.1
"""

RETURN = r"""
probe:
  description: The process that asks (C(pid)), and where it says what it saw (C(seen)).
  returned: after C(begun), where anything answers
  type: dict
measured:
  description:
    - C(requests), C(failed), C(reasons) and C(versions) with how often each was seen; in seconds the
      C(longest_gap) of a route without an answer, the C(slowest) answer, and how long it took (C(seconds)).
    - The version is what an answer's header C(X-Version) says, or C(version) of its JSON object.
  returned: after C(ended)
  type: dict
failure:
  description: The failure as reports of releases have it.
  returned: when more failed than may
  type: dict
"""
