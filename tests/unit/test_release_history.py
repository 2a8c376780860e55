"""The history of releases: what begins one, what a rollback goes to, what is told of it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from plugins.module_utils.release_history import (
    Begun,
    History,
    ReleaseNotFound,
    changed_settings,
    comparison,
    history_line,
    release_document,
    summary,
)

Json = dict[str, Any]
FACTS: Json = {
    "application": "goals",
    "environment": "prod",
    "target": "ec2",
    "kind": "release",
    "actor": {"user": "ada", "host": "desk"},
    "git": {"revision": "3f2a9c1d7e55a0b1", "dirty": True},
}


@dataclass(frozen=True)
class Kept:
    """An object of the store."""

    body: Json


@dataclass
class Memory:
    """A store that forgets nothing, and says how often it was read."""

    objects: dict[str, Json] = field(default_factory=dict)
    reads: int = 0

    def read(self, key: str) -> Kept | None:
        self.reads += 1
        return Kept(copy.deepcopy(self.objects[key])) if key in self.objects else None

    def put(self, key: str, body: Json) -> None:
        self.objects[key] = copy.deepcopy(body)

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))


def document(digest: str = "a", **service: Any) -> Json:
    services = {"api": {"image": "shop/api:1", "port": 80, "health_check": {"path": "/"}, **service}}
    return release_document(
        services,
        {"api": {"image": f"shop/api@sha256:{digest}", "tag": digest}},
        {"secretsmanager:db": "1"},
        {},
        database="none",
        database_service_name="mongodb",
        database_service={},
    )


@dataclass
class Environment:
    """Releases one after another, each an hour later."""

    store: Memory = field(default_factory=Memory)
    now: datetime = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)

    def history(self) -> History:
        self.now += timedelta(hours=1)
        return History(self.store, self.now)

    def begin(self, digest: str = "a", **facts: Any) -> Begun:
        return self.history().begin({**FACTS, **facts}, document(digest))

    def release(self, digest: str, result: str = "good", **facts: Any) -> str:
        begun = self.begin(digest, **facts)
        self.history().end(begun.record, {"result": result})
        return str(begun.record["id"])


@pytest.fixture
def environment() -> Environment:
    return Environment()


def test_a_release_is_recorded_before_anything_moves(environment: Environment) -> None:
    begun = environment.begin()
    assert begun.recorded
    assert begun.record["base"] == ""
    (stored,) = environment.store.objects.values()
    assert stored["result"] == "running"
    assert stored["id"].startswith("20261123-040000-")


def test_the_same_again_is_no_release(environment: Environment) -> None:
    base = environment.release("a")
    begun = environment.begin("a")
    assert not begun.recorded
    assert begun.record["base"] == base
    assert begun.base == document("a")
    assert len(environment.store.objects) == 1


def test_nothing_where_there_was_nothing_is_no_release() -> None:
    begun = comparison([], FACTS, {})
    assert not begun.recorded
    assert begun.record["changed"] == []


def test_after_a_failure_the_same_again_is_a_release(environment: Environment) -> None:
    base = environment.release("a")
    environment.release("b", "failed")
    begun = environment.begin("a")
    assert begun.recorded
    assert begun.record["base"] == base
    assert begun.record["changed"] == []


def test_a_run_that_died_is_seen_once(environment: Environment) -> None:
    base = environment.release("a")
    died = environment.begin("b").record["id"]
    begun = environment.begin("b")
    assert begun.unfinished == [died]
    assert begun.record["base"] == base
    assert environment.store.objects[f"releases/{died}.json"]["result"] == "interrupted"
    environment.history().end(begun.record, {"result": "good"})
    assert environment.begin("c").unfinished == []


def test_check_mode_writes_nothing(environment: Environment) -> None:
    environment.begin("a")
    before = copy.deepcopy(environment.store.objects)
    begun = environment.history().begin(FACTS, document("b"), check_mode=True)
    assert begun.recorded
    assert len(begun.unfinished) == 1
    assert environment.store.objects == before


def test_a_long_history_costs_no_more(environment: Environment) -> None:
    for number in range(9):
        environment.release(str(number))
    environment.store.reads = 0
    environment.begin("new")
    assert environment.store.reads == 1


def test_what_is_known_of_the_releases_before_is_not_read_again(environment: Environment) -> None:
    base = environment.release("a")
    died = environment.begin("b").record["id"]
    last = environment.history().last()
    assert [record["id"] for record in last] == [died, base]
    environment.store.reads = 0
    begun = environment.history().begin(FACTS, document("b"), last)
    assert environment.store.reads == 0
    assert (begun.record["base"], begun.unfinished, begun.recorded) == (base, [died], True)
    assert environment.store.objects[f"releases/{died}.json"]["result"] == "interrupted"


def test_the_end_is_added_to_the_beginning(environment: Environment) -> None:
    begun = environment.begin()
    ended = environment.history().end(begun.record, {"result": "failed", "returned": True})
    assert (ended["seconds"], ended["ended"]) == (3600, "2026-11-23T05:00:00+00:00")
    assert environment.history().get(begun.record["id"]) == ended


def test_a_rollback_goes_to_the_good_release_before(environment: Environment) -> None:
    first = environment.release("a")
    environment.release("b", "failed")
    environment.release("c")
    assert environment.history().before()["id"] == first


def test_a_rollback_after_a_rollback_goes_further_back(environment: Environment) -> None:
    oldest = environment.release("a")
    middle = environment.release("b")
    environment.release("c")
    environment.release("b", kind="rollback", of=middle)
    assert environment.history().before()["id"] == oldest


def test_a_rollback_passes_over_what_is_the_same(environment: Environment) -> None:
    first = environment.release("a")
    environment.release("b")
    again = environment.begin("b")
    environment.history().end(again.record, {"result": "good"})
    assert environment.history().before()["id"] == first


@pytest.mark.parametrize("releases", [[], ["a"]])
def test_there_may_be_nothing_to_go_back_to(environment: Environment, releases: list[str]) -> None:
    for digest in releases:
        environment.release(digest)
    with pytest.raises(ReleaseNotFound):
        environment.history().before()


def test_a_release_that_is_not_there(environment: Environment) -> None:
    with pytest.raises(ReleaseNotFound, match=r"no release 'x'.*history\.yml"):
        environment.history().get("x")


MIGRATE: Json = {"name": "migrate", "command": ["node", "migrate.js"], "before_release": True}


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({}, False),
        ({"replicas": 3}, False),
        ({"tasks": [{**MIGRATE, "command": ["node", "other.js"]}]}, True),
        ({"environment": {"LEVEL": "debug"}}, True),
    ],
)
def test_a_gate_that_has_passed_is_not_run_again(environment: Environment, change: Json, again: bool) -> None:
    described = document("a", tasks=[MIGRATE, {**MIGRATE, "name": "by-hand", "before_release": False}])
    (gate,) = environment.history().begin(FACTS, described).gates
    assert (gate["service"], gate["name"], gate["timeout"]) == ("api", "migrate", 600)
    environment.history().passed(gate)
    later = environment.history().begin(FACTS, document("a", **{"tasks": [MIGRATE], **change}))
    assert bool(later.gates) == again


@pytest.mark.parametrize(
    "change", [{"images": {"api": {"image": "b"}}}, {"secret_versions": {"ssm:db": "2"}}]
)
def test_a_gate_is_run_again_on_another_image_or_secret(environment: Environment, change: Json) -> None:
    described = document("a", tasks=[MIGRATE], secrets={"URL": "ssm:db"})
    (gate,) = environment.history().begin(FACTS, described).gates
    environment.history().passed(gate)
    assert environment.history().begin(FACTS, described).gates == []
    assert environment.history().begin(FACTS, {**described, **change}).gates


def test_what_changed_is_named_by_its_key_and_without_a_value() -> None:
    before = document("a", environment={"LEVEL": "info", "OLD": "1"})
    after = document("b", environment={"LEVEL": "debug"}, replicas=2)
    after["secret_versions"] = {"secretsmanager:db": "2"}
    assert changed_settings(before, after) == [
        "api.environment.LEVEL",
        "api.environment.OLD",
        "api.image",
        "api.replicas",
        "secret secretsmanager:db",
    ]


def test_a_service_that_comes_or_goes_is_named_as_a_whole() -> None:
    assert changed_settings({}, document()) == ["api", "secret secretsmanager:db"]
    more = {**document(), "app_services": {**document()["app_services"], "web": {"image": "shop/web:1"}}}
    assert changed_settings(document(), more) == changed_settings(more, document()) == ["web"]


def test_where_a_definition_is_registered_changes_nothing() -> None:
    assert changed_settings(document(), {**document(), "task_definitions": {"api": "arn:2"}}) == []


def test_a_line_of_the_history_says_who_what_and_how(environment: Environment) -> None:
    release = environment.release("a", "failed", kind="rollback", of="20261120-010101-abcdef")
    line = history_line(summary(environment.history().get(release)))
    assert line == (
        f"{release}  failed in 3600 s  rollback to 20261120-010101-abcdef of 3f2a9c1d7e55 with changes "
        "by ada on desk: " + ", ".join(environment.store.objects[f"releases/{release}.json"]["changed"])
    )
