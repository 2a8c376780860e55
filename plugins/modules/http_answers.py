#!/usr/bin/python
"""Ansible module slipway.core.http_answers."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.http_answers import QUESTION, Outcome, Question, ask_all, report

DOCUMENTATION = r"""
module: http_answers
short_description: Wait until URLs answer
description:
  - >-
    Asks all URLs at the same time, each again and again until it answers with a status of 2xx or 3xx, and
    fails with all that do not when the time is over. Redirects are not followed.
  - Names under C(localhost) are this machine, whatever the resolver says.
options:
  questions:
    description: The URLs.
    type: list
    elements: dict
    required: true
    suboptions:
      service:
        description: Whose URL it is, for the report.
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
  timeout:
    description: Seconds until all must have answered.
    type: int
    default: 60
  interval:
    description: Seconds between attempts.
    type: float
    default: 1
  validate_certs:
    description: Whether the certificate must be trusted and fit the name.
    type: bool
    default: true
attributes:
  check_mode:
    description: Asks nothing, and says what it would ask.
    support: full
author: Slipway
"""

EXAMPLES = r"""
- name: Wait for the application
  slipway.core.http_answers:
    questions:
      - service: frontend
        url: https://goals.example.com/
    timeout: 120
"""

RETURN = r"""
answers:
  description: The last answer to each question.
  type: list
  elements: dict
  returned: when asked
"""


def shown(outcome: Outcome) -> dict[str, Any]:
    """Give an outcome as a value that Ansible returns."""
    return {
        "service": outcome.question.service,
        "url": outcome.question.url,
        "status": outcome.answer.status,
        "answer": str(outcome.answer),
        "attempts": outcome.attempts,
        "seconds": outcome.seconds,
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "questions": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": QUESTION,
            },
            "timeout": {"type": "int", "default": 60},
            "interval": {"type": "float", "default": 1},
            "validate_certs": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    questions = [Question(**each) for each in params["questions"]]
    if module.check_mode:
        module.exit_json(changed=False, msg="Would ask " + ", ".join(question.url for question in questions))
    outcomes = ask_all(questions, params["timeout"], params["interval"], params["validate_certs"])
    answers = [shown(outcome) for outcome in outcomes]
    if not all(outcome.answer.good for outcome in outcomes):
        module.fail_json(msg=report(outcomes), answers=answers)
    module.exit_json(changed=False, answers=answers)


if __name__ == "__main__":
    main()
