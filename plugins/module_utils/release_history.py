"""The history of an environment's releases, kept in its store: what was released, by whom, and how it ended.

A record holds all that a release needs to be made again but the values of its secrets, of which it holds the
versions. Records are written before anything moves, so that a run that died is seen by the next one.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from .model import effective_services
from .model_containers import containers
from .model_views import gates
from .secret_store import Reference

Json = dict[str, Any]

PREFIX, GATES = "releases/", "gates/"
RUNNING, GOOD, FAILED, INTERRUPTED = "running", "good", "failed", "interrupted"


class ReleaseNotFound(Exception):
    """There is no release as asked for, worded for the operator."""


class Stored(Protocol):
    """An object of the store."""

    @property
    def body(self) -> Json:
        """What it holds."""


class Store(Protocol):
    """What the history asks of :class:`release_store.Store`."""

    def read(self, key: str) -> Stored | None:
        """Return an object; None where there is none."""

    def put(self, key: str, body: Json) -> None:
        """Write an object."""

    def keys(self, prefix: str) -> list[str]:
        """Return the keys with a prefix, sorted."""


@dataclass(frozen=True)
class Begun:
    """A release that may move things now.

    `record` is written only where the release differs from the one before (`recorded`), whose document is
    `base`; `unfinished` are the ids of releases that were running when their run ended; `gates` are the tasks
    that stand before it and have not passed, see :func:`gates_of`.
    """

    record: Json
    base: Json
    recorded: bool
    unfinished: list[str]
    gates: list[Json]

    def told(self) -> Json:
        """Return what the module release_record returns of it."""
        return {
            "changed": False,
            "release_record": self.record,
            "base_document": self.base,
            "recorded": self.recorded,
            "unfinished": self.unfinished,
            "gates": self.gates,
        }


class History:
    """The records of one environment. Whoever writes holds the lock."""

    def __init__(self, store: Store, now: datetime | None = None) -> None:
        self._store = store
        self._now = now or datetime.now(UTC)

    def newest_first(self) -> Iterator[Json]:
        """Read the records one by one."""
        for key in reversed(self._store.keys(PREFIX)):
            found = self._store.read(key)
            if found:
                yield found.body

    def get(self, release: str) -> Json:
        """Return the record of a release. Raises ReleaseNotFound."""
        found = self._store.read(_key(release))
        if not found:
            raise ReleaseNotFound(
                f"there is no release {release!r}: playbooks/history.yml lists all that are"
            )
        return found.body

    def current(self) -> Json | None:
        """Return the last good release; None where there is none yet."""
        return next((record for record in self.newest_first() if record["result"] == GOOD), None)

    def before(self) -> Json:
        """Return what a rollback without a name goes to: the good release before the current one.

        Where the current one is a rollback itself, it is the one before the release that it went to. Raises
        ReleaseNotFound.
        """
        good = (record for record in self.newest_first() if record["result"] == GOOD)
        current = next(good, None)
        if current is None:
            raise ReleaseNotFound("nothing has been released here yet, so there is nothing to go back to")
        below = current.get("of") or current["id"]
        for record in good:
            if record["id"] < below and changed_settings(record["document"], current["document"]):
                return record
        raise ReleaseNotFound(f"there is no good release before {below}: name one with -e release=ID")

    def last(self) -> list[Json]:
        """Return the last good release and those after it, the newest first."""
        found = []
        for record in self.newest_first():
            found.append(record)
            if record["result"] == GOOD:
                break
        return found

    def begin(
        self, facts: Json, document: Json, last: list[Json] | None = None, *, check_mode: bool = False
    ) -> Begun:
        """Begin a release, and note those that ended without a word: they held the lock that is ours now.

        :param last: what `last` returns, where that is known
        """
        last = self.last() if last is None else last
        begun = comparison(last, facts, document, self._now)
        if not check_mode:
            for record in last:
                if record["result"] == RUNNING:
                    self._store.put(_key(record["id"]), {**record, "result": INTERRUPTED})
            if begun.recorded:
                self._store.put(_key(begun.record["id"]), begun.record)
        passed = set(self._store.keys(GATES)) if begun.gates else set()
        return replace(begun, gates=[gate for gate in begun.gates if _gate_key(gate) not in passed])

    def passed(self, gate: Mapping[str, Any]) -> None:
        """Note that a gate has passed."""
        self._store.put(_gate_key(gate), {**gate, "at": _written(self._now)})

    def end(self, record: Mapping[str, Any], ending: Mapping[str, Any]) -> Json:
        """Write how a release ended, and return its record."""
        begun = datetime.fromisoformat(record["started"])
        ended = {
            **record,
            **ending,
            "ended": _written(self._now),
            "seconds": round((self._now - begun).total_seconds()),
        }
        self._store.put(_key(record["id"]), ended)
        return ended


def comparison(
    last: Sequence[Mapping[str, Any]], facts: Json, document: Json, now: datetime | None = None
) -> Begun:
    """Compare what is to be released with the last good release. All gates are among the result's.

    :param last: what :meth:`History.last` returns
    :param facts: what the record says beside it
    """
    now = now or datetime.now(UTC)
    good = next((record for record in last if record["result"] == GOOD), None)
    base: Mapping[str, Any] = good or {}
    changed = changed_settings(base.get("document", {}), document)
    record = {
        "id": f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
        **facts,
        "started": _written(now),
        "ended": None,
        "seconds": None,
        "result": RUNNING,
        "returned": False,
        "base": base.get("id", ""),
        "document": document,
        "changed": changed,
        "parts": [],
        "failure": None,
        "gates": [],
        "probe": None,
    }
    return Begun(
        record=record,
        base=base.get("document", {}),
        # After a release that did not become whole, the same description is a release all the same.
        recorded=bool(changed) or (len(last) > 0 and last[0] is not good),
        unfinished=[record["id"] for record in last if record["result"] == RUNNING],
        gates=gates_of(document),
    )


def release_document(
    services: Mapping[str, Any],
    images: Mapping[str, Mapping[str, Any]],
    secret_versions: Mapping[str, str],
    task_definitions: Mapping[str, str],
    *,
    database: str,
    database_service_name: str,
    database_service: Any,
) -> Json:
    """Describe a release: the application as it was written, its images by digest, its secrets' versions."""
    return {
        "app_services": services,
        "database": database,
        "database_service_name": database_service_name,
        "database_service": database_service,
        "images": images,
        "secret_versions": secret_versions,
        "task_definitions": task_definitions,
    }


def gates_of(written: Mapping[str, Any]) -> list[Json]:
    """Name the tasks that must end well before a release: service, task, command, timeout, fingerprint.

    The fingerprint is of all that a task consists of: what has passed once has passed for each release of the
    same image, environment, secrets and command.
    """
    found = []
    for name, service in _services(written).items():
        versions = {
            text: written["secret_versions"].get(Reference.parse(text).place)
            for text in service["secrets"].values()
        }
        image = written["images"].get(name, {}).get("image")
        for task in gates(service):
            consists_of = [name, task, image, service["environment"], service["secrets"], versions]
            fingerprint = hashlib.sha256(json.dumps(consists_of, sort_keys=True).encode()).hexdigest()
            found.append({"service": name, **task, "fingerprint": fingerprint})
    return found


def changed_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Name the settings in which two documents differ, each by its key; never a value.

    A service that only one of them has is named as a whole.
    """
    old, new = _settings(before), _settings(after)
    differing = {key for key in {*old, *new} if old.get(key) != new.get(key)}
    services = _services(before).keys() ^ _services(after).keys()
    return sorted({key.split(".")[0] if key.split(".")[0] in services else key for key in differing})


def _services(written: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    names = ("app_services", "database", "database_service_name", "database_service")
    return effective_services(*(written[name] for name in names)) if written else {}


def _settings(written: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for each in containers(_services(written)):
        # How an image is built shows in its digest; sidecars are containers of their own here.
        left_out = ("build", "dev", "sidecars")
        _flatten(flat, each.name, {key: value for key, value in each.options.items() if key not in left_out})
    for name, image in written.get("images", {}).items():
        flat[f"{name}.image"] = image["image"]
    for reference, version in written.get("secret_versions", {}).items():
        flat[f"secret {reference}"] = version
    return flat


def _flatten(flat: dict[str, Any], key: str, value: Any) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _flatten(flat, f"{key}.{name}", inner)
    else:
        flat[key] = value


def summary(record: Mapping[str, Any]) -> Json:
    """Return a line of the history."""
    names = (
        "id",
        "kind",
        "of",
        "result",
        "returned",
        "started",
        "seconds",
        "actor",
        "git",
        "base",
        "changed",
    )
    return {name: record.get(name) for name in names}


def history_line(entry: Mapping[str, Any]) -> str:
    """Write an entry of the history for a person."""
    actor, git = entry["actor"], entry["git"]
    result = f"{entry['result']}, went back" if entry["returned"] else entry["result"]
    revision = (
        f" of {git['revision'][:12]}{' with changes' if git['dirty'] else ''}" if git["revision"] else ""
    )
    seconds = f" in {entry['seconds']} s" if entry["seconds"] is not None else ""
    kind = f"{entry['kind']} to {entry['of']}" if entry.get("of") else entry["kind"]
    changed = ", ".join(entry["changed"]) or "nothing by description"
    return (
        f"{entry['id']}  {result}{seconds}  {kind}{revision} by {actor['user']} on {actor['host']}: {changed}"
    )


def _gate_key(gate: Mapping[str, Any]) -> str:
    return f"{GATES}{gate['fingerprint']}.json"


def _key(release: str) -> str:
    return f"{PREFIX}{release}.json"


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
