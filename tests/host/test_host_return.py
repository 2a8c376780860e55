"""A host goes back to exactly the containers that served when the last whole release had ended."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from plugins.module_utils.host_converge import Outcome
from plugins.module_utils.host_effects import Host
from plugins.module_utils.host_return import Return
from plugins.module_utils.release_failure import ReleaseFailure
from tests.host.release_lab import Application, web
from tests.host.test_host_release_failures import single
from tests.probe import Probe

BREATH = 0.8
#: Ids of releases.
FIRST, SECOND = "20261123-031500-aaaaaa", "20261123-041500-bbbbbb"


def go_back(application: Application, base: str, *, check_mode: bool = False) -> Outcome:
    """Return, as the module does."""
    return Return(application.engine, Host(), application.desired(base=base), check_mode).run()


def test_the_containers_of_before_come_back_without_a_lost_request(application: Application) -> None:
    application.release(web("0"), web("0", service="api"))
    before = application.containers()
    application.release(web("1"), web("0", service="api", environment={"MORE": "1"}), base=FIRST)
    assert application.get()["version"] == "1"
    with Probe([f"{application.url}/x"], slow=[f"{application.url}/slow?ms=300"]) as clients:
        time.sleep(BREATH)
        planned = go_back(application, FIRST, check_mode=True)
        assert application.get()["version"] == "1"
        outcome = go_back(application, FIRST)
        time.sleep(BREATH)
    assert clients.result.failed == 0, clients.result
    assert set(clients.result.versions) == {"0", "1"}
    assert outcome.actions == planned.actions
    assert application.containers() == before
    assert not go_back(application, FIRST).changed
    assert not application.release(web("0"), web("0", service="api"), base=FIRST).changed


def test_releases_left_unfinished_do_not_move_what_is_returned_to(application: Application) -> None:
    application.release(web("0"))
    before = application.containers()
    application.release(web("1"), base=FIRST)
    application.release(web("0", environment={"MORE": "1"}), base=FIRST)
    go_back(application, FIRST)
    assert application.containers() == before


def test_one_former_release_is_kept(application: Application) -> None:
    application.release(web("0"))
    application.release(web("1"), base=FIRST)
    kept = application.containers()
    outcome = application.release(web("0"), base=SECOND)
    assert sorted(action.split()[0] for action in outcome.actions) == ["start", "stop", "switch"]
    assert len(application.containers()) == 2
    assert len(application.containers().keys() & kept.keys()) == 1
    go_back(application, SECOND)
    assert application.get()["version"] == "1"


def test_where_nothing_has_moved_nothing_returns(application: Application) -> None:
    assert not go_back(application, FIRST).changed
    application.release(web("0"))
    assert not go_back(application, FIRST).changed
    assert application.get()["version"] == "0"


def test_before_the_first_release_nothing_served(application: Application) -> None:
    application.release(web("0"))
    go_back(application, "")
    assert application.engine.containers(f"slipway.app={application.name}") == []
    application.release(web("0"))
    assert application.get()["version"] == "0"


def test_routes_come_back_without_a_container(application: Application) -> None:
    both = [web("0"), web("0", service="api")]
    application.release(*both)
    routes = application.desired(*both).routes
    application.release(*both, routes=[replace(route, host="elsewhere") for route in routes], base=FIRST)
    outcome = go_back(application, FIRST)
    assert outcome.actions == ["switch the routes back"]
    assert application.get()["version"] == "0"


def test_data_has_one_writer_on_the_way_back(application: Application) -> None:
    """The application refuses to start on a volume where another one runs."""
    application.release(single("0"))
    application.release(single("1"), base=FIRST)
    go_back(application, FIRST)
    assert application.get()["version"] == "0"


def test_what_a_killed_run_left_running_is_stopped(application: Application) -> None:
    application.release(web("0"))
    old = next(iter(application.containers().values()))
    application.release(web("1"), base=FIRST)
    application.engine.start_container(old)
    outcome = application.release(web("1"), base=FIRST)
    assert [action.split()[0] for action in outcome.actions] == ["stop"]
    assert not application.engine.container(old)["State"]["Running"]


def test_a_return_that_cannot_be_says_so_and_what_serves(application: Application) -> None:
    application.release(web("0"))
    old = next(iter(application.containers().values()))
    application.release(web("1"), base=FIRST)
    application.engine.remove_container(old)
    with pytest.raises(ReleaseFailure) as raised:
        go_back(application, FIRST)
    assert raised.value.failure.cause == "not_returnable"
    assert "Serving now: the new containers" in raised.value.failure.message()
    assert application.get()["version"] == "1"
