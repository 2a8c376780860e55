"""The release of an application on one host, from what runs to what should, without losing a request.

All new containers start beside the old ones and become healthy, first by themselves, then through the proxy.
One file write switches every route. The old containers end when their last connection has. Whatever fails
before the switch undoes itself and leaves the old containers serving.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from . import host_diff, host_retire, traefik
from .docker_api import DockerError, Engine
from .host_base import Base, BaseFile
from .host_effects import Host
from .host_failure import start_cause
from .host_gate import Gates
from .host_health import Candidate, HealthWatch
from .host_plan import LABEL_APP, RESTART_SERVING, Found, Json, ServicePlan, Wanted, candidate
from .host_proxy import LOADED_TIMEOUT, ProxyControl
from .host_survey import Desired, Survey, Surveyor, upstream
from .release_failure import Failure, ReleaseFailure


@dataclass
class Outcome:
    """What a release did, or would do in check mode."""

    changed: bool = False
    actions: list[str] = field(default_factory=list)
    services: dict[str, Json] = field(default_factory=dict)
    drained: list[Json] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    checks: list[Json] = field(default_factory=list)
    found: Json = field(default_factory=dict)


class Release:
    """One run on one host."""

    def __init__(self, engine: Engine, host: Host, desired: Desired, check_mode: bool = False) -> None:
        self._engine = engine
        self._host = host
        self._desired = desired
        self._check_mode = check_mode
        self._health = HealthWatch(engine, host, desired.app, desired.health_timeout, desired.secret_values)
        self._proxy = ProxyControl(engine, host, desired.app, desired.proxy_directory)
        self._candidates: list[Candidate] = []
        self._stopped: list[Found] = []
        self._former: Json | None = None
        self._announced: Json | None = None
        self._base_file = BaseFile(host, desired.config_dir, desired.app)
        self.gates = Gates(engine, host, desired.app, desired.config_dir, desired.secret_values)

    def run(self) -> Outcome:
        """Bring the host to the description. Raises ReleaseFailure, after undoing what was begun."""
        try:
            surveyor = Surveyor(self._engine, self._host, self._desired, self._health, self._check_mode)
            known = self._base_file.read()
            survey = surveyor.survey(known)
            base = self._base(known, survey)
            outcome = self._describe(survey, base)
        except (ReleaseFailure, DockerError, OSError) as error:
            raise failed(error, "what served before; nothing was changed.") from error
        if outcome.changed and not self._check_mode:
            try:
                self._base_file.write(base)
                self._bring_up(survey)
            except (ReleaseFailure, DockerError, OSError) as error:
                raise failed(error, self._undone(survey)) from error
            try:
                self._take_down(survey, base, outcome)
            except (DockerError, OSError) as error:
                serving = "the new containers; only the end of the old ones failed, run again."
                raise failed(error, serving) from error
        if not outcome.changed:
            outcome.checks = list(self._checks(survey))
        return outcome

    def _checks(self, survey: Survey) -> Iterator[Json]:
        """Give the requests by which it is seen that all is still well: those of host_state."""
        for plan in survey.plans:
            check = plan.wanted.health_check if plan.wanted else None
            if plan.wanted and check and check.path:
                for container in plan.keep:
                    yield {
                        "container": container.id,
                        "port": plan.wanted.port,
                        "path": check.path,
                        "host": plan.service,
                        "timeout": check.timeout,
                    }
        if survey.proxy and survey.configuration:
            yield {
                "container": survey.proxy.found[0].id,
                "port": traefik.INTERNAL_PORT,
                "path": traefik.loaded_path(survey.configuration),
                "host": "localhost",
                "timeout": LOADED_TIMEOUT,
            }

    def _base(self, known: Base | None, survey: Survey) -> Base:
        """Return what this may have to go back to: what serves now, unless a release was left unfinished."""
        if known and known.release == self._desired.base:
            return known
        serving = [one.id for plan in survey.plans for one in [*plan.keep, *plan.retire] if one.running]
        return Base(self._desired.base, serving, self._proxy.configuration())

    def _describe(self, survey: Survey, base: Base) -> Outcome:
        outcome = Outcome(actions=[f"pull {reference}" for reference in survey.pulled])
        for plan in survey.plans:
            outcome.services[plan.service] = {
                "changed": plan.changed,
                "containers": plan.serving,
                "reasons": plan.reasons,
            }
            if plan.changed:
                before, after = host_diff.service_lines(plan)
                outcome.before += before
                outcome.after += after
            outcome.actions += [
                f"run the task {gate.name} of {plan.service}" for gate in self.gates.pending(plan)
            ]
            outcome.actions += [f"start {name}" for name in plan.create]
            outcome.actions += [
                f"{'stop' if one.id in base.containers else 'remove'} {one.name}" for one in plan.retire
            ]
        outcome.actions += [f"stop {container.name}" for container in survey.kept if container.running]
        self._describe_proxy(survey, outcome)
        outcome.changed = bool(outcome.actions)
        return outcome

    def _describe_proxy(self, survey: Survey, outcome: Outcome) -> None:
        for container in survey.old_proxies:
            outcome.actions.append(f"remove {container.name}")
        if not survey.proxy or not survey.configuration:
            return
        if survey.proxy.changed:
            outcome.actions.append(f"{'replace' if survey.proxy.found else 'start'} {self._proxy.name}")
            outcome.before += host_diff.lines("proxy", survey.proxy.before)
            outcome.after += host_diff.lines("proxy", survey.proxy.after)
        else:
            self._proxy.attach(survey.proxy.found[0])
        current = self._proxy.configuration()
        if current != survey.configuration:
            outcome.actions.append("switch the routes")
            outcome.before += host_diff.lines("routes", traefik.route_view(current))
            outcome.after += host_diff.lines("routes", traefik.route_view(survey.configuration))
        elif not survey.proxy.changed and not self._proxy.loaded(survey.configuration):
            outcome.actions.append("load the routes")

    # -- before the switch: all of this can be undone ----------------------------------------------

    def _bring_up(self, survey: Survey) -> None:
        self._prepare()
        if survey.proxy:
            self._proxy.ensure(survey.proxy)
            self._former = self._proxy.configuration()
            self._announce(survey)
        for plan in survey.plans:
            if plan.wanted and plan.create:
                self._start(plan, plan.wanted)
        self._health.await_healthy(self._candidates)
        self._try_through_proxy()
        self._health.confirm_running(self._candidates)
        for one in self._candidates:
            self._engine.update_container(one.name, {"RestartPolicy": {"Name": RESTART_SERVING}})
        if survey.configuration:
            self._proxy.load(survey.configuration)
            self._host.tell("routes", "lead to what is described")

    def _announce(self, survey: Survey) -> None:
        """Tell the proxy of the new containers before they are there: it loads this while they start."""
        tried = [
            upstream(plan.wanted, plan.create)
            for plan in survey.plans
            if plan.wanted and plan.create and self._tried(plan.wanted)
        ]
        if self._former and tried:
            self._announced = traefik.with_candidates(self._former, tried)
            self._proxy.announce(self._announced)

    def _tried(self, wanted: Wanted) -> bool:
        """Whether a service's new containers are to answer by way of the proxy."""
        return bool(wanted.port) and any(route.service == wanted.service for route in self._desired.routes)

    def _prepare(self) -> None:
        labels = {LABEL_APP: self._desired.app}
        if self._engine.network(self._desired.app) is None:
            self._engine.create_network(self._desired.app, labels)
        for name in self._desired.volume_names():
            if self._engine.volume(name) is None:
                self._engine.create_volume(name, labels)

    def _start(self, plan: ServicePlan, wanted: Wanted) -> None:
        """Start a service's new containers, once those that it depends on are healthy."""
        self._health.await_healthy(
            [one for one in self._candidates if one.wanted.service in wanted.depends_on]
        )
        self.gates.open(plan)
        if wanted.stop_first:
            for container in plan.retire:
                if container.running:
                    self._stopped.append(container)
                    self._engine.stop_container(container.id, wanted.stop_timeout)
        for name in plan.create:
            self._candidates.append(Candidate(wanted, name, self._host.now()))
            self._host.tell(name, "starts")
            try:
                self._engine.create_container(name, candidate(plan.payload))
                self._engine.start_container(name)
            except DockerError as error:
                failure = Failure(
                    start_cause(error.message), f"{wanted.service} could not be started", wanted.service
                )
                failure.container = name
                failure.evidence.append(f"The Engine says: {error.message}")
                raise ReleaseFailure(failure) from error

    def _try_through_proxy(self) -> None:
        """See every new container healthy through the proxy while the world is still sent to the old ones."""
        if self._former and self._announced:
            self._proxy.load(self._announced, self._former)
            self._health.await_through(
                self._proxy, [one for one in self._candidates if self._tried(one.wanted)]
            )

    def _undone(self, survey: Survey) -> str:
        """Undo what was begun; say what serves now, also when the undoing failed as well."""
        try:
            return self._undo(survey)
        except (ReleaseFailure, DockerError, OSError) as error:
            return f"not certain, because going back failed as well ({error}). Run again once it is mended."

    def _undo(self, survey: Survey) -> str:
        """Remove what this run has started, put back what it stopped; say what serves now."""
        for one in self._candidates:
            self._end(one)
        for container in self._stopped:
            self._engine.start_container(container.id)
        if self._former and self._proxy.configuration() != self._former:
            self._proxy.load(self._former)
        serving = [one.name for plan in survey.plans for one in [*plan.keep, *plan.retire] if one.running]
        return f"the containers of before ({', '.join(serving)})." if serving else "nothing, as before."

    def _end(self, one: Candidate) -> None:
        """Let a candidate end in its own way, as one that keeps data must, and remove it."""
        try:
            self._engine.stop_container(one.name, one.wanted.stop_timeout)
        except DockerError as error:
            # It was not even created.
            if error.status != http.client.NOT_FOUND:
                raise
        self._engine.remove_container(one.name)

    # -- after the switch: the new containers serve ------------------------------------------------

    def _take_down(self, survey: Survey, base: Base, outcome: Outcome) -> None:
        retired = [container for plan in survey.plans for container in plan.retire]
        outcome.drained = host_retire.drain(
            self._host,
            _still_running(retired, self._stopped),
            self._desired.drain_timeout,
            self._proxy.clients if survey.proxy else None,
        )
        base = base.without(retired)
        # Written first: what a killed run leaves running is known for what it is.
        self._base_file.write(base)
        gone = [*retired, *survey.kept, *survey.old_proxies]
        host_retire.end(self._engine, gone, keep=base.keeps)
        images = [wanted.image for wanted in self._desired.containers]
        removed = host_retire.prune_images(self._engine, images, self._desired.keep_images)
        outcome.actions += [f"remove image {name}" for name in removed]


def _still_running(retired: Sequence[Found], stopped: Sequence[Found]) -> list[Found]:
    ended = {container.id for container in stopped}
    return [container for container in retired if container.id not in ended]


def failed(error: Exception, serving: str) -> ReleaseFailure:
    """Return what to raise for an error, saying what serves now."""
    failure = error.failure if isinstance(error, ReleaseFailure) else unexpected(error)
    failure.serving = serving
    return ReleaseFailure(failure)


def unexpected(error: Exception) -> Failure:
    """Explain an error that no step expects."""
    if not isinstance(error, DockerError):
        return Failure("host", f"This host refused: {error}")
    if error.status == 0:
        return Failure("docker_unavailable", f"The Docker Engine does not answer: {error.message}")
    return Failure("engine", f"The Docker Engine refused (HTTP {error.status}): {error.message}")
