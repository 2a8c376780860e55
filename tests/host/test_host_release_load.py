"""A release loses no request: seen by clients that keep their connections, never retry and are often slow."""

from __future__ import annotations

import socket
import threading
import time

from plugins.module_utils.host_effects import Answer, Host
from tests.host.release_lab import Application, web
from tests.probe import Probe

#: Long enough for every client to have a slow request in flight.
BREATH = 0.8


def probe(application: Application) -> Probe:
    return Probe([f"{application.url}/x"], slow=[f"{application.url}/slow?ms=300"], pause=0.01)


def test_three_releases_in_a_row_lose_no_request(application: Application) -> None:
    application.release(web("0"))
    with probe(application) as clients:
        time.sleep(BREATH)
        # They listen late, so that a switch before they are healthy would be seen.
        late = {"START_DELAY": "3000"}
        outcomes = [application.release(web(version, environment=late)) for version in "123"]
        time.sleep(BREATH)
    result = clients.result
    assert result.failed == 0, result
    assert set(result.versions) == set("0123"), result
    assert result.slow_requests > result.requests // 5
    drained = [report for outcome in outcomes for report in outcome.drained]
    assert [report["connections_left"] for report in drained] == [0, 0, 0]
    assert len(application.containers()) == 1


def test_the_same_load_notices_a_stop(application: Application) -> None:
    application.release(web("0"))
    with probe(application) as clients:
        time.sleep(BREATH)
        application.engine.stop_container(application.container()["Id"], 5)
        time.sleep(BREATH)
    assert clients.result.failed > 0, clients.result


def test_a_release_of_two_replicas_loses_no_request(application: Application) -> None:
    application.release(web("0", replicas=2))
    with probe(application) as clients:
        time.sleep(BREATH)
        application.release(web("1", replicas=2))
        time.sleep(BREATH)
    assert clients.result.failed == 0, clients.result
    assert set(clients.result.versions) == {"0", "1"}


def slow_request(application: Application, milliseconds: int, answers: list[Answer]) -> threading.Thread:
    """Start one long request to the version that serves now."""

    def ask() -> None:
        path = f"/long?ms={milliseconds}"
        answers.append(Host().get("127.0.0.1", application.port, path, "localhost", 60))

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.3)
    return thread


def test_the_old_container_waits_for_a_long_request(application: Application) -> None:
    application.release(web("0"))
    answers: list[Answer] = []
    request = slow_request(application, 12_000, answers)
    (report,) = application.release(web("1")).drained
    request.join()
    assert answers[0].status == 200, answers
    assert '"version":"0"' in answers[0].detail
    assert report["connections_left"] == 0
    assert report["seconds"] > 1.5


def test_the_wait_for_a_long_request_has_an_end(application: Application) -> None:
    application.release(web("0", stop_timeout=1))
    answers: list[Answer] = []
    request = slow_request(application, 60_000, answers)
    (report,) = application.release(web("1", stop_timeout=1), drain_timeout=1).drained
    request.join()
    assert report["connections_left"] == 1
    assert 1 <= report["seconds"] < 2
    assert not answers[0].ok


def test_a_client_connected_at_the_switch_is_given_time(application: Application) -> None:
    application.release(web("0"))
    (report,) = application.release(web("1")).drained
    assert report["seconds"] < 1
    with socket.create_connection(("127.0.0.1", application.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
        (report,) = application.release(web("2")).drained
    assert report["seconds"] >= 1.2
    assert report["connections_left"] == 0
