#!/usr/bin/python
"""What the action at_once does, for ansible-doc."""

DOCUMENTATION = r"""
---
module: at_once
short_description: Call a module for several things at once
version_added: "0.6.0"
description:
  - Calls a module once for each of several things that do not depend on each other, up to eight at a time,
    where a loop would wait for one after the other.
  - All are called, whether others fail or not. The task fails where any did, and names each that did.
  - Check mode, diffs, and defaults of the group C(slipway.core.aws) reach the module.
  - Arguments other than those below are the module's own, the same in each call.
options:
  module:
    description: Full name of the module. It must not be one that is an action.
    type: str
    required: true
  each:
    description:
      - What differs from call to call. A mapping of a label to arguments, which count before those that are
        the same in all.
      - A list of labels is enough where O(label_as) says all.
    type: raw
    required: true
  label_as:
    description: Argument of the module that the label is.
    type: str
attributes:
  check_mode:
    support: full
    description: As the module has it.
  diff_mode:
    support: full
    description: As the module has it, each diff under its label.
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Make the repositories
  slipway.core.at_once:
    module: community.aws.ecs_ecr
    each: [api, web]
    label_as: name

- name: Make the services
  slipway.core.at_once:
    module: slipway.core.ecs_service
    each:
      api:
        service: "{{ described.api }}"
      web:
        service: "{{ described.web }}"
    label_as: name
    cluster: shop-prod
"""

RETURN = r"""
results:
  description: The module's result of each call, in the order of O(each), with its label as C(item).
  returned: always
  type: list
  elements: dict
"""
