"""What Ansible would work out for itself at its start, again and again, or once in each task's fork.

It reaches into Ansible's own parts. Where those are made otherwise, nothing but time is lost.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import hashlib
import importlib
import importlib.machinery
from pathlib import Path
from typing import Any

from ansible import constants, context
from ansible.errors import AnsibleError
from ansible.plugins.loader import (
    action_loader,
    become_loader,
    callback_loader,
    connection_loader,
    filter_loader,
    lookup_loader,
    shell_loader,
    strategy_loader,
)

from ..module_utils import kept
from . import code

TEMPLATES = "slipway.core.compiled_templates"
#: Whose modules this collection's roles call from the controller, and what they call beside modules.
ACTIONS = (
    "ansible.builtin.assert",
    "ansible.builtin.debug",
    "ansible.builtin.include_vars",
    "ansible.builtin.normal",
    "ansible.builtin.set_fact",
    "ansible.builtin.validate_argument_spec",
    "slipway.core.at_once",
    "slipway.core.aws_reads",
    "slipway.core.ecr_login",
    "slipway.core.host_reads",
    "slipway.core.host_release",
    "slipway.core.host_releases",
    "slipway.core.preflight",
    "slipway.core.release_lock",
    "slipway.core.secret_values",
)
#: From so many characters on, what YAML makes of a text is worth a file of its own.
LONG = 100_000
#: Where that is kept, in the checkout, and which files the playbooks of a run are made of.
ROUTING = ".cache/routing"
FILES = ".cache/files"


def option(name: str, callback: str) -> Any:
    """Return an option of a callback."""
    # Loaded, its options are known.
    loaded = callback_loader.get(callback, class_only=True)._load_name
    return constants.config.get_config_value(name, plugin_type="callback", plugin_name=loaded)


@functools.cache
def begin() -> None:
    """Shorten, from here on, what Ansible does until its first task.

    It is best called before anything of Ansible is imported that is not there yet: that reads the routing.
    """
    for part in (keep_routing, keep_code, resolve_once, share_words):
        with contextlib.suppress(ImportError, AttributeError):
            part()


def load_meanwhile(loader: Any) -> None:
    """Load what Ansible would load before its first task, in a process that has nothing to do but wait.

    :param loader: Ansible's DataLoader
    """
    for plugins in (connection_loader, shell_loader, become_loader):
        list(plugins.all(class_only=True))
    strategy_loader.get(constants.DEFAULT_STRATEGY, class_only=True)
    for callback in constants.CALLBACKS_ENABLED:
        callback_loader.get(callback, class_only=True)
    importlib.import_module("ansible.executor.process.worker")
    load_ahead()
    for path in kept.read(_files_path(), {"files"}).get("files", []):
        # What cannot be read, Ansible says when it comes to it.
        with contextlib.suppress(AnsibleError):
            loader.load_from_file(path, unsafe=True, trusted_as_template=True)


def note_files(loader: Any) -> None:
    """Keep for the next run of the same playbooks which files they are made of.

    :param loader: Ansible's DataLoader, when it has read them
    """
    with contextlib.suppress(AttributeError):
        roots = tuple(f"{code.ROLES.parent / folder}/" for folder in ("playbooks", "roles"))
        files = sorted(path for path in loader._FILE_CACHE if path.startswith(roots))
        if files and files != kept.read(_files_path(), {"files"}).get("files"):
            kept.write(_files_path(), {"files": files})


def _files_path() -> Path:
    playbooks = hashlib.sha256("\0".join(context.CLIARGS.get("args") or ()).encode()).hexdigest()[:16]
    return code.ROLES.parent / f"{FILES}-{playbooks}.json"


@functools.cache
def load_ahead() -> None:
    """Load, once, what each task would otherwise load for itself, in its own fork of Ansible."""
    _look_templates_up()
    # Whichever is asked for, the loader goes through them all, and keeps what it has read.
    with contextlib.suppress(KeyError):
        filter_loader.get_with_context("slipway.core.any")
    for action in ACTIONS:
        action_loader.get(action, class_only=True)
    # As no run without this collection has it, what loads all connections has not.
    connection_loader.get("slipway.core.warm", class_only=True)
    code.note()
    lookup_loader.get("ansible.builtin.env", class_only=True)
    # Ansible's own, which it works out once for each process.
    with contextlib.suppress(ImportError, AttributeError, TypeError):
        results = importlib.import_module("ansible._internal._task").UnifiedTaskResult
        for source_is_module in (False, True):
            results.get_result_key_to_resolved_field_mapping(source_is_module=source_is_module)


def keep_routing(path: Path = code.ROLES.parent / ROUTING) -> None:
    """Keep for the next run what Ansible reads of its own plugins' ways: 370,000 characters of YAML."""
    finder = importlib.import_module("ansible.utils.collection_loader._collection_finder")
    read = finder._meta_yml_to_dict

    def read_once(text: bytes | str, content_id: object) -> Any:
        if len(text) < LONG:
            return read(text, content_id)
        digest = hashlib.sha256(text if isinstance(text, bytes) else text.encode()).hexdigest()
        return kept.made(path, digest, lambda: read(text, content_id))

    finder._meta_yml_to_dict = read_once  # type: ignore[attr-defined]


def keep_code() -> None:
    """Have Python keep what it compiles of a collection beside the sources, as of any other package."""
    finder = importlib.import_module("ansible.utils.collection_loader._collection_finder")
    loader: Any = finder._AnsibleCollectionPkgLoaderBase
    compiled = loader.get_code

    def compiled_once(own: Any, name: str) -> Any:
        path = own.get_filename(name)
        if not own._compiled_code and path and Path(path).is_file():
            own._compiled_code = importlib.machinery.SourceFileLoader(name, path).get_code(name)
        return compiled(own, name)

    loader.get_code = compiled_once


def resolve_once() -> None:
    """Have Ansible look the modules of a group of `module_defaults` up once, not once for each play."""
    base: Any = importlib.import_module("ansible.playbook.base").Base
    resolve = base._resolve_action
    found: dict[str, Any] = {}

    def resolved(own: Any, name: str, mandatory: bool = True) -> Any:
        if mandatory:
            return resolve(own, name, mandatory)
        if name not in found:
            found[name] = resolve(own, name, mandatory)
        return found[name]

    base._resolve_action = resolved


def share_words() -> None:
    """Have copies of what is read share its words and numbers, which Ansible tags, and nothing changes.

    Ansible copies all that a role says, deeply, for each play that names the role.
    """
    tags = importlib.import_module("ansible.module_utils._internal._datatag")
    for name in ("_AnsibleTaggedStr", "_AnsibleTaggedInt", "_AnsibleTaggedFloat"):
        copy._deepcopy_dispatch[getattr(tags, name)] = lambda word, _: word  # type: ignore[attr-defined]


def _look_templates_up() -> None:
    """Read what was compiled of templates, where the callback `compiled_templates` is in use."""
    # Whatever is wrong with it, the callback says.
    with contextlib.suppress(Exception):
        if TEMPLATES in constants.CALLBACKS_ENABLED and (folder := option("folder", TEMPLATES)):
            importlib.import_module("..templates", __name__).of(Path(folder))
