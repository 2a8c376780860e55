"""Whether a container is healthy, waiting until it is, and the evidence when it does not become so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .docker_api import Engine
from .host_effects import Answer, Host
from .host_failure import exit_failure, without_secrets
from .host_plan import Found, HealthCheck, Wanted
from .host_proxy import ProxyControl
from .release_failure import Failure, ReleaseFailure

#: Seconds between the attempts at a container that serves.
RETRY = 0.2
LOG_LINES = 20
# A service without any health check is taken for healthy when it has run this long.
SETTLED = 2.0
GATEWAY_ERRORS = (502, 503, 504)
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
NO_CHECK = HealthCheck()


@dataclass(frozen=True)
class Candidate:
    """A new container of a service, and when it was started."""

    wanted: Wanted
    name: str
    started: float


class HealthWatch:
    """Judges the containers of one application."""

    def __init__(
        self, engine: Engine, host: Host, network: str, timeout: float, secrets: Iterable[str]
    ) -> None:
        self._engine = engine
        self._host = host
        self._network = network
        self._timeout = timeout
        self._secrets = list(secrets)

    def sickness(self, wanted: Wanted, container: Found) -> str:
        """Say why a container that serves already cannot stay; nothing when it can."""
        if not container.running:
            return f"does not run (exit code {container.inspect['State'].get('ExitCode')})"
        if container.docker_health == "unhealthy":
            return "is unhealthy"
        check = wanted.health_check
        if not check or not check.path:
            return ""
        for attempt in range(check.retries):
            if attempt:
                self._host.sleep(RETRY)
            answer = self._ask(wanted, container)
            if answer.ok:
                return ""
        return f"fails its health check ({answer})"

    def await_healthy(self, candidates: Sequence[Candidate]) -> None:
        """Return when all are healthy; raise ReleaseFailure as soon as one cannot become so."""
        waiting = list(candidates)
        while waiting:
            for one in [one for one in waiting if self._healthy(one)]:
                self._host.tell(one.name, "is healthy")
                waiting.remove(one)
            if waiting:
                self._host.pause(max(one.started for one in waiting))

    def await_through(self, proxy: ProxyControl, candidates: Iterable[Candidate]) -> None:
        """Return when every candidate answers by way of the proxy."""
        for one in candidates:
            check = one.wanted.health_check or NO_CHECK
            began = self._host.now()
            while True:
                answer = proxy.through(one.name, check.path or "/", check.timeout)
                if answer.ok or (not check.path and answer.status not in (None, *GATEWAY_ERRORS)):
                    self._host.tell(one.name, "answers through the proxy")
                    break
                if self._host.now() > began + check.patience:
                    summary = f"{one.wanted.service} is healthy by itself but not through the proxy"
                    raise ReleaseFailure(
                        Failure("proxy", summary, one.wanted.service, one.name, evidence=[str(answer)])
                    )
                self._host.pause(began)

    def confirm_running(self, candidates: Iterable[Candidate]) -> None:
        """Raise ReleaseFailure when a candidate has ended since it was found healthy."""
        for one in candidates:
            container = self._inspect(one.name)
            if not container.running:
                raise ReleaseFailure(self._ended(one, container))

    def _healthy(self, one: Candidate) -> bool:
        container = self._inspect(one.name)
        if not container.running:
            raise ReleaseFailure(self._ended(one, container))
        age = self._host.now() - one.started
        check = one.wanted.health_check
        if check and check.path:
            answer = self._ask(one.wanted, container)
            if answer.ok:
                return True
        elif container.docker_health:
            answer = _docker_answer(container)
            if container.docker_health == "healthy":
                return True
            if container.docker_health == "unhealthy":
                raise ReleaseFailure(self._unhealthy(one, container, answer, age))
        else:
            return age >= SETTLED
        self._host.tell(one.name, self._clean([str(answer)])[0])
        if age > min(self._timeout, (check or NO_CHECK).patience):
            # It may have ended since it was looked at, which says more than the unanswered request.
            container = self._inspect(one.name)
            if not container.running:
                raise ReleaseFailure(self._ended(one, container))
            raise ReleaseFailure(self._unhealthy(one, container, answer, age))
        return False

    def _ask(self, wanted: Wanted, container: Found) -> Answer:
        check = wanted.health_check or NO_CHECK
        address = container.address(self._network)
        return self._host.get(address, wanted.port or 0, check.path or "/", wanted.service, check.timeout)

    def _ended(self, one: Candidate, container: Found) -> Failure:
        image = self._engine.image(container.inspect["Image"]) or {}
        machine = str(self._engine.info().get("Architecture", ""))
        architectures = (str(image.get("Architecture", "")), ARCHITECTURES.get(machine, machine))
        return self._with_dependencies(
            one, exit_failure(one.wanted.service, container, self._log(one), architectures)
        )

    def _unhealthy(self, one: Candidate, container: Found, answer: Answer, age: float) -> Failure:
        check = one.wanted.health_check or NO_CHECK
        silent = answer.status is None and "no answer within" in answer.detail
        starting = container.docker_health == "starting"
        failure = Failure(
            "timeout" if silent or starting else "health_check",
            f"{one.wanted.service} runs but did not become healthy in {age:.0f} s",
            one.wanted.service,
            one.name,
        )
        asked = f"GET {check.path} on port {one.wanted.port}" if check.path else "its health check command"
        failure.evidence.append(f"Asked: {asked}. Last answer: {self._clean([str(answer)])[0]}")
        failure.log = self._log(one)
        return self._with_dependencies(one, failure)

    def _with_dependencies(self, one: Candidate, failure: Failure) -> Failure:
        """Blame a dependency that is not healthy itself."""
        for entry in self._engine.containers(f"slipway.app={self._network}"):
            service = entry["Labels"].get("slipway.service", "")
            if service in one.wanted.depends_on:
                container = self._inspect(entry["Id"])
                if not container.running or container.docker_health == "unhealthy":
                    failure.cause = "dependency_unhealthy"
                    state = (
                        container.docker_health if container.running else container.inspect["State"]["Status"]
                    )
                    failure.evidence.append(
                        f"It depends on {service}, whose container {container.name} is {state}."
                    )
        return failure

    def _log(self, one: Candidate) -> list[str]:
        return self._clean(self._engine.logs(one.name, LOG_LINES).splitlines())

    def _clean(self, lines: Iterable[str]) -> list[str]:
        return without_secrets(lines, self._secrets)

    def _inspect(self, name: str) -> Found:
        return Found(self._engine.container(name))


def _docker_answer(container: Found) -> Answer:
    """Return the last result of Docker's own health check."""
    log = container.inspect["State"]["Health"].get("Log") or []
    if not log:
        return Answer(None, "no check has run yet")
    return Answer(None, f"exit code {log[-1]['ExitCode']}: {log[-1]['Output'].strip()[:200]}")
