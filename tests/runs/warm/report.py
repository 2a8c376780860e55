#!/usr/bin/python
"""A module for test_warm_modules.py: writes down what it finds itself in, and ends as it is told."""

import json
import os
import signal
import sys
import threading
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def compiled_by_an_import() -> list[str]:
    """Import what came with this module and return the files that had to be compiled for it."""
    compiled = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "compile":
            compiled.append(Path(str(arguments[1])).name)

    sys.addaudithook(hook)
    import ansible.module_utils.facts.timeout  # noqa: PLC0415

    # Where it says it is, it is: in this module's own archive.
    code = ansible.module_utils.facts.timeout.timeout.__code__
    assert any(code.co_filename.startswith(entry) for entry in sys.path if entry.endswith(".zip"))
    return compiled


def main() -> None:
    """Write the process's circumstances to `path`."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "size": {"type": "int", "default": 0},
            "end": {"type": "str"},
        },
        supports_check_mode=True,
    )
    umask = os.umask(0)
    os.umask(umask)
    found = {
        "parent": os.getppid(),
        "warm": "boto3" in sys.modules,
        "directory": os.getcwd(),
        "umask": umask,
        "colour": os.environ.get("COLOUR"),
        "argv": [Path(argument).name for argument in sys.argv],
        "executable": sys.executable,
        "check_mode": module.check_mode,
        "compiled": compiled_by_an_import(),
    }
    Path(module.params["path"]).write_text(json.dumps(found))
    if module.params["end"] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if module.params["end"] == "exit":
        sys.exit("ended by its own hand")
    if module.params["end"] == "thread":
        threading.Timer(0.2, Path(module.params["path"]).write_text, ["the thread ended"]).start()
    module.exit_json(changed=False, output="x" * module.params["size"])


if __name__ == "__main__":
    main()
