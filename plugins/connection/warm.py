"""The connection to this machine, by which modules go straight to the run's warm process."""

# mypy: disallow-subclassing-any=False
# Ansible ships no types.

from __future__ import annotations

import contextlib

from ansible.plugins.connection import local

from ..plugin_utils import warm

DOCUMENTATION = """
name: warm
short_description: Run the controller's modules in the warm process of a run
version_added: "0.1.0"
description:
  - The connection of localhost. It does what P(ansible.builtin.local#connection) does, with one exception.
  - A module whose interpreter is that of P(slipway.core.warm_modules#callback) is handed to the warm process
    by this connection itself, where two shells and the interpreter would start to do so.
author: Slipway contributors (@slipway)
options:
  become_success_timeout:
    description: Seconds to wait for another user's rights.
    type: int
    default: 10
    vars:
      - name: ansible_local_become_success_timeout
  become_strip_preamble:
    description: Whether to leave out what was printed until other rights were had.
    type: bool
    default: true
    vars:
      - name: ansible_local_become_strip_preamble
extends_documentation_fragment:
  - connection_pipelining
"""


class Connection(local.Connection):
    """The local connection, with a shorter way for what runs in the warm process."""

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        """Run a command; where that is the warm interpreter with a program for it, without a shell."""
        if in_data is not None and (variables := warm.environment_of(cmd)) is not None:
            # Without one, the interpreter finds out by itself what to do.
            with contextlib.suppress(OSError):
                call = warm.Call(in_data, variables, self.cwd)
                if (answer := call.result()) is not None:
                    local.display.vvv(f"WARM {cmd}", host=self._play_context.remote_addr)
                    return answer
        done: tuple[int, bytes, bytes] = super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return done
