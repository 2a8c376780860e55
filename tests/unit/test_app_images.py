"""What is built, copied and pushed, decided with an Engine that only remembers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from plugins.module_utils.app_images import AT_ONCE, Image, Settings, carry_out, difference, hidden, plan
from plugins.module_utils.faults import Faults
from plugins.module_utils.own_engine import EngineError, registry_host

SHA = "sha256:" + "a" * 64


class Remembering:
    """An Engine whose registries are a mapping."""

    def __init__(self, registry: Mapping[str, str] | None = None) -> None:
        self.registry = dict(registry or {})
        self.images: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, ...]] = []
        self.asked: list[str] = []
        self.refuse: dict[str, str] = {}

    def _note(self, *call: str) -> None:
        self.calls.append(call)
        if call[0] in self.refuse:
            raise EngineError(self.refuse[call[0]])

    def digest(self, reference: str) -> str | None:
        self.asked.append(reference)
        if "digest" in self.refuse:
            raise EngineError(self.refuse["digest"])
        return self.registry.get(reference)

    def local(self, reference: str) -> Mapping[str, Any] | None:
        self.asked.append(reference)
        return self.images.get(reference)

    def build(
        self, archive: IO[bytes], options: Sequence[str], build_args: Mapping[str, str], timeout: int
    ) -> None:
        self._note("build", *options)

    def pull(self, reference: str, platform: str | None) -> None:
        self._note("pull", reference)

    def push(self, source: str, repository: str, tag: str) -> None:
        self._note("push", source, f"{repository}:{tag}")
        self.registry[f"{repository}:{tag}"] = SHA


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "Dockerfile").write_text("FROM scratch\n")
    return Settings("pull.example", "push.example", {"api": "goals/api", "db": "goals/db"}, tmp_path)


API = {"api": {"build": {"context": "api", "dockerfile": "Dockerfile", "target": "prod", "args": {}}}}
DB = {"db": {"image": "mongo:8.0"}}


def changed(settings: Settings, **changes: Any) -> Settings:
    return Settings(**{**vars(settings), **changes})


def test_what_the_registry_lacks_is_built_and_pushed_once(settings: Settings) -> None:
    engine = Remembering()
    planned = plan(API, settings, engine)
    assert [image.missing for image in planned] == [True]
    (done,) = carry_out(planned, settings, engine)
    assert done.reference == f"pull.example/goals/api@{SHA}"
    assert done.result(True) == {
        "image": done.reference,
        "tag": done.tag,
        "digest": SHA,
        "built": True,
        "pushed": True,
    }
    assert [call[0] for call in engine.calls] == ["build", "push"]
    assert "--target" in engine.calls[0]
    assert engine.calls[1] == (
        "push",
        f"push.example/goals/api:{done.tag}",
        f"push.example/goals/api:{done.tag}",
    )

    again = plan(API, settings, engine)
    assert carry_out(again, settings, engine) == again
    assert len(engine.calls) == 2


def test_nothing_is_pushed_before_everything_is_built(settings: Settings) -> None:
    (settings.project_dir / "web").mkdir()
    (settings.project_dir / "web" / "Dockerfile").write_text("FROM scratch\n")
    both = {**API, "web": {"build": {"context": "web", "dockerfile": "Dockerfile", "args": {}}}}
    settings = changed(settings, repositories={"api": "a", "web": "w"})
    engine = Remembering()
    carry_out(plan(both, settings, engine), settings, engine)
    assert [call[0] for call in engine.calls] == ["build", "build", "push", "push"]


def test_a_failed_build_shows_its_last_lines_without_arguments(settings: Settings) -> None:
    engine = Remembering()
    engine.refuse["build"] = "\n".join([*(f"line {n}" for n in range(50)), "token s3cret-token refused"])
    build = {"api": {"build": {**API["api"]["build"], "args": {"TOKEN": "s3cret-token"}}}}
    with pytest.raises(Faults) as raised:
        carry_out(plan(build, settings, engine), settings, engine)
    (fault,) = raised.value.faults
    assert "s3cret" not in fault.problem
    assert "line 49" in fault.problem
    assert "line 30\n" not in fault.problem
    assert fault.key == "api.build"
    assert [call[0] for call in engine.calls] == ["build"]


def test_a_registry_that_does_not_answer_is_named_once(settings: Settings) -> None:
    engine = Remembering()
    engine.refuse["digest"] = "dial tcp: connection refused"
    with pytest.raises(Faults) as raised:
        plan({**API, **DB}, changed(settings, mirror=True, registry_push="r.example"), engine)
    assert {fault.where for fault in raised.value.faults} == {"registry r.example", "registry docker.io"}
    assert all("connection refused" in fault.problem for fault in raised.value.faults)


def test_all_faults_of_the_plan_come_together(settings: Settings) -> None:
    gone = {"api": {"build": {"context": "gone", "dockerfile": "Dockerfile", "args": {}}}}
    with pytest.raises(Faults) as raised:
        plan({**gone, **DB}, settings, Remembering())
    assert [fault.key for fault in raised.value.faults] == ["api.build", "db.image"]


def test_an_image_of_many_services_is_not_asked_for_by_each(settings: Settings) -> None:
    names = [f"s{number}" for number in range(100)]
    engine = Remembering({"mongo:8.0": SHA})
    many = changed(settings, repositories=dict.fromkeys(names, "shop"), mirror=True)
    planned = plan({name: {"image": "mongo:8.0"} for name in names}, many, engine)
    assert [image.service for image in planned] == sorted(names)
    assert len(engine.asked) <= 3 * AT_ONCE


def test_a_push_that_another_run_has_done_counts(settings: Settings) -> None:
    engine = Remembering()
    planned = plan(API, settings, engine)
    engine.refuse["push"] = "tag is immutable"
    engine.registry[f"push.example/goals/api:{planned[0].tag}"] = SHA
    assert carry_out(planned, settings, engine)[0].digest == SHA


def test_a_refused_push_says_what_the_registry_said(settings: Settings) -> None:
    engine = Remembering()
    engine.refuse["push"] = "denied: no rights"
    with pytest.raises(Faults, match="denied: no rights"):
        carry_out(plan(API, settings, engine), settings, engine)


def test_sources_that_change_during_the_build_are_refused(settings: Settings) -> None:
    engine = Remembering()
    planned = plan(API, settings, engine)
    (settings.project_dir / "api" / "late").write_text("x")
    with pytest.raises(Faults, match="changed while"):
        carry_out(planned, settings, engine)
    assert engine.calls == []


class TestNamed:
    """Images that are given by name."""

    def test_resolved_where_they_are(self, settings: Settings) -> None:
        (image,) = plan(DB, settings, Remembering({"mongo:8.0": SHA}))
        assert image.reference == f"mongo@{SHA}"
        assert not image.missing

    def test_one_by_digest_is_taken_as_it_is(self, settings: Settings) -> None:
        (image,) = plan({"db": {"image": f"mongo@{SHA}"}}, settings, Remembering())
        assert image.reference == f"mongo@{SHA}"

    def test_the_local_one_s_digest_is_enough_unless_newer_ones_are_asked_for(
        self, settings: Settings
    ) -> None:
        engine = Remembering({"mongo:8.0": "sha256:new"})
        engine.images["mongo:8.0"] = {"Id": "sha256:id", "RepoDigests": ["other@sha256:x", f"mongo@{SHA}"]}
        assert plan(DB, settings, engine)[0].digest == SHA
        assert plan(DB, changed(settings, pull=True), engine)[0].digest == "sha256:new"

    def test_a_local_one_is_copied(self, settings: Settings) -> None:
        engine = Remembering()
        engine.images["mongo:8.0"] = {"Id": "sha256:id", "RepoDigests": []}
        settings = changed(settings, mirror=True)
        planned = plan(DB, settings, engine)
        (done,) = carry_out(planned, settings, engine)
        assert done.reference == f"pull.example/goals/db@{SHA}"
        assert done.tag.startswith("8.0-")
        assert engine.calls == [("push", "mongo:8.0", f"push.example/goals/db:{done.tag}")]
        assert done.result(True)["built"] is False
        assert not plan(DB, settings, engine)[0].missing

    def test_one_of_a_registry_is_fetched_and_copied(self, settings: Settings) -> None:
        engine = Remembering({"mongo:8.0": SHA})
        settings = changed(settings, mirror=True)
        carry_out(plan(DB, settings, engine), settings, engine)
        assert [call[:2] for call in engine.calls] == [("pull", f"mongo@{SHA}"), ("push", f"mongo@{SHA}")]

    def test_a_moved_tag_is_another_copy(self, settings: Settings) -> None:
        settings = changed(settings, mirror=True)
        one = plan(DB, settings, Remembering({"mongo:8.0": "sha256:1"}))[0].tag
        two = plan(DB, settings, Remembering({"mongo:8.0": "sha256:2"}))[0].tag
        assert one != two


def test_the_difference_lists_what_comes() -> None:
    images = [Image("api", "r/api", "1", digest=SHA), Image("web", "r/web", "2")]
    assert difference(images) == {"before": "api: r/api:1\n", "after": "api: r/api:1\nweb: r/web:2\n"}


def test_short_words_stay_readable() -> None:
    assert hidden("step 1 of abcd", {"A": "1", "B": "abcd"}) == "step 1 of ********"


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("mongo", "docker.io"),
        ("team/app:1", "docker.io"),
        ("localhost/app", "localhost"),
        ("r.example/app", "r.example"),
        ("r:5000/app", "r:5000"),
    ],
)
def test_registry_host(name: str, host: str) -> None:
    assert registry_host(name) == host
