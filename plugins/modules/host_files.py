#!/usr/bin/python
"""Ansible module slipway.core.host_files."""

from __future__ import annotations

import os
import shlex
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import to_text

DOCUMENTATION = r"""
---
module: host_files
short_description: Keep several small files of a host as described, at once
version_added: "0.1.0"
description:
  - Does what a task of ansible.builtin.copy for each file does, in one connection and one process.
  - Every file is validated before the first is written.
  - Each file is written whole and then moved into place. Folders that are missing are made, with mode 0755.
options:
  files:
    description: The files.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Where it belongs.
        type: path
        required: true
      content:
        description: The whole of it. Without it the file is removed.
        type: str
      mode:
        description: Its mode, in quotes.
        type: str
        default: "0644"
      validate:
        description:
          - A command that succeeds if the file at C(%s) is well. No shell takes part.
          - It is asked only when the content changes.
        type: str
attributes:
  check_mode:
    support: full
    description: Says which files would change; validates them too.
  diff_mode:
    support: full
    description: Shows the content of each before and after.
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Write the settings
  slipway.core.host_files:
    files:
      - path: /etc/ssh/sshd_config.d/00-hardened.conf
        content: |
          PasswordAuthentication no
        mode: "0600"
        validate: sshd -t -f %s
      - path: /etc/systemd/journald.conf.d/limit.conf
        content: |
          [Journal]
          SystemMaxUse=500M
  register: written
  notify: Reload what reads them
"""

RETURN = r"""
changed_paths:
  description: Paths of the files that were (or would be) written, removed or given another mode.
  returned: success
  type: list
  elements: str
"""


class File:
    """One file: what it is to be, and what it is."""

    def __init__(self, module: AnsibleModule, wanted: dict[str, Any]) -> None:
        self.module = module
        self.path: str = wanted["path"]
        self.after: str | None = wanted["content"]
        self.mode: str = wanted["mode"]
        self.before = self._read()
        self.stage = self._staged(wanted["validate"]) if self.after not in (None, self.before) else None

    def converge(self) -> bool:
        """Bring it to its description; whether anything differed."""
        if self.after is None:
            if self.before is not None and not self.module.check_mode:
                os.unlink(self.path)
            return self.before is not None
        if self.stage and not self.module.check_mode:
            os.makedirs(os.path.dirname(self.path), mode=0o755, exist_ok=True)
            self.module.atomic_move(self.stage, self.path)
        changed = self.stage is not None
        if not os.path.exists(self.path):
            return changed
        return bool(self.module.set_mode_if_different(self.path, self.mode, changed))

    def diff(self) -> dict[str, str]:
        """Its content before and after."""
        headers = {"before_header": self.path, "after_header": self.path}
        return {**headers, "before": self.before or "", "after": self.after or ""}

    def _read(self) -> str | None:
        if not os.path.lexists(self.path):
            return None
        with open(self.path, "rb") as file:
            return str(to_text(file.read(), errors="surrogateescape"))

    def _staged(self, validate: str | None) -> str:
        """Write the new content where it harms nobody, validate it there and return the path."""
        name: str
        descriptor, name = tempfile.mkstemp(dir=self.module.tmpdir)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stage:
            stage.write(self.after or "")
        if validate:
            command = [part.replace("%s", name) for part in shlex.split(validate)]
            status, output, error = self.module.run_command(command)
            if status != 0:
                said = (error or output).strip().replace(name, self.path)
                self.module.fail_json(
                    msg=f"{self.path} would not be valid, so nothing was written. {command[0]} says: {said}"
                )
        return name


def main() -> None:
    """Run the module."""
    options = {
        "path": {"type": "path", "required": True},
        "content": {},
        "mode": {"default": "0644"},
        "validate": {},
    }
    module = AnsibleModule(
        argument_spec={"files": {"type": "list", "elements": "dict", "required": True, "options": options}},
        supports_check_mode=True,
    )
    files = [File(module, wanted) for wanted in module.params["files"]]
    changed = [file for file in files if file.converge()]
    module.exit_json(
        changed=bool(changed),
        changed_paths=[file.path for file in changed],
        diff=[file.diff() for file in changed],
    )


if __name__ == "__main__":
    main()
