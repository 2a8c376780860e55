"""The gates of a release on a host: commands that must end well, each once, before anything new serves.

A gate runs on the new image with the new environment and secrets. Which ones have passed is kept on the host,
by what they consist of, so that a release that fails later and is made again does not run them twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .docker_api import DockerError, Engine
from .host_effects import Host
from .host_failure import without_secrets
from .host_plan import (
    LABEL_APP,
    LABEL_ROLE,
    LABEL_SERVICE,
    RESTART_CANDIDATE,
    Found,
    Gate,
    Json,
    ServicePlan,
)
from .release_failure import Failure, ReleaseFailure

FILE = "gates.json"
ROLE_GATE = "gate"
LABEL_GATE = "slipway.gate"
LOG_LINES = 20
#: How many that have passed are remembered.
REMEMBERED = 50


class Gates:
    """The gates of one application on this host."""

    def __init__(self, engine: Engine, host: Host, app: str, config_dir: str, secrets: Sequence[str]) -> None:
        self._engine = engine
        self._host = host
        self._app = app
        self._path = f"{config_dir}/{app}/{FILE}"
        self._secrets = secrets
        #: What has been run: service, task, exit_code, seconds, log, passed, skipped.
        self.runs: list[Json] = []

    def pending(self, plan: ServicePlan) -> list[Gate]:
        """Return the gates that stand before a service's new containers and have not passed."""
        gates = _before(plan)
        passed = self._passed() if gates else []
        return [gate for gate in gates if _fingerprint(plan, gate) not in passed]

    def open(self, plan: ServicePlan) -> None:
        """Run what is pending, one after another. Raises ReleaseFailure where one does not pass."""
        pending = self.pending(plan)
        for gate in _before(plan):
            if gate in pending:
                self._run(plan, gate)
            else:
                run = {"exit_code": 0, "seconds": 0, "log": [], "passed": True, "skipped": True}
                self.runs.append(_told(plan, gate, run))

    def _run(self, plan: ServicePlan, gate: Gate) -> None:
        name = f"{self._app}-{plan.service}-gate-{gate.name}"
        fingerprint = _fingerprint(plan, gate)
        started = self._host.now()
        try:
            self._start(name, _payload(self._app, plan, gate, fingerprint), fingerprint)
            container = self._ended(name, started, gate.timeout)
        except DockerError as error:
            told = f"The Engine says: {error.message}"
            raise ReleaseFailure(_failure(plan, gate, "could not be started", evidence=[told])) from error
        code = None if container.running else int(container.inspect["State"].get("ExitCode") or 0)
        log = without_secrets(self._engine.logs(name, LOG_LINES).splitlines(), self._secrets)
        self._engine.stop_container(name, container.stop_timeout)
        self._engine.remove_container(name)
        seconds = round(self._host.now() - started, 1)
        run = {"exit_code": code, "seconds": seconds, "log": log, "passed": code == 0, "skipped": False}
        self.runs.append(_told(plan, gate, run))
        if code == 0:
            self._host.write(self._path, json.dumps([*self._passed(), fingerprint][-REMEMBERED:]))
            return
        what = f"ended with exit code {code}" if code is not None else f"did not end in {gate.timeout} s"
        failure = _failure(plan, gate, what, evidence=[f"Its command: {' '.join(gate.command)}"])
        failure.container, failure.exit_code, failure.log = name, code, log
        raise ReleaseFailure(failure)

    def _start(self, name: str, payload: Json, fingerprint: str) -> None:
        """Start it, unless it is still running from a run that was killed; another one is ended first."""
        for entry in self._engine.containers(f"{LABEL_APP}={self._app}", f"{LABEL_ROLE}={ROLE_GATE}"):
            left = Found(self._engine.container(entry["Id"]))
            if left.name == name and left.running and left.labels.get(LABEL_GATE) == fingerprint:
                return
            if left.name == name:
                self._engine.stop_container(left.id, left.stop_timeout)
                self._engine.remove_container(left.id)
        self._engine.create_container(name, payload)
        self._engine.start_container(name)

    def _ended(self, name: str, started: float, timeout: float) -> Found:
        while True:
            container = Found(self._engine.container(name))
            if not container.running or self._host.now() > started + timeout:
                return container
            self._host.pause(started)

    def _passed(self) -> list[str]:
        text = self._host.read(self._path)
        passed: list[str] = json.loads(text) if text else []
        return passed


def _before(plan: ServicePlan) -> Sequence[Gate]:
    """Return the gates before a service's new containers, whether they have passed or not."""
    return plan.wanted.gates if plan.wanted and plan.create else ()


def _payload(app: str, plan: ServicePlan, gate: Gate, fingerprint: str) -> Json:
    """Return the body of ContainerCreate: as the service's, but without ports and volumes."""
    payload = {key: value for key, value in plan.payload.items() if key not in ("ExposedPorts", "Cmd")}
    return {
        **payload,
        "Cmd": list(gate.command),
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": {
            LABEL_APP: app,
            LABEL_ROLE: ROLE_GATE,
            LABEL_SERVICE: plan.service,
            LABEL_GATE: fingerprint,
        },
        "HostConfig": {
            **plan.payload["HostConfig"],
            "RestartPolicy": {"Name": RESTART_CANDIDATE},
            "PortBindings": {},
            "Mounts": [],
        },
        "NetworkingConfig": {"EndpointsConfig": {app: {}}},
    }


def _fingerprint(plan: ServicePlan, gate: Gate) -> str:
    consists_of = [plan.service, gate.name, gate.command, plan.payload["Image"], plan.payload["Env"]]
    return hashlib.sha256(json.dumps(consists_of, sort_keys=True).encode()).hexdigest()


def _told(plan: ServicePlan, gate: Gate, run: Mapping[str, Any]) -> Json:
    return {"service": plan.service, "task": gate.name, **run}


def _failure(plan: ServicePlan, gate: Gate, what: str, evidence: list[str]) -> Failure:
    summary = f"The task {gate.name} of {plan.service} {what}"
    return Failure("gate_failed", summary, plan.service, evidence=evidence)
