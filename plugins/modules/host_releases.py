#!/usr/bin/python
"""See where a release has nothing to do; the action does all of it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_releases
short_description: See on which hosts a release would change nothing
version_added: "0.1.0"
description:
  - Compares, for each host, what this run has seen there, and what the role P(slipway.core.host_release#role)
    would tell M(slipway.core.host_release), with what that has kept when it found nothing to change.
  - Where both are the same, by the same code, a release on the host would change nothing and can be left out.
  - Works on the controller, in one process for all hosts. What hosts have in common is worked out once.
options:
  seen:
    description:
      - What M(slipway.core.preflight) has seen of the application on each host, by the host's name. Other
        hosts are not compared.
    type: dict
    required: true
  given:
    description: Options that the role is given where it is used, by name.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: It only compares.
  diff_mode:
    support: none
    description: It changes nothing.
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: See which hosts have it already
  slipway.core.host_releases:
    seen:
      goals-prod-1: "{{ preflight_seen.hosts['goals-prod-1'].application }}"
    given:
      host_release_images: "{{ images_made }}"
  register: release_hosts_compared
"""

RETURN = r"""
passed_over:
  description: What M(slipway.core.host_release) returned when nothing differed, by the names of such hosts.
  returned: success
  type: dict
"""
