"""What a host's containers are compared by, and what follows from a difference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from plugins.module_utils import host_diff
from plugins.module_utils.host_plan import (
    Found,
    HealthCheck,
    Json,
    Kernel,
    Scene,
    Wanted,
    actual_view,
    candidate,
    candidate_names,
    differences,
    plan_removal,
    plan_service,
    render,
    wanted_view,
)

IMAGE: Json = {
    "Id": "sha256:one",
    "Config": {
        "Env": ["PATH=/bin", "FROM_IMAGE=yes"],
        "Cmd": ["serve"],
        "Labels": {"maker": "us"},
        "User": "7",
    },
}
WANTED = Wanted(
    "web",
    "registry.example/web@sha256:abc",
    port=8000,
    memory=64,
    cpu=512,
    environment={"COLOUR": "red"},
    health_check=HealthCheck(path="/health"),
    capabilities=["CHOWN"],
    tmpfs=["/scratch"],
    volumes=[{"name": "data", "path": "/data"}],
    extra_hosts={"db": "192.0.2.1"},
)
SCENE = Scene("shop", "r1", Kernel(), [], lambda wanted, container: "")


def as_engine(payload: Json, image: Json = IMAGE, name: str = "shop-web-r1-1") -> Found:
    """Return what `inspect` says of a container made of a payload, as Docker Engine 20.10 does."""
    config = image["Config"]
    endpoint = payload["NetworkingConfig"]["EndpointsConfig"]["shop"]
    own = {entry.split("=")[0] for entry in payload["Env"]}
    inspect: dict[str, Any] = {
        "Id": f"{name}-0123456789abcdef",
        "Name": f"/{name}",
        "Image": image["Id"],
        "State": {"Running": True, "Pid": 1},
        "Config": {
            "Image": payload["Image"],
            "Env": payload["Env"] + [entry for entry in config["Env"] if entry.split("=")[0] not in own],
            "Cmd": payload.get("Cmd") or config["Cmd"],
            "User": payload.get("User") or config["User"],
            "Labels": {**config["Labels"], **payload["Labels"]},
            "Healthcheck": payload.get("Healthcheck"),
            "StopTimeout": payload["StopTimeout"],
        },
        "HostConfig": {**payload["HostConfig"], "OomKillDisable": False, "Ulimits": []},
        "NetworkSettings": {"Networks": {"shop": {"Aliases": [*endpoint["Aliases"], f"{name}-01234"]}}},
    }
    return Found(inspect, config)


def payload_of(wanted: Wanted, **secrets: str) -> Json:
    return render("shop", "r1", wanted, secrets, Kernel())


def test_what_was_made_as_described_shows_no_difference() -> None:
    payload = payload_of(WANTED, TOKEN="value")
    plan = plan_service(SCENE, WANTED, {"TOKEN": "value"}, IMAGE, [as_engine(payload)])
    assert not plan.changed, plan.reasons


def test_the_engines_own_additions_are_no_difference() -> None:
    container = as_engine(payload_of(WANTED))
    host = container.inspect["HostConfig"]
    host["CapDrop"], host["CapAdd"] = ["CAP_ALL"], ["CAP_CHOWN"]
    host["SecurityOpt"] = ["no-new-privileges:true"]
    host["LogConfig"] = {"Type": "json-file", "Config": {**host["LogConfig"]["Config"], "compress": "true"}}
    assert not plan_service(SCENE, WANTED, {}, IMAGE, [container]).changed


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"image": "registry.example/web@sha256:new"}, "image"),
        ({"command": ["other"]}, "command"),
        ({"environment": {"COLOUR": "blue"}}, "environment.COLOUR"),
        ({"environment": {}}, "environment.COLOUR"),
        ({"environment": {"COLOUR": "red", "FROM_IMAGE": "no"}}, "environment.FROM_IMAGE"),
        ({"user": "8"}, "user"),
        ({"read_only": False}, "read_only"),
        ({"tmpfs": []}, "tmpfs"),
        ({"capabilities": []}, "capabilities"),
        ({"cpu": 1024}, "cpus"),
        ({"memory": 65}, "memory"),
        ({"pids_limit": 5}, "pids_limit"),
        ({"port": 9}, "labels.slipway.port"),
        ({"health_check": HealthCheck(command=["true"])}, "health_check"),
        ({"volumes": []}, "volumes"),
        ({"volumes": [{"name": "data", "path": "/data", "read_only": True}]}, "volumes"),
        ({"volumes": [{"source": "shop-data", "path": "/data"}]}, "volumes"),
        ({"stop_timeout": 1}, "stop_timeout"),
        ({"extra_hosts": {}}, "extra_hosts"),
        ({"publish": [{"address": "192.0.2.9", "port": 1}]}, "publish"),
        ({"init": False}, "init"),
    ],
)
def test_every_setting_is_compared(changes: dict[str, Any], setting: str) -> None:
    wanted = replace(WANTED, **changes)
    image = {**IMAGE, "Id": "sha256:two"} if "image" in changes else IMAGE
    plan = plan_service(SCENE, wanted, {}, image, [as_engine(payload_of(WANTED))])
    assert plan.reasons == [f"shop-web-r1-1 differs in {setting}"]
    assert (len(plan.create), len(plan.retire), plan.keep) == (1, 1, [])


def test_a_starting_container_is_asked_often_and_an_engine_that_cannot_is_no_difference() -> None:
    payload = payload_of(replace(WANTED, health_check=HealthCheck(command=["true"], interval=30)))
    assert payload["Healthcheck"]["StartInterval"] == 1_000_000_000
    understood = {key: value for key, value in payload["Healthcheck"].items() if key != "StartInterval"}
    found = as_engine({**payload, "Healthcheck": understood})
    assert actual_view(found, "shop") == wanted_view(payload, IMAGE["Config"], "shop")


def test_a_label_that_left_is_seen_and_the_release_is_not_compared() -> None:
    container = as_engine(payload_of(WANTED))
    container.inspect["Config"]["Labels"]["slipway.release"] = "another"
    assert not plan_service(SCENE, WANTED, {}, IMAGE, [container]).changed
    container.inspect["Config"]["Labels"]["left"] = "over"
    assert "labels.left" in plan_service(SCENE, WANTED, {}, IMAGE, [container]).reasons[0]


def test_the_same_image_under_another_name_is_no_difference() -> None:
    wanted = replace(WANTED, image="mirror.example/web@sha256:abc")
    assert not plan_service(SCENE, wanted, {}, IMAGE, [as_engine(payload_of(WANTED))]).changed


def test_an_image_not_pulled_yet_shows_only_what_the_description_changes() -> None:
    wanted = replace(WANTED, image="registry.example/web@sha256:new")
    plan = plan_service(SCENE, wanted, {}, None, [as_engine(payload_of(WANTED))])
    assert differences(plan.before, plan.after) == ["image"]


def test_a_candidate_is_never_as_described() -> None:
    container = as_engine(candidate(payload_of(WANTED)))
    assert plan_service(SCENE, WANTED, {}, IMAGE, [container]).reasons == ["shop-web-r1-1 differs in restart"]


def test_limits_that_the_kernel_cannot_keep_are_not_asked_for() -> None:
    kernel = Kernel.of({"SwapLimit": False, "PidsLimit": False})
    host = render("shop", "r1", WANTED, {}, kernel)["HostConfig"]
    assert host["MemorySwap"] == -1
    assert "PidsLimit" not in host


def test_replicas_are_made_and_ended_singly() -> None:
    found = [as_engine(payload_of(WANTED), name=f"shop-web-r1-{number}") for number in (1, 2)]
    scene = replace(SCENE, taken=[one.name for one in found])
    grow = plan_service(scene, replace(WANTED, replicas=3), {}, IMAGE, found)
    assert (grow.create, grow.retire) == (["shop-web-r1-3"], [])
    shrink = plan_service(scene, WANTED, {}, IMAGE, found)
    assert ([one.name for one in shrink.retire], shrink.create) == (["shop-web-r1-2"], [])


def test_one_that_fell_ill_is_replaced() -> None:
    scene = replace(SCENE, sickness=lambda wanted, container: "is unhealthy")
    plan = plan_service(scene, WANTED, {}, IMAGE, [as_engine(payload_of(WANTED))])
    assert plan.reasons == ["shop-web-r1-1 is unhealthy"]
    assert (len(plan.retire), len(plan.create)) == (1, 1)


def test_names_are_free_and_short_enough_for_dns() -> None:
    assert candidate_names("shop", "web", "R 1/x", 2, ["shop-web-r-1-x-1"]) == [
        "shop-web-r-1-x-2",
        "shop-web-r-1-x-3",
    ]
    assert len(candidate_names("shop", "web", "r" * 99, 1, [])[0]) <= 63


def lines(before: list[str], after: list[str]) -> tuple[set[str], set[str]]:
    return set(before) - set(after), set(after) - set(before)


def test_the_diff_shows_that_a_secret_changed_and_not_what_to() -> None:
    container = as_engine(payload_of(WANTED, TOKEN="first", KEPT="kept"))
    plan = plan_service(SCENE, WANTED, {"TOKEN": "second", "KEPT": "kept"}, IMAGE, [container])
    before, after = host_diff.service_lines(plan)
    assert lines(before, after) == (
        {"web.environment.TOKEN: (secret)"},
        {"web.environment.TOKEN: (secret, changed)"},
    )
    assert "web.environment.KEPT: (secret)" in after
    assert not {"first", "second", "kept"} & set(" ".join([*before, *after]).split())


def test_a_secret_stays_hidden_when_it_leaves_or_its_service_does() -> None:
    container = as_engine(payload_of(WANTED, TOKEN="first"))
    for plan in (
        plan_service(SCENE, WANTED, {}, IMAGE, [container]),
        plan_removal("web", [container], "shop"),
    ):
        before, after = host_diff.service_lines(plan)
        assert "web.environment.TOKEN: (secret)" in before
        assert "first" not in "".join([*before, *after])


def test_views_of_both_sides_have_the_same_settings() -> None:
    payload = payload_of(WANTED)
    actual = actual_view(as_engine(payload), "shop")
    assert actual.keys() == wanted_view(payload, IMAGE["Config"], "shop").keys()
