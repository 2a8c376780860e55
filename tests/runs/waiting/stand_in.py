#!/usr/bin/python
"""A module for test_release_report_callback.py: tells how far it is, waits for files, ends as it is told."""

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils.release_progress import teller


def main() -> None:
    """Take one step after the other: tell an entry, wait for a file; then return `result`."""
    module = AnsibleModule(
        argument_spec={
            "progress": {"type": "path"},
            "steps": {"type": "list", "elements": "dict", "default": []},
            "result": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    tell = teller(module.params["progress"])
    # One whose run was killed does not stay for ever.
    deadline = time.monotonic() + 60
    for step in module.params["steps"]:
        if "entry" in step:
            tell(step["entry"])
        while not Path(step["until"]).exists():
            if time.monotonic() > deadline:
                module.fail_json(msg=f"There is still no {step['until']}")
            time.sleep(0.05)
    result = module.params["result"]
    (module.fail_json if result.get("failed") else module.exit_json)(**result)


if __name__ == "__main__":
    main()
