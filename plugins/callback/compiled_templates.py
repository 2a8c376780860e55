"""Keeps what Jinja compiles of templates from one task, and one run, to the next."""

from __future__ import annotations

from pathlib import Path

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: compiled_templates
type: aggregate
short_description: Keep what Jinja compiles of templates, from one task and one run to the next
description:
  - Each task is a fork of Ansible, which compiles all templates that it uses, although those before it and
    the last run have compiled most of them. That is a quarter of what a task costs the controller.
  - This callback keeps what was compiled. What is kept of a template is used where its text, the settings by
    which Ansible reads it, the way in which its filters and tests are called, and the versions of Ansible,
    Jinja and Python are the same.
  - Where Ansible is made otherwise than the one that this was written for, a warning says so once and
    templates are compiled as ever.
options:
  folder:
    description:
      - Where to keep it; a relative path is one beside C(ansible.cfg). Without it, nothing is kept, nor used.
    type: path
    ini:
      - section: compiled_templates
        key: folder
    env:
      - name: SLIPWAY_TEMPLATES_FOLDER
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Lets Ansible look templates up before it compiles them."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "slipway.core.compiled_templates"

    def v2_playbook_on_start(self, playbook: object) -> None:
        """Begin with what earlier runs have kept."""
        self._templates = None
        folder = self.get_option("folder")
        if not folder:
            return
        try:
            # Ansible's own parts that it names may not be there.
            from ..plugin_utils import templates  # noqa: PLC0415

            self._templates = templates.of(Path(folder))
            self._templates.use()
        except (ImportError, AttributeError) as error:
            self._display.warning(f"Templates are compiled by each task for itself: {error}")

    def v2_playbook_on_stats(self, stats: object) -> None:
        """Keep what this run has added."""
        if self._templates:
            self._templates.keep()
