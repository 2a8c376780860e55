"""When is the proxy known to have loaded a configuration? Its answers do not tell what is on its way."""

from __future__ import annotations

from plugins.module_utils import traefik
from plugins.module_utils.docker_api import Engine, Json
from plugins.module_utils.host_effects import Answer, Host
from plugins.module_utils.host_proxy import CATCH_UP_TIMEOUT, ProxyControl

FORMER = traefik.dynamic_configuration(traefik.Proxy(""), [], [])
ANNOUNCED = traefik.with_candidates(FORMER, [traefik.Upstream("web", 80, ["web-2"], "/")])


class SlowProxy(Host):
    """A host whose proxy loads each content of its file in turn, some time after it was written."""

    def __init__(self, delay: float) -> None:
        self.time = 0.0
        super().__init__()
        self.delay, self.text, self.coming = delay, "", [(0.0, traefik.to_text(FORMER))]

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def read(self, path: str) -> str | None:
        return self.text

    def write(self, path: str, text: str, draft_in: str = "") -> None:
        self.text = text
        self.coming.append((self.time + self.delay, text))

    def works_by(self) -> str:
        return [text for at, text in self.coming if at <= self.time][-1]

    def get(self, address: str, port: int, path: str, host: str, timeout: float) -> Answer:
        configuration = traefik.from_text(self.works_by())
        assert configuration
        loaded = path == traefik.loaded_path(configuration)
        return Answer(200 if loaded else 404, "")


class Running(Engine):
    """An engine whose containers all run."""

    def container(self, name: str) -> Json:
        networks = {"app": {"IPAddress": "192.0.2.1"}}
        return {
            "Name": name,
            "State": {"Running": True, "Pid": 7},
            "NetworkSettings": {"Networks": networks},
        }


def control(host: Host) -> ProxyControl:
    return ProxyControl(Running("/run/none.sock"), host, "app", "/srv/app")


def test_going_back_waits_for_what_was_just_announced() -> None:
    host = SlowProxy(delay=0.3)
    proxy = control(host)
    proxy.announce(ANNOUNCED)
    proxy.load(FORMER)
    host.time += 0.3
    assert host.works_by() == traefik.to_text(FORMER)
    assert proxy.loaded(FORMER)
    assert [text for _, text in host.coming[1:]] == [traefik.to_text(each) for each in (ANNOUNCED, FORMER)]
    (loaded_at, _), (next_at, _) = host.coming[1:]
    assert next_at >= loaded_at + host.delay, "written before the proxy had loaded what was announced"


def test_what_the_proxy_never_takes_is_waited_for_a_short_time_only() -> None:
    host = SlowProxy(delay=3600)
    proxy = control(host)
    proxy.announce(ANNOUNCED)
    proxy.load(FORMER)
    assert CATCH_UP_TIMEOUT <= host.time < 2 * CATCH_UP_TIMEOUT
    assert host.text == traefik.to_text(FORMER)
