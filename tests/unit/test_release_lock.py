"""The lock of an environment: who gets and keeps it, what is said. The store is in memory, the clock set."""

import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from plugins.module_utils import lock_renewal
from plugins.module_utils.lock_renewal import Controller, Keeper, keep
from plugins.module_utils.processes import Process
from plugins.module_utils.release_lock import (
    Held,
    Lease,
    Seen,
    Taken,
    description,
    free,
    give_back,
    look,
    parsed,
    remedy,
    renew,
    take,
)
from plugins.module_utils.release_store import Conflict, Stored
from plugins.modules import release_lock as module
from tests.unit.aws_doubles import run as run_module

ANNA = Lease("held", "anna", "build-7", 4711, "deploy.yml", "", 60)
BEN = replace(ANNA, user="ben", host="laptop", pid=42)
BY_HAND = replace(ANNA, pid=0, purpose="maintenance", message="moving the database", lease_seconds=7200)


class Memory:
    """A store in memory, and the clock of both S3 and this machine: sleeping lets the time pass."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)
        self.requests: list[str] = []
        self.reachable = True
        self._object: tuple[dict[str, Any], str, datetime] | None = None
        self._version = 0
        self._one_at_a_time = threading.Lock()

    def clock(self) -> float:
        return self.now.timestamp()

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def read(self, key: str) -> Stored | None:
        self._asked("read")
        if self._object is None:
            return None
        body, etag, written = self._object
        return Stored(body, etag, (self.now - written).total_seconds())

    def write(self, key: str, body: Mapping[str, Any], etag: str | None) -> str:
        self._asked("write")
        with self._one_at_a_time:
            if etag != (self._object[1] if self._object else None):
                raise Conflict
            self._version += 1
            self._object = (dict(body), f"{self._version}", self.now)
            return self._object[1]

    def ensure(self, tags: Mapping[str, str]) -> bool:
        self._asked("ensure")
        return True

    def take(self, lease: Lease, wait: float | None = 0, force: bool = False) -> Taken:
        return take(self, lease, {}, wait, force=force, clock=self.clock, sleep=self.sleep)

    def seen(self) -> Seen:
        seen = look(self)
        assert seen is not None
        return seen

    def _asked(self, what: str) -> None:
        self.requests.append(what)
        if not self.reachable:
            raise EndpointConnectionError(endpoint_url="https://s3")


@pytest.fixture
def store() -> Memory:
    return Memory()


def test_a_free_lock_is_taken_with_two_requests(store: Memory) -> None:
    first = store.take(ANNA)
    assert store.requests == ["read", "ensure", "write"]
    give_back(store, first)
    store.requests.clear()
    taken = store.take(BEN)
    assert store.requests == ["read", "write"]
    assert (taken.lease.user, taken.lease.started) == ("ben", "2026-11-23T03:15:00Z")
    assert parsed(store.seen().lease.body()) == taken.lease


def test_it_is_known_whether_anybody_else_had_it_since(store: Memory) -> None:
    first = take(store, ANNA, {}, 0)
    assert first.previous == ""
    give_back(store, first)
    second = take(store, ANNA, {}, 0)
    assert second.previous == first.lease.token
    give_back(store, second)
    give_back(store, take(store, BEN, {}, 0))
    assert take(store, ANNA, {}, 0).previous != second.lease.token


def test_whoever_holds_it_is_named(store: Memory) -> None:
    store.take(ANNA)
    with pytest.raises(Held) as held:
        store.take(BEN)
    assert description("goals-prod", held.value.seen, store.now) == (
        "The lock of goals-prod is held by anna@build-7, process 4711, since 2026-11-23T03:15:00Z "
        "(deploy.yml), until 2026-11-23T03:16:01Z unless it is renewed."
    )
    assert "-e lock_wait=SECONDS" in remedy(held.value.seen)


def test_of_many_one_gets_it(store: Memory) -> None:
    """Threads, each a run that wants the lock at the same moment."""
    store.take(replace(ANNA, lease_seconds=0))
    store.sleep(2)
    barrier = threading.Barrier(20)
    got: list[int] = []
    told: list[str] = []

    def want(number: int) -> None:
        barrier.wait()
        try:
            store.take(replace(BEN, pid=number))
            got.append(number)
        except Held as held:
            told.append(held.seen.lease.owner)

    threads = [threading.Thread(target=want, args=[number]) for number in range(1, 21)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    assert told == ["ben@laptop"] * 19


def test_what_is_not_renewed_is_taken_over_when_it_expires(store: Memory) -> None:
    dead = store.take(ANNA)
    began = store.clock()
    taken = store.take(BEN, wait=None)
    # Not before: the dates of S3 are whole seconds.
    assert store.clock() - began >= 61
    assert taken.lease.user == "ben"
    with pytest.raises(Conflict):
        renew(store, dead)
    with pytest.raises(Conflict):
        give_back(store, dead)
    assert store.seen().lease == taken.lease


def test_one_who_lives_is_not_waited_for_by_default(store: Memory) -> None:
    living = [store.take(ANNA)]
    began = store.clock()

    def sleep(seconds: float) -> None:
        store.sleep(seconds)
        if store.clock() - began == 15:
            living.append(renew(store, living[-1]))

    with pytest.raises(Held):
        take(store, BEN, {}, None, clock=store.clock, sleep=sleep)
    assert store.clock() - began == 15


def test_one_who_lives_is_waited_for_as_long_as_asked(store: Memory) -> None:
    living = [store.take(ANNA)]
    began = store.clock()

    def sleep(seconds: float) -> None:
        store.sleep(seconds)
        living.append(renew(store, living[-1]))
        if store.clock() - began == 200:
            give_back(store, living[-1])

    with pytest.raises(Held):
        take(store, BEN, {}, 100, clock=store.clock, sleep=sleep)
    assert store.clock() - began == 100
    assert take(store, BEN, {}, 600, clock=store.clock, sleep=sleep).lease.user == "ben"
    assert store.clock() - began == 200


def test_by_hand_it_is_held_for_its_hours(store: Memory) -> None:
    store.take(BY_HAND)
    store.sleep(7200)
    with pytest.raises(Held) as held:
        store.take(BEN, wait=None)
    # It was not waited for.
    assert store.seen().age == 7200
    assert "(maintenance: moving the database)" in description("goals-prod", held.value.seen, store.now)
    assert "Ask anna@build-7" in remedy(held.value.seen)
    store.sleep(2)
    assert store.take(BEN).lease.user == "ben"


def test_ones_own_is_freed_by_hand_and_anothers_by_force(store: Memory) -> None:
    store.take(BY_HAND)
    with pytest.raises(Held):
        free(store, "ben@laptop", "ben", force=False)
    assert free(store, "anna@home", "anna", force=False)
    assert free(store, "anna@home", "anna", force=False) is None
    store.take(BY_HAND)
    assert free(store, "ben@laptop", "ben", force=True)
    assert not store.seen().held


def test_nobody_gets_the_lock_before_a_run_that_it_was_taken_from_has_ended(store: Memory) -> None:
    running = store.take(ANNA)
    with pytest.raises(Held):
        free(store, "anna@home", "anna", force=False)
    store.sleep(10)
    free(store, "ben@laptop", "ben", force=True)
    # Once more takes nothing from that time.
    free(store, "ben@laptop", "ben", force=True)
    with pytest.raises(Conflict):
        renew(store, running)
    with pytest.raises(Held):
        store.take(BEN, wait=30)
    began = store.clock()
    assert "released by force by ben@laptop" in description("goals-prod", store.seen(), store.now)
    store.take(BEN, wait=None)
    # 45 s after it was last renewed the run has ended, whether it heard of it or not.
    assert 4 <= store.clock() - began <= 8


def test_it_is_taken_by_force(store: Memory) -> None:
    running = store.take(ANNA)
    store.take(BY_HAND, force=True)
    with pytest.raises(Conflict):
        renew(store, running)


# What keeps a lock while a run lives.


@pytest.fixture
def lost(store: Memory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let so many seconds pass, with all that is done in them; what the keeper says in the end."""
    monkeypatch.setattr(lock_renewal, "now", store.clock)
    # At once, and not beside: what is asked for is answered before the time passes on.
    monkeypatch.setattr(threading.Thread, "start", lambda thread: thread.run())
    monkeypatch.setattr(threading.Thread, "join", lambda *_: None)

    def passing(keeper: Keeper, seconds: int) -> str:
        for _ in range(seconds):
            store.sleep(1)
            if why := keeper.lost():
                return why
        return ""

    return passing


def test_it_is_renewed_four_times_in_a_lease(store: Memory, lost: Any) -> None:
    keeper = Keeper(store, "goals-prod", store.take(ANNA), store.clock())
    assert not lost(keeper, 600)
    assert store.seen().lease.renewals == 40
    keeper.free()
    assert not store.seen().held


def test_an_s3_that_does_not_answer_for_a_while_is_borne(store: Memory, lost: Any) -> None:
    keeper = Keeper(store, "goals-prod", store.take(ANNA), store.clock())
    store.reachable = False
    assert not lost(keeper, 38)
    store.reachable = True
    assert not lost(keeper, 600)


def test_a_run_that_cannot_renew_ends_before_another_may_begin(store: Memory, lost: Any) -> None:
    keeper = Keeper(store, "goals-prod", store.take(ANNA), store.clock())
    store.reachable = False
    began = store.clock()
    assert "could not be renewed (Could not connect" in lost(keeper, 60)
    assert store.clock() - began <= 45


def test_a_run_on_a_machine_that_slept_goes_on_if_nobody_took_the_lock(store: Memory, lost: Any) -> None:
    keeper = Keeper(store, "goals-prod", store.take(ANNA), store.clock())
    store.sleep(3600)
    assert not lost(keeper, 10)
    store.sleep(3600)
    store.take(BEN)
    assert "It has lost its lock. The lock of goals-prod is held by ben@laptop" in lost(keeper, 10)


def test_a_request_without_an_answer_does_not_keep_a_run_alive(
    store: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_renewal, "now", store.clock)
    answer = threading.Event()
    monkeypatch.setattr(lock_renewal, "renew", lambda *_: answer.wait())
    keeper = Keeper(store, "goals-prod", store.take(ANNA), store.clock())
    said = []
    for _ in range(45):
        store.sleep(1)
        said.append(keeper.lost())
    answer.set()
    assert "S3 did not answer" in said[-1]


@pytest.fixture
def sleeper() -> Any:
    """Another process, in the place of ansible-playbook."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_a_killed_controller_frees_nothing(store: Memory, sleeper: Any) -> None:
    keeper = Keeper(store, "goals-prod", store.take(ANNA), lock_renewal.now())
    controller = Controller(Process(sleeper.pid), "")
    sleeper.kill()
    keeping = threading.Thread(target=keep, args=(keeper, controller, threading.Event()), daemon=True)
    keeping.start()
    keeping.join(10)
    assert not keeping.is_alive()
    assert store.seen().held


def test_told_that_the_run_ends_it_frees_the_lock(store: Memory, sleeper: Any) -> None:
    keeper = Keeper(store, "goals-prod", store.take(ANNA), lock_renewal.now())
    told = threading.Event()
    told.set()
    keep(keeper, Controller(Process(sleeper.pid), ""), told)
    assert not store.seen().held


def test_a_run_without_its_lock_is_ended_and_told_why(store: Memory, sleeper: Any, tmp_path: Any) -> None:
    long_ago = lock_renewal.now() - 20
    keeper = Keeper(store, "goals-prod", store.take(ANNA), long_ago)
    free(store, "ben@laptop", "ben", force=True)
    terminal = tmp_path / "terminal"
    terminal.touch()
    keep(keeper, Controller(Process(sleeper.pid), str(terminal)), threading.Event())
    assert sleeper.wait() == -signal.SIGTERM
    assert "Slipway ends this run: It has lost its lock." in terminal.read_text()
    assert "released by force by ben@laptop" in terminal.read_text()


# The module, against moto.

BY = {"user": "anna", "host": "build-7", "pid": 4711, "purpose": "deploy.yml"}
PARAMS: dict[str, Any] = {"stack": "goals-prod", "by": BY, "wait": 0}


def test_the_whole_module(moto: None, capsys: pytest.CaptureFixture[str]) -> None:
    hand = {**PARAMS, "state": "held", "hours": 2, "message": "moving the database"}
    assert "is free" in run_module(module, capsys, **PARAMS)["msg"]
    assert "is free" in run_module(module, capsys, check_mode=True, **hand)["msg"]
    taken = run_module(module, capsys, **hand)
    assert taken["changed"]
    assert taken["lease"]["lease_seconds"] == 7200
    refused = run_module(module, capsys, **hand)
    assert refused["failed"]
    assert "Ask anna@build-7" in refused["msg"]
    planned = run_module(module, capsys, check_mode=True, **hand)
    assert "A run would have to wait" in str(planned["warnings"])
    assert run_module(module, capsys, state="free", **PARAMS)["changed"]
    assert not run_module(module, capsys, state="free", **PARAMS)["changed"]
    assert run_module(module, capsys, check_mode=True, state="absent", **PARAMS)["changed"]
    assert run_module(module, capsys, state="absent", **PARAMS)["changed"]
    assert not run_module(module, capsys, state="absent", **PARAMS)["changed"]


def test_a_run_s_lock_is_kept_by_a_process(
    moto: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, sleeper: Any
) -> None:
    kept: list[tuple[Keeper, Controller]] = []

    def start(keeper: Keeper, controller: Controller) -> int:
        kept.append((keeper, controller))
        return 99

    monkeypatch.setattr(lock_renewal, "start", start)
    by = {**BY, "pid": sleeper.pid}
    taken = run_module(module, capsys, **{**PARAMS, "by": by, "state": "held", "lease_seconds": 30})
    assert (taken["keeper"], taken["lease"]["pid"]) == (99, sleeper.pid)
    ((keeper, controller),) = kept
    assert controller.process.pid == sleeper.pid
    keeper.free()
    assert "is free" in run_module(module, capsys, **PARAMS)["msg"]
