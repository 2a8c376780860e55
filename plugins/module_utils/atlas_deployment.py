"""A MongoDB Atlas cluster for an application: project, cluster, access list, user, connection string.

What is wanted and what is there are compared before anything is written; what differs is one request each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import atlas_access, atlas_cluster
from .atlas_access import USERS, Entry, User
from .atlas_api import Atlas, AtlasError
from .atlas_cluster import FLEX, IDLE, Cluster
from .atlas_secret import TAG, ConnectionSecret, Held, login_of, new_password, password_of, with_user

# How Atlas refuses a cluster of the other kind of tier.
_OTHER_KIND = {"CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API", "CANNOT_USE_NON_FLEX_CLUSTER_IN_FLEX_API"}


@dataclass(frozen=True)
class Deployment:
    """What is wanted."""

    # Where the project is made; not needed for one that exists.
    organization_id: str
    project: str
    cluster: Cluster
    access_list: Sequence[Entry]
    # Whether entries that are not listed are removed.
    access_list_exact: bool
    user: User
    # The database that the connection string names.
    database: str
    secret_tags: Mapping[str, str]
    # Whether a user whose password the secret does not hold is given a new one.
    reset_password: bool


@dataclass(frozen=True)
class Patience:
    """How long a cluster is waited for."""

    timeout: float
    interval: float
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Actual:
    """What is there; a project's contents are not looked for where there is no project."""

    project_id: str = ""
    cluster: Mapping[str, Any] | None = None
    entries: Sequence[Entry] = ()
    user: User | None = None
    held: Held | None = field(default=None, repr=False)


def survey(atlas: Atlas, secret: ConnectionSecret, wanted: Deployment) -> Actual:
    """Look at everything, and change nothing."""
    held = secret.read()
    if held:
        atlas.hide(held.value)
        atlas.hide(login_of(held.value)[1])
    project = atlas.find("groups", "byName", wanted.project)
    if project is None:
        return Actual(held=held)
    group = ("groups", project["id"])
    user = atlas.find(*group, "databaseUsers", USERS, wanted.user.name)
    return Actual(
        project["id"],
        _cluster(atlas, group, wanted.cluster),
        [atlas_access.listed(entry) for entry in atlas.every(*group, "accessList")],
        atlas_access.user(user, wanted.cluster.name) if user else None,
        held,
    )


def converge(
    atlas: Atlas, secret: ConnectionSecret, wanted: Deployment, patience: Patience, *, check_mode: bool
) -> dict[str, Any]:
    """Make everything as wanted; give changed, the project's id and the diff."""
    actual = survey(atlas, secret, wanted)
    _check(wanted, actual, secret)
    goal = atlas_cluster.goal(wanted.cluster, actual.cluster)
    add = [entry for entry in wanted.access_list if not _listed(entry, actual.entries)]
    surplus = _surplus(wanted, actual) if wanted.access_list_exact else []
    run = _Run(atlas, secret, wanted, actual, patience, check_mode)
    run.project()
    run.cluster(goal)
    run.access(add, surplus)
    run.connection()
    after = _shown(wanted.project, goal, _entries_after(actual.entries, add, surplus), wanted.user)
    return {
        "changed": run.changed,
        "project_id": run.group[1],
        "diff": {
            "before": _shown(
                wanted.project if actual.project_id else None,
                atlas_cluster.read(actual.cluster) if actual.cluster else None,
                actual.entries,
                actual.user,
            )
            | {"connection string": run.string_before},
            "after": after | {"connection string": run.string_after},
        },
    }


def remove(
    atlas: Atlas, secret: ConnectionSecret, wanted: Deployment, patience: Patience, *, check_mode: bool
) -> dict[str, Any]:
    """Remove the cluster with its data, the user and the listed entries. Project and secret stay.

    Raises:
        AtlasError: the cluster is protected.
    """
    actual = survey(atlas, secret, wanted)
    listed = [entry for entry in wanted.access_list if entry.value in {held.value for held in actual.entries}]
    if actual.cluster and atlas_cluster.read(actual.cluster).termination_protection:
        raise AtlasError(
            f"the cluster {wanted.cluster.name} has termination protection: deploy with "
            "termination_protection false first"
        )
    group = ("groups", actual.project_id)
    if not check_mode:
        if actual.cluster:
            atlas.call("DELETE", *group, wanted.cluster.kind, wanted.cluster.name)
            _wait(patience, lambda: atlas.find(*group, wanted.cluster.kind, wanted.cluster.name) is None)
        if actual.user:
            atlas.call("DELETE", *group, "databaseUsers", USERS, wanted.user.name)
        for entry in listed:
            atlas.call("DELETE", *group, "accessList", entry.value)
    project = wanted.project if actual.project_id else None
    cluster = atlas_cluster.read(actual.cluster) if actual.cluster else None
    return {
        "changed": bool(actual.cluster or actual.user or listed),
        "project_id": actual.project_id,
        "diff": {
            "before": _shown(project, cluster, actual.entries, actual.user),
            "after": _shown(project, None, _entries_after(actual.entries, [], listed), None),
        },
    }


@dataclass
class _Run:
    """The writes, in their order. In check mode it only notes that there would be some."""

    atlas: Atlas
    secret: ConnectionSecret
    wanted: Deployment
    actual: Actual
    patience: Patience
    check_mode: bool
    changed: bool = False

    def __post_init__(self) -> None:
        self._found = self.actual.cluster
        self.group = ("groups", self.actual.project_id)
        self.string_before = f"in {self.secret.name}" if self.actual.held else ""
        self.string_after = f"in {self.secret.name}"

    def project(self) -> None:
        """Make the project."""
        if not self.actual.project_id:
            body = {"name": self.wanted.project, "orgId": self.wanted.organization_id}
            made = self._write("POST", "groups", body=body)
            self.group = ("groups", made.get("id", ""))

    def cluster(self, goal: Cluster) -> None:
        """Make or change the cluster."""
        if self.actual.cluster is None:
            self._write("POST", *self.group, goal.kind, body=atlas_cluster.creation(goal))
        else:
            body = atlas_cluster.update(goal, self.actual.cluster)
            if not body:
                return
            self._write("PATCH", *self.group, goal.kind, goal.name, body=body)
        # What the answer to the change says of the state may already be old.
        self._found = None

    def access(self, add: Sequence[Entry], surplus: Sequence[Entry]) -> None:
        """Add entries to the access list, all at once, and remove those that are too many."""
        if add:
            self._write("POST", *self.group, "accessList", body=[entry.body() for entry in add])
        for entry in surplus:
            self._write("DELETE", *self.group, "accessList", entry.value)

    def connection(self) -> None:
        """Make or change the user, and have its connection string in the secret, once the cluster serves."""
        wanted, actual = self.wanted, self.actual
        held = actual.held.value if actual.held else ""
        password = password_of(held, wanted.user.name)
        reset = bool(actual.user and not password)
        password = password or new_password()
        self.atlas.hide(password)
        if self.check_mode and not (self._found and _answers(self._found)):
            # It cannot be known what address the cluster will have, and is not waited for.
            value = held if actual.cluster else ""
        else:
            value = with_user(self._address(), wanted.user.name, password, wanted.database)
        stale = reset or not held or value != held
        if stale and actual.held:
            self.string_before = f"another in {self.secret.name}"
        # Either order is mended by the next run: a secret without its user, a user without its secret.
        if actual.user:
            self._mend_user({"password": password} if reset else {})
        if stale:
            self._put(value)
        if not actual.user:
            body = {"databaseName": USERS, "groupId": self.group[1], "username": wanted.user.name}
            body |= {**wanted.user.body(), "password": password}
            self._write("POST", *self.group, "databaseUsers", body=body)

    def _mend_user(self, more: Mapping[str, str]) -> None:
        if more or self.actual.user != self.wanted.user:
            body = {**self.wanted.user.body(), **more}
            self._write("PATCH", *self.group, "databaseUsers", USERS, self.wanted.user.name, body=body)

    def _put(self, value: str) -> None:
        self.changed = True
        if not self.check_mode:
            self.secret.write(
                value,
                self.actual.held,
                {**self.wanted.secret_tags, TAG: _cluster_id(self.group[1], self.wanted)},
            )

    def _address(self) -> str:
        """Give the cluster's address, once it serves: after a change of ours when that is done."""
        cluster = self.wanted.cluster

        def serves() -> bool:
            if self._found is None or not _answers(self._found):
                found = self.atlas.find(*self.group, cluster.kind, cluster.name)
                if found is None:
                    raise AtlasError(f"the cluster {cluster.name} is gone while it is being made")
                self._found = found if found["stateName"] == IDLE else None
            return self._found is not None and _answers(self._found)

        _wait(self.patience, serves)
        return atlas_cluster.connection_string(self._found or {})

    def _write(self, method: str, *path: str, body: Any = None) -> dict[str, Any]:
        self.changed = True
        return {} if self.check_mode else self.atlas.call(method, *path, body=body)


def _check(wanted: Deployment, actual: Actual, secret: ConnectionSecret) -> None:
    """Name everything that can be known to be wrong before the first write."""
    cluster = wanted.cluster
    faults = []
    if cluster.tier == FLEX and (cluster.backup is not None or cluster.version):
        faults.append("a FLEX cluster has Atlas's own backups and version: leave backup and version out")
    if not actual.project_id and not wanted.organization_id:
        faults.append(
            f"there is no project {wanted.project} for these credentials: organization_id is needed"
        )
    held = password_of(actual.held.value, wanted.user.name) if actual.held else ""
    if actual.user and not held and not wanted.reset_password:
        faults.append(
            f"the user {wanted.user.name} exists, and the secret {secret.name} does not hold its password: "
            "name another user, or allow a new password by reset_password"
        )
    if actual.held and not _replaceable(actual.held, actual, wanted):
        faults.append(
            f"the secret {secret.name} holds something that was not written for the cluster {cluster.name} "
            f"of the project {wanted.project}, and it is not overwritten: name another secret"
        )
    if faults:
        raise AtlasError("; ".join(faults))


def _cluster_id(project_id: str, wanted: Deployment) -> str:
    return f"{project_id}/{wanted.cluster.name}"


def _replaceable(held: Held, actual: Actual, wanted: Deployment) -> bool:
    """Whether a secret was written for this cluster, or holds exactly what would be written."""
    if actual.project_id and held.cluster == _cluster_id(actual.project_id, wanted):
        return True
    password = password_of(held.value, wanted.user.name)
    address = atlas_cluster.connection_string(actual.cluster or {})
    return bool(password) and held.value == with_user(address, wanted.user.name, password, wanted.database)


def _cluster(atlas: Atlas, group: tuple[str, str], cluster: Cluster) -> dict[str, Any] | None:
    try:
        return atlas.find(*group, cluster.kind, cluster.name)
    except AtlasError as error:
        if error.code not in _OTHER_KIND:
            raise
        is_, wanted = ("dedicated", FLEX) if cluster.tier == FLEX else (FLEX, cluster.tier)
        raise AtlasError(
            f"the cluster {cluster.name} is {is_} (wanted: {wanted}), which is not changed in place here: "
            "upgrade it in Atlas, or name a new cluster and move the data there"
        ) from None


def _answers(found: Mapping[str, Any]) -> bool:
    """A cluster that is being changed serves all the while; one that is being made does not."""
    return found["stateName"] != "CREATING" and bool(atlas_cluster.connection_string(found))


def _wait(patience: Patience, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + patience.timeout
    while not done():
        if time.monotonic() > deadline:
            raise AtlasError(
                f"the cluster is not ready after {patience.timeout:.0f} s: look at it in Atlas, and run again"
            )
        patience.sleep(patience.interval)


def _listed(entry: Entry, entries: Sequence[Entry]) -> bool:
    """An entry without a comment leaves that alone."""
    return any(entry.value == held.value and entry.comment in ("", held.comment) for held in entries)


def _surplus(wanted: Deployment, actual: Actual) -> list[Entry]:
    named = {entry.value for entry in wanted.access_list}
    return [entry for entry in actual.entries if entry.value not in named]


def _entries_after(entries: Sequence[Entry], add: Sequence[Entry], surplus: Sequence[Entry]) -> list[Entry]:
    gone = {entry.value for entry in (*add, *surplus)}
    return [*(entry for entry in entries if entry.value not in gone), *add]


def _shown(
    project: str | None, cluster: Cluster | None, entries: Sequence[Entry], user: User | None
) -> dict[str, Any]:
    return {
        "project": project,
        "cluster": cluster.shown() if cluster else None,
        "access list": {
            entry.value: entry.comment for entry in sorted(entries, key=lambda entry: entry.value)
        },
        "user": user.shown() if user else None,
    }
