"""Keeps what Jinja compiles of templates, for the tasks of a run and for the next run.

Each task of Ansible is a fork that compiles every template it comes to, a quarter of what a task costs. What
comes of a template follows from its text, from how Ansible reads it, and from how the filters and tests in it
want to be called, given the versions of Ansible, Jinja and Python.
"""

# mypy: disallow-any-unimported=False
# Ansible ships no types.

from __future__ import annotations

import contextlib
import functools
import marshal
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

import jinja2
from ansible._internal._templating import _jinja_bits, _jinja_plugins
from ansible.release import __version__
from jinja2.environment import TemplateExpression
from jinja2.utils import _PassArg

from ..module_utils import kept

#: Of what decides what is compiled; the first is that of the entries below.
VERSIONS = [1, __version__, jinja2.__version__, sys.version]
#: How a template's code looks up what it uses.
USED = re.compile(r"environment\.(filters|tests)\['([^']+)'\]")
#: Beyond so many it is begun anew: a template may hold what is another in each run.
MOST = 4000

Key = tuple[Any, ...]
#: What was compiled, and the filters and tests in it, each with how it wants to be called.
Entry = tuple[CodeType, list[tuple[str, str, str]]]


class Templates:
    """What is known of templates: kept by earlier runs, compiled by this process and those before it.

    :param path: the file that keeps it between runs
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = _read(path)
        self._known = dict(self._kept)
        environment: Any = _jinja_bits.AnsibleEnvironment()
        self._check(environment)
        #: The filters and tests that this has looked up, by name, as Ansible calls them.
        self._found = {
            each._plugin_loader.type: each._wrapped_funcs for each in (environment.filters, environment.tests)
        }
        # What any fork compiles, one write each.
        self._compiled = tempfile.TemporaryFile("a+b", buffering=0)  # noqa: SIM115  # open until the end
        self._generated = ""
        self._expression: Key | None = None

    def use(self) -> None:
        """Have Ansible compile by this what it has to, from here on.

        Raises:
            AttributeError: this Ansible is made otherwise.
        """
        environment = _jinja_bits.AnsibleEnvironment
        fields = _jinja_bits._TEMPLATE_OVERRIDE_FIELD_NAMES
        current = _jinja_bits._TemplateCompileContext.current
        generate, compile_one = environment._generate, environment.compile
        compile_expression = environment.compile_expression

        def key(kind: str, own: Any, source: str) -> Key:
            context = current(optional=True)
            escaped = bool(context and context.escape_backslashes)
            return (
                kind,
                type(own).__name__,
                escaped,
                *(getattr(own, each) for each in fields),
                _plain(source),
            )

        def generated(own: Any, *given: Any, **named: Any) -> str:
            self._generated = generate(own, *given, **named)
            return self._generated

        def compiled(own: Any, source: Any, *given: Any, **named: Any) -> Any:
            made = key("template", own, source) if isinstance(source, str) else self._expression
            if not made or given or named:
                return compile_one(own, source, *given, **named)
            return self._code(made, own, lambda: compile_one(own, source))

        def expression(own: Any, source: str, undefined_to_none: bool = True) -> TemplateExpression:
            made = key("expression", own, source)
            if made not in self._known:
                self._expression = made
                try:
                    first: TemplateExpression = compile_expression(own, source, undefined_to_none)
                    return first
                finally:
                    self._expression = None
            code, _ = self._known[made]
            template = own.template_class.from_code(own, code, own.make_globals(None), None)
            return TemplateExpression(template, undefined_to_none)

        environment._generate, environment.compile = generated, compiled
        environment.compile_expression = expression
        # Each fork would look them up, which takes it longer than what they are called for.
        plugins = _jinja_plugins.JinjaPluginIntercept
        begin = plugins.__init__

        def begun(own: Any, builtins: Any, loader: Any) -> None:
            begin(own, builtins, loader)
            own._wrapped_funcs.update(self._found.get(loader.type, {}))

        plugins.__init__ = begun

    def keep(self) -> None:
        """Keep for the next run what this one has compiled."""
        self._compiled.seek(0)
        found = {}
        with contextlib.suppress(EOFError, ValueError, TypeError):
            while True:
                made, entry = marshal.load(self._compiled)  # noqa: S302  # from a fork
                found[made] = entry
        if found:
            before = self._kept if len(self._kept) + len(found) <= MOST else {}
            with contextlib.suppress(ValueError):
                kept.put(self._path, marshal.dumps([VERSIONS, {**before, **found}]))

    def _check(self, environment: Any) -> None:
        """Forget what was compiled for filters and tests that are called otherwise now, or are not there."""
        now: dict[tuple[str, str], str] = {}
        for made, (_, used) in self._kept.items():
            for kind, name, called in used:
                if (kind, name) not in now:
                    now[kind, name] = _called(environment, kind, name)
                if now[kind, name] != called:
                    self._known.pop(made, None)

    def _code(self, made: Key, environment: Any, compile_one: Callable[[], Any]) -> Any:
        if made not in self._known:
            code = compile_one()
            used = sorted({(kind, name) for kind, name in USED.findall(self._generated)})
            entry = (code, [(kind, name, _called(environment, kind, name)) for kind, name in used])
            self._known[made] = entry
            with contextlib.suppress(OSError, ValueError):
                self._compiled.write(marshal.dumps((made, entry)))
        return self._known[made][0]


@functools.cache
def of(folder: Path) -> Templates:
    """Return what is known of templates, and kept in a folder: the same to whoever asks in this process.

    Raises:
        AttributeError: this Ansible is made otherwise.
    """
    return Templates(folder / "templates")


def _plain(source: str) -> str:
    """Return a text without what Ansible attaches to it."""
    return str.__str__(source)


def _called(environment: Any, kind: str, name: str) -> str:
    """Return how a filter or test wants to be called: Jinja writes that into the code."""
    try:
        wanted = _PassArg.from_obj(getattr(environment, kind)[name])
    except Exception:  # noqa: BLE001 - whatever a plugin's loading raises, it is not there
        return "missing"
    return wanted.name if wanted else ""


def _read(path: Path) -> dict[Key, Entry]:
    """Return what was kept; nothing where that is of other versions, or cannot be read."""
    try:
        versions, found = marshal.loads(path.read_bytes())  # noqa: S302  # our own
    except (OSError, EOFError, ValueError, TypeError):
        return {}
    return dict(found) if versions == VERSIONS else {}
