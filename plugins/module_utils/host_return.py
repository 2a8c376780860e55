"""The way back on one host, after a release that did not become whole: exactly the containers of before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import host_retire, traefik
from .docker_api import DockerError, Engine
from .host_base import Base, BaseFile
from .host_converge import Outcome, failed
from .host_effects import Host
from .host_health import Candidate, HealthWatch
from .host_plan import LABEL_APP, ROLE_PROXY, ROLE_SERVICE, Found, HealthCheck, Wanted
from .host_proxy import ProxyControl
from .host_survey import Desired
from .release_failure import Failure, ReleaseFailure


@dataclass(frozen=True)
class _Way:
    """What is there, and what of it comes back, goes, and stands in front."""

    base: Base
    coming: Sequence[Found]
    leaving: Sequence[Found]
    proxies: Sequence[Found]


class Return:
    """One return on one host. Of the description only names, places and times are used."""

    def __init__(self, engine: Engine, host: Host, desired: Desired, check_mode: bool = False) -> None:
        self._engine = engine
        self._host = host
        self._desired = desired
        self._check_mode = check_mode
        self._proxy = ProxyControl(engine, host, desired.app, desired.proxy_directory)
        self._base_file = BaseFile(host, desired.config_dir, desired.app)

    def run(self) -> Outcome:
        """Bring back what served when the release `base` had ended; nothing where nothing has moved since.

        Raises ReleaseFailure; what runs then goes on.
        """
        outcome = Outcome()
        base = self._base_file.read()
        if base is None or base.release != self._desired.base:
            return outcome
        try:
            way = self._look(base)
            outcome.actions = [
                *(f"start {one.name}" for one in way.coming if not one.running),
                *(["switch the routes back"] if self._routes_differ(way) else []),
                *(f"remove {one.name}" for one in self._going(way)),
            ]
            outcome.changed = bool(outcome.actions)
            if outcome.changed and not self._check_mode:
                self._bring_back(way, outcome)
        except (ReleaseFailure, DockerError, OSError) as error:
            raise failed(
                error, "the new containers: the return failed, run again once it is mended."
            ) from error
        return outcome

    def _look(self, base: Base) -> _Way:
        found = {
            entry["Id"]: Found(self._engine.container(entry["Id"]))
            for entry in self._engine.containers(f"{LABEL_APP}={self._desired.app}")
        }
        missing = [identifier[:12] for identifier in base.containers if identifier not in found]
        if missing:
            summary = "What served before cannot come back: containers of it are not there any more"
            raise ReleaseFailure(
                Failure("not_returnable", summary, evidence=[f"Missing: {', '.join(missing)}."])
            )
        return _Way(
            base,
            coming=[found[identifier] for identifier in base.containers],
            leaving=[
                one for one in found.values() if one.role == ROLE_SERVICE and one.id not in base.containers
            ],
            proxies=[one for one in found.values() if one.role == ROLE_PROXY],
        )

    def _going(self, way: _Way) -> list[Found]:
        """Return what is removed in the end: the proxy too, where none was before."""
        return [*way.leaving, *([] if way.base.configuration else way.proxies)]

    def _routes_differ(self, way: _Way) -> bool:
        return bool(way.base.configuration) and self._proxy.configuration() != way.base.configuration

    def _described(self, way: _Way, container: Found) -> Wanted:
        """Return of a container's description what tells when it is healthy."""
        path = traefik.health_path(way.base.configuration, container.service)
        return Wanted(
            container.service,
            str(container.inspect["Config"]["Image"]),
            port=container.port or None,
            health_check=HealthCheck(path, start_period=self._desired.health_timeout) if path else None,
        )

    def _bring_back(self, way: _Way, outcome: Outcome) -> None:
        secrets = [value for one in way.coming for value in one.secret_values]
        health = HealthWatch(
            self._engine, self._host, self._desired.app, self._desired.health_timeout, secrets
        )
        for one in way.coming:
            if one.running:
                continue
            rivals = [other for other in way.leaving if other.service == one.service]
            if any(each.exclusive for each in [one, *rivals]):
                host_retire.stop(self._engine, rivals)
            self._engine.start_container(one.id)
            self._host.tell(one.name, "starts again")
            health.await_healthy([Candidate(self._described(way, one), one.name, self._host.now())])
        clients = None
        if way.base.configuration and way.proxies:
            clients = self._proxy.clients
            self._proxy.attach(way.proxies[0])
            self._proxy.load(way.base.configuration)
            self._host.tell("routes", "lead to what served before")
        outcome.drained = host_retire.drain(self._host, way.leaving, self._desired.drain_timeout, clients)
        host_retire.end(self._engine, self._going(way))
        if not way.base.configuration:
            self._host.remove_tree(self._desired.proxy_directory)
        self._base_file.write(replace(way.base, stopped=[]))
