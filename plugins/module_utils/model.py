"""The application model: `app_services` checked as a whole and filled in with every default.

Pure: nothing here reads a file, a host or AWS. The keys are data in model_schema, the rules between them
are in model_rules, and what targets render from a model is in model_views.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .fargate import FARGATE_RULES
from .faults import Fault, Faults, locate, related
from .model_rules import DEV_RULES, HOST_RULES, RULES, Finding, Rule, bind_mounts
from .model_schema import SERVICE, SERVICE_NAME
from .model_shape import kind, read
from .scale_rules import SCALE_RULES, hosts_do_not_scale
from .sidecar_rules import SIDECAR_RULES, hosts_have_no_sidecars
from .task_rules import TASK_RULES, hosts_schedule_nothing

ROOT = "app_services"
#: What releases alone change: nothing that is provisioned depends on it.
OF_RELEASES = ("build", "command", "environment", "image")
#: Rules of one deploy_target alone.
TARGET_RULES: Mapping[str, tuple[Rule, ...]] = {
    "dev": DEV_RULES,
    "ec2": (*HOST_RULES, hosts_do_not_scale, hosts_schedule_nothing, hosts_have_no_sidecars),
    "ecs": FARGATE_RULES,
}


class _Checks:
    """Collects faults in stages: what is said about a key in one stage is not said again in a later one."""

    def __init__(self, origins: Mapping[str, str]) -> None:
        self.origins = origins
        self.faults: list[Fault] = []
        self._stage: list[Fault] = []

    def report(self, key: str, problem: str, expected: str, remedy: str) -> None:
        """Note a fault, unless an earlier stage has one about the key or a part of it."""
        if not any(related(key, fault.key) for fault in self.faults):
            self._stage.append(Fault(locate(self.origins, key), key, problem, expected, remedy))

    def end_stage(self) -> None:
        """Let the faults of this stage silence later ones about the same keys."""
        self.faults.extend(self._stage)
        self._stage = []


def validate(
    services: Any,
    *,
    production: bool,
    deploy_target: str,
    origins: Mapping[str, str],
    paths: Mapping[str, str] | None = None,
) -> list[Fault]:
    """Name everything that is wrong with a model.

    `origins` maps key paths to `file:line`. `paths` gives the key path of a service that is not an
    entry of app_services, such as {"mongodb": "database_service"}.
    """
    checks = _Checks(origins)
    _check(services, checks, production, deploy_target, paths or {})
    return checks.faults


def normalise(services: Any) -> dict[str, dict[str, Any]]:
    """Give the services with every key present: defaults filled in, None where there is none.

    Raises Faults when the shape is wrong; preflight has named the same before.
    """
    checks = _Checks({})
    result = _read(services, checks, {})
    checks.end_stage()
    if checks.faults:
        raise Faults(checks.faults)
    return result


def effective_services(
    app_services: Any, database: str, database_service_name: str, database_service: Any
) -> dict[str, dict[str, Any]]:
    """Give the application's services and the database's, normalised."""
    return normalise(merged(app_services, database, database_service_name, database_service))


def but_of_releases(services: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Give the services, as far as anything that is provisioned depends on them."""
    return {
        name: {key: value for key, value in service.items() if key not in OF_RELEASES}
        for name, service in services.items()
    }


def merged(app_services: Any, database: str, database_service_name: str, database_service: Any) -> Any:
    """Add the database to the services where it runs as a container.

    A service of the same name in app_services takes its place.
    """
    if database != "container" or not isinstance(app_services, dict):
        return app_services
    return {database_service_name: database_service, **app_services}


def start_waves(services: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Group services so that each comes after those it depends on, in the fewest waves, by name in each.

    The dependencies must be free of circles, as validate() sees to.
    """
    waves: list[list[str]] = []
    waiting = set(services)
    while waiting:
        # What else they depend on is sidecars of their own.
        waves.append(sorted(name for name in waiting if not waiting & set(services[name]["depends_on"])))
        waiting -= set(waves[-1])
    return waves


def start_order(services: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Order services as :func:`start_waves` does, one by one."""
    return [name for wave in start_waves(services) for name in wave]


def _check(
    services: Any, checks: _Checks, production: bool, deploy_target: str, paths: Mapping[str, str]
) -> None:
    if production and isinstance(services, dict):
        for name, service in services.items():
            _report(bind_mounts(name, service), checks, paths)
        checks.end_stage()
    good = _read(services, checks, paths)
    checks.end_stage()
    for rule in (*RULES, *SCALE_RULES, *TASK_RULES, *SIDECAR_RULES, *TARGET_RULES.get(deploy_target, ())):
        _report(rule(good), checks, paths)
    checks.end_stage()


def _read(services: Any, checks: _Checks, paths: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    if not isinstance(services, dict) or not services:
        found = "an empty mapping" if services == {} else kind(services)
        checks.report(ROOT, found, "a mapping of service names to services", "describe at least one service")
        return {}
    result = {}
    for name, service in services.items():
        key = paths.get(name, f"{ROOT}.{name}")
        good_name = read(name, SERVICE_NAME, key, checks.report)
        good = read(service, SERVICE, key, checks.report)
        if good_name is not None and good is not None:
            result[good_name] = good
    return result


def _report(findings: Iterable[Finding], checks: _Checks, paths: Mapping[str, str]) -> None:
    for found in findings:
        key = f"{paths.get(found.service, f'{ROOT}.{found.service}')}.{found.key}"
        checks.report(key, found.problem, found.expected, found.remedy)
