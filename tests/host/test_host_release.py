"""The release of an application on a real Docker Engine behind a real Traefik: what changed, no more."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from typing import Any

from plugins.module_utils.host_plan import HealthCheck, Wanted
from plugins.module_utils.traefik import Proxy, Route
from tests.host.release_lab import TRAEFIK, Application, image, web


def test_check_mode_changes_nothing_and_misses_nothing(application: Application) -> None:
    wanted = replace(web(), image="slipway-test/never-pulled:1")
    outcome = application.release(wanted, check_mode=True)
    assert outcome.changed
    assert outcome.actions[0] == "pull slipway-test/never-pulled:1"
    assert f"start {application.name}-web-test-1" in outcome.actions
    assert application.engine.network(application.name) is None
    assert not list(application.directory.iterdir())


def test_what_is_seen_of_a_release_is_told_in_order(application: Application) -> None:
    application.release(web("0"))
    application.release(web("1"))
    seen = [each["detail"].partition(": ")[::2] for each in application.host.timeline]
    (new,) = application.containers()
    told = [what for about, what in seen if about == new]
    assert told[0] == "starts"
    assert told[-2:] == ["is healthy", "answers through the proxy"]
    (switched,) = [place for place, (about, _what) in enumerate(seen) if about == "routes"]
    assert seen.index((new, "answers through the proxy")) < switched
    assert [what for _about, what in seen[switched + 1 :]] == ["has no connection left"]


def test_an_unchanged_release_changes_nothing_and_is_fast(application: Application) -> None:
    first = application.release(web())
    before = application.containers()
    started = time.monotonic()
    again = application.release(web(), release="another-name")
    seconds = time.monotonic() - started
    assert first.changed
    assert not again.changed, again
    assert (again.actions, again.before, again.after) == ([], [], [])
    assert application.containers() == before
    assert seconds < 1
    assert application.get("/x") == {"version": "1", "path": "/x", "from": "web"}


#: What is changed, and the settings in which the old container then differs.
CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "image": ({"version": "2"}, "environment.VERSION, image"),
    "environment": ({"environment": {"COLOUR": "red"}}, "environment.COLOUR"),
    "memory": ({"memory": 80}, "memory"),
    "cpu": ({"cpu": 512}, "cpus"),
    "command": ({"command": ["node", "/app/app.js"]}, "command"),
    "user": ({"user": "1001"}, "user"),
    "root file system": ({"read_only": False}, "read_only"),
    "memory file system": ({"tmpfs": ["/scratch"]}, "tmpfs"),
    "capability": ({"capabilities": ["CHOWN"]}, "capabilities"),
    "hosts": ({"extra_hosts": {"away": "192.0.2.1"}}, "extra_hosts"),
    "stop timeout": ({"stop_timeout": 4}, "stop_timeout"),
    "port": ({"port": 8001, "environment": {"PORT": "8001"}}, "environment.PORT, labels.slipway.port"),
}


def test_every_change_is_released_and_alone(application: Application) -> None:
    other = web(service="other")
    changes: dict[str, Any] = {}
    application.release(web(), other)
    untouched = application.containers("other")
    for what, (change, settings) in CHANGES.items():
        before = application.container()["Name"].lstrip("/")
        changes = {
            **changes,
            **change,
            "environment": {**changes.get("environment", {}), **change.get("environment", {})},
        }
        announced = application.release(web(**changes), other, check_mode=True)
        outcome = application.release(web(**changes), other)
        assert outcome.services["web"]["reasons"] == [f"{before} differs in {settings}"], what
        assert not outcome.services["other"]["changed"], what
        assert (announced.actions, announced.before, announced.after) == (
            outcome.actions,
            outcome.before,
            outcome.after,
        ), what
        assert len(application.containers("web")) == 1, what
    assert application.containers("other") == untouched
    assert application.get()["version"] == "2"
    assert not application.release(web(**changes), other).changed


def test_a_variable_that_left_the_description_leaves_the_container(application: Application) -> None:
    application.release(web(environment={"FROM_IMAGE": "no", "GONE": "soon"}))
    outcome = application.release(web())
    assert outcome.services["web"]["reasons"] == [
        f"{application.name}-web-test-1 differs in environment.FROM_IMAGE, environment.GONE"
    ]
    environment = application.container()["Config"]["Env"]
    assert "FROM_IMAGE=yes" in environment
    assert not any(entry.startswith("GONE") for entry in environment)


def test_a_changed_secret_is_released_and_not_shown(application: Application) -> None:
    application.release(web(), secrets={"web": {"TOKEN": "the-first-token"}})
    outcome = application.release(web(), secrets={"web": {"TOKEN": "the-second-token"}})
    assert "TOKEN=the-second-token" in application.container()["Config"]["Env"]
    assert "web.environment.TOKEN: (secret)" in outcome.before
    assert "web.environment.TOKEN: (secret, changed)" in outcome.after
    assert "token" not in repr(outcome)
    removed = application.release(web())
    assert "web.environment.TOKEN: (secret)" in removed.before
    assert "token" not in repr(removed)


def test_routes_change_without_a_new_container(application: Application) -> None:
    application.release(web(), web(service="other"))
    before = application.containers()
    routes = [Route("web", ["/*"], priority=20), Route("other", ["/new/*", "/exact"], priority=10)]
    outcome = application.release(web(), web(service="other"), routes=routes)
    assert outcome.actions == ["switch the routes"]
    assert application.containers() == before
    answers = {path: application.get(path)["from"] for path in ("/new/x", "/exact", "/exact/not", "/other/x")}
    assert answers == {"/new/x": "other", "/exact": "other", "/exact/not": "web", "/other/x": "web"}


def test_the_health_of_each_service_is_told_on_the_normal_port(application: Application) -> None:
    application.release(web(), web(service="other"))
    assert application.get("/-/health/other") == {"version": "1", "path": "/health", "from": "other"}


def test_a_service_that_left_the_description_is_removed(application: Application) -> None:
    application.release(web(), web(service="other"))
    outcome = application.release(web())
    assert outcome.services["other"]["reasons"] == ["other is not in the description"]
    assert application.containers("other") == {}
    assert application.get("/other/x")["from"] == "web"


def test_replicas_grow_and_shrink_one_by_one(application: Application) -> None:
    application.release(web())
    (first,) = application.containers("web")
    grown = application.release(web(replicas=3))
    assert len(application.containers("web")) == 3
    assert [action for action in grown.actions if action.startswith("remove")] == []
    application.release(web(replicas=1))
    assert list(application.containers("web")) == [first]


def test_a_container_that_ended_is_replaced(application: Application) -> None:
    application.release(web())
    application.engine.stop_container(application.container()["Id"], 0)
    assert application.release(web(), check_mode=True).changed
    outcome = application.release(web())
    assert "does not run" in outcome.services["web"]["reasons"][0]
    assert application.get()["version"] == "1"


def test_a_container_that_fell_ill_is_replaced(application: Application) -> None:
    application.release(web())
    application.get("/sicken")
    outcome = application.release(web())
    assert "fails its health check (HTTP 503 the database is away)" in outcome.services["web"]["reasons"][0]
    assert application.get("/-/health/web")["version"] == "1"


def test_a_restarted_container_is_found_at_its_new_address(application: Application) -> None:
    application.release(web(), web(service="other"))
    addresses = {}
    for service in ("web", "other"):
        identifier = application.container(service)["Id"]
        application.engine.stop_container(identifier, 1)
        addresses[service] = identifier
    for service in ("other", "web"):
        application.engine.start_container(addresses[service])
    time.sleep(1)
    assert application.get()["from"] == "web"
    assert application.get("/other/x")["from"] == "other"


def test_a_command_shows_the_health_of_what_does_not_speak_http(application: Application) -> None:
    check = HealthCheck(command=["node", "-e", "process.exit(0)"], interval=0.5, timeout=5, start_period=5)
    application.release(web(health_check=check))
    assert application.container()["State"]["Health"]["Status"] == "healthy"
    assert not application.release(web(health_check=check)).changed


def test_a_service_without_any_check_counts_as_ready_when_it_keeps_running(application: Application) -> None:
    application.release(web(health_check=None))
    assert application.get()["version"] == "1"


def test_the_proxy_is_replaced_when_its_settings_change(application: Application) -> None:
    application.release(web())
    proxy = Proxy(TRAEFIK, application.port, trusted_ips=["192.0.2.0/24"])
    outcome = application.release(web(), proxy=proxy)
    assert outcome.actions == [f"replace {application.name}-proxy"]
    assert "trustedips=192.0.2.0/24" in "".join(outcome.after)
    assert application.get()["version"] == "1"
    assert not application.release(web(), proxy=proxy).changed


def test_a_container_is_hardened(application: Application) -> None:
    application.release(web(cpu=256))
    host = application.container()["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert host["ReadonlyRootfs"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (96 * 1024 * 1024, 250_000_000, 512)
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
    assert host["Init"]


def test_old_images_are_removed_but_for_the_newest(application: Application) -> None:
    repository = f"{application.name}/app"
    names = {number: f"{repository}:{number}" for number in "1234"}
    # Of no other test, whose containers would have one of them in use.
    built = [image(f"{number}-{application.name}") for number in names]
    for source, name in zip(built, names.values(), strict=True):
        subprocess.run(["docker", "tag", source, name], check=True)
    outcome = application.release(replace(web(), image=names["1"]), keep_images=2)
    left = [name for name in names.values() if application.engine.image(name)]
    removed = {f"remove image {name}" for name in names.values() if name not in left}
    assert set(outcome.actions[-2:]) == removed
    assert len(left) == 2
    assert names["1"] in left
    application.absent()
    for name in [*left, *built]:
        application.engine.remove_image(name)


def test_absent_removes_everything_but_the_data(application: Application) -> None:
    data = web(volumes=[{"name": "data", "path": "/data"}], singleton=True)
    application.release(data)
    assert application.absent(volumes=False, check_mode=True).changed
    assert application.containers()
    outcome = application.absent(volumes=False)
    assert outcome.changed
    assert application.engine.containers(f"slipway.app={application.name}") == []
    assert application.engine.network(application.name) is None
    assert application.engine.volume(f"{application.name}-data")
    assert list(application.directory.iterdir()) == []
    application.absent()
    assert application.engine.volume(f"{application.name}-data") is None
    assert not application.absent().changed


def test_without_a_proxy_the_port_is_published_and_the_old_one_stops_first(application: Application) -> None:
    def wanted(version: str) -> Wanted:
        return web(version, publish=[{"address": "127.0.0.1", "port": application.port}])

    application.release(wanted("1"), proxy=None, routes=[])
    assert application.get()["version"] == "1"
    application.release(wanted("2"), proxy=None, routes=[])
    assert application.get()["version"] == "2"
    assert not application.release(wanted("2"), proxy=None, routes=[]).changed
