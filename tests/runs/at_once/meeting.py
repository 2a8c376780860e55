#!/usr/bin/python
"""A module that says that it is there, and waits until all whom it is to meet have said so."""

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"required": True},
            "folder": {"required": True},
            "meet": {"type": "list", "elements": "str", "default": []},
            "fail": {"type": "bool", "default": False},
            "change": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    name, folder, meet = module.params["name"], Path(module.params["folder"]), module.params["meet"]
    (folder / name).touch()
    deadline = time.monotonic() + 20
    while not all((folder / other).exists() for other in meet):
        if time.monotonic() > deadline:
            module.fail_json(msg="nobody came")
        time.sleep(0.05)
    if module.params["fail"]:
        module.fail_json(msg=f"{name} is to fail", error={"code": "Refused"})
    diff = {"before": f"{name} was\n", "after": f"{name} is\n"}
    module.exit_json(changed=module.params["change"], diff=diff, checked=module.check_mode)


if __name__ == "__main__":
    main()
