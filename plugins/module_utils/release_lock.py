"""The lock of an environment: a lease on one object, for one run at a time.

A lease is the content of lock.json. It is written on condition that the object is still what was read, so of
two who want it one has it. It holds for some seconds from when it was last written, by S3's clock; a run
renews it while it lives, and what has not been renewed may be taken by another. Here is what is decided and
said; lock_renewal.py is what keeps a run's lease.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol

from .release_store import Conflict, Stored

KEY = "lock.json"
#: Parts of a lease: how often it is renewed, how often that is tried again where S3 does not answer, and when
#: a run that has not renewed it has ended. What is left of it then is for slow machines.
RENEWED, RETRIED, ENDED = 1 / 4, 1 / 12, 3 / 4
#: Ages are differences of times in whole seconds.
ROUNDING = 1.0
POLL_SECONDS = 1.0


class Store(Protocol):
    """What a lock needs of release_store.Store."""

    now: datetime

    def read(self, key: str) -> Stored | None:
        """Read an object."""

    def write(self, key: str, body: Mapping[str, Any], etag: str | None) -> str:
        """Write an object on condition."""

    def ensure(self, tags: Mapping[str, str]) -> bool:
        """Make the bucket."""


@dataclass(frozen=True)
class Lease:
    """Who holds the lock, since when and for what.

    :param state: held, or free: what it says then is of the one who held it last
    :param token: this lease's own, no other has it; "" once it was taken from its holder
    :param pid: the process that renews it; 0: it was taken by hand and nobody does
    :param started: when it was taken, by S3's clock
    :param renewals: how often it was renewed; each makes the content, and so the etag, another
    """

    state: str
    user: str
    host: str
    pid: int
    purpose: str
    message: str
    lease_seconds: float
    started: str = ""
    token: str = ""
    renewals: int = 0

    @property
    def owner(self) -> str:
        """Say who holds it and from where."""
        return f"{self.user}@{self.host}"

    def body(self) -> dict[str, Any]:
        """Give it as it is stored."""
        return {**asdict(self), "owner": self.owner}


def parsed(body: Mapping[str, Any]) -> Lease:
    """Read a lease as it is stored."""
    return Lease(**{field.name: body[field.name] for field in fields(Lease)})


@dataclass(frozen=True)
class Seen:
    """The lock as it was found."""

    lease: Lease
    etag: str
    age: float

    @property
    def seconds_left(self) -> float:
        """How long nobody else may take it, unless it is renewed or freed before."""
        return max(self.lease.lease_seconds + ROUNDING - self.age, 0.0)

    @property
    def by_hand(self) -> bool:
        """Whether no process renews it."""
        return self.lease.pid == 0

    @property
    def held(self) -> bool:
        """Whether anybody holds it."""
        return self.lease.state == "held" and self.seconds_left > 0


@dataclass(frozen=True)
class Taken:
    """A lease that is ours, with the etag to renew it by, and the token of the one before it, "" for none."""

    lease: Lease
    etag: str
    previous: str = ""


class Held(Exception):
    """Somebody else holds the lock."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(f"held by {seen.lease.owner}")
        self.seen = seen


def look(store: Store) -> Seen | None:
    """See the lock; None where there never was one."""
    stored = store.read(KEY)
    return Seen(parsed(stored.body), stored.etag, stored.age) if stored else None


def take(
    store: Store,
    wanted: Lease,
    tags: Mapping[str, str],
    wait: float | None,
    *,
    force: bool = False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Taken:
    """Take the lock, and make the bucket that it is in if need be; raises Held.

    :param wait: seconds to wait for another one to free it; None: until it is known whether that one lives
    """
    until = None if wait is None else clock() + wait
    first: Seen | None = None
    while True:
        seen = look(store)
        if seen is None:
            store.ensure(tags)
        if seen is None or not seen.held or force:
            lease = replace(wanted, started=_text(store.now), token=secrets.token_hex(8))
            previous = seen.lease.token if seen else ""
            try:
                return Taken(lease, store.write(KEY, lease.body(), seen.etag if seen else None), previous)
            except Conflict:
                continue
        first = first or seen
        if _lives(first, seen) if until is None else clock() >= until:
            raise Held(seen)
        sleep(POLL_SECONDS)


def _lives(first: Seen, now: Seen) -> bool:
    """Tell whether there is someone to wait for: who took it by hand, renews it or took it over."""
    return now.by_hand or first.etag != now.etag


def renew(store: Store, taken: Taken) -> Taken:
    """Renew a lease; raises Conflict where it is not ours any more."""
    lease = replace(taken.lease, renewals=taken.lease.renewals + 1)
    return Taken(lease, store.write(KEY, lease.body(), taken.etag))


def give_back(store: Store, taken: Taken) -> None:
    """Free a lease of ours; raises Conflict where it is not ours any more."""
    store.write(KEY, replace(taken.lease, state="free").body(), taken.etag)


def free(store: Store, by: str, user: str, *, force: bool) -> Seen | None:
    """Free the lock by hand; give the lock as it was if anybody held it, else None. Raises Held.

    What one took by hand oneself is freed at once. Another's needs force. A run hears of it when it next
    renews its lease; nobody else gets the lock before that run has surely ended.
    """
    while True:
        seen = look(store)
        if seen is None or not seen.held:
            return None
        if not force and not (seen.by_hand and seen.lease.user == user):
            raise Held(seen)
        lease = replace(seen.lease, state="free")
        if not seen.by_hand:
            if not seen.lease.token:
                return seen
            left = max(seen.lease.lease_seconds * ENDED - seen.age + ROUNDING, 0.0)
            lease = replace(seen.lease, lease_seconds=left, token="", message=f"released by force by {by}")
        try:
            store.write(KEY, lease.body(), seen.etag)
        except Conflict:
            continue
        return seen


def ends(seen: Seen, now: datetime) -> str:
    """Say until when a lease holds."""
    return _text(now + timedelta(seconds=seen.seconds_left))


def description(stack: str, seen: Seen | None, now: datetime) -> str:
    """Say in one sentence who holds the lock of an environment."""
    if seen is None or not seen.held:
        return f"The lock of {stack} is free."
    lease = seen.lease
    about = f"{lease.purpose}: {lease.message}" if lease.message else lease.purpose
    until = f"until {ends(seen, now)}"
    if seen.by_hand:
        return f"The lock of {stack} is held by {lease.owner} since {lease.started} ({about}), {until}."
    process = f"{lease.owner}, process {lease.pid},"
    return (
        f"The lock of {stack} is held by {process} since {lease.started} ({about}), "
        f"{until} unless it is renewed."
    )


def remedy(seen: Seen) -> str:
    """Say what to do about another's lock."""
    release = "ansible-playbook playbooks/lock.yml -i <environment> -e lock=free -e lock_force=true"
    if seen.by_hand:
        return f"Ask {seen.lease.owner}. To release it in their place: {release}"
    return (
        "Wait until that run has ended, or let this one wait for it: -e lock_wait=SECONDS. "
        f"The lock of a run that was killed expires by itself. To end that run: {release}"
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
