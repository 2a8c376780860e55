"""Targets: registered by id and port, healthy when they are, drained before they go."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ministack.services import alb

from lab.conformance import elb_probe
from lab.conformance.around import Parameters, Record, Response
from lab.conformance.elb_describe import users
from lab.conformance.elb_probe import Health
from lab.settings import Settings

TICK_SECONDS = 0.25
PROBES_AT_ONCE = 8

# By target group ARN, target id and port.
Key = tuple[str, str, int]
HEALTH: dict[Key, Health] = {}
IN_FLIGHT: dict[Key, int] = {}
# What patches do with a target before it is registered.
REGISTERING: list[Callable[[Record, Record], None]] = []


def key_of(group: Record, target: Record) -> Key:
    """A target's identity: the same id may be registered on several ports."""
    return group["TargetGroupArn"], target["Id"], int(target.get("Port") or group["Port"])


def targets_are_registered_by_id_and_port(_settings: Settings) -> None:
    """A target is an id and a port, so one id may be registered twice; one not registered is `unused`."""

    def register(p: Parameters) -> Response:
        return _with_group(p, "RegisterTargets", _register)

    def deregister(p: Parameters) -> Response:
        return _with_group(p, "DeregisterTargets", _deregister)

    def describe(p: Parameters) -> Response:
        arn = alb._p(p, "TargetGroupArn")
        group = alb._tgs.get(arn)
        if group is None:
            return _not_found(arn)
        registered = {key_of(group, target): target for target in alb._targets.get(arn, [])}
        asked = [_full(group, target) for target in alb._parse_targets_param(p)]
        chosen = asked or list(registered.values())
        members = [_health_xml(group, target, key_of(group, target) in registered) for target in chosen]
        inner = f"<TargetHealthDescriptions>{''.join(members)}</TargetHealthDescriptions>"
        answer: Response = alb._xml(200, "DescribeTargetHealth", inner)
        return answer

    alb._ACTION_MAP.update(
        {"RegisterTargets": register, "DeregisterTargets": deregister, "DescribeTargetHealth": describe}
    )


def _with_group(p: Parameters, action: str, change: Callable[[Record, list[Record]], None]) -> Response:
    arn = alb._p(p, "TargetGroupArn")
    group = alb._tgs.get(arn)
    if group is None:
        return _not_found(arn)
    change(group, [_full(group, target) for target in alb._parse_targets_param(p)])
    answer: Response = alb._empty(action)
    return answer


def _full(group: Record, target: Record) -> Record:
    return {"Id": target["Id"], "Port": int(target.get("Port") or group["Port"])}


def _register(group: Record, targets: list[Record]) -> None:
    keys = {key_of(group, target) for target in targets}
    arn = group["TargetGroupArn"]
    present = alb._targets.get(arn, [])
    staying = [each for each in present if key_of(group, each) not in keys]
    again = [each for each in present if key_of(group, each) in keys and "DrainingUntil" not in each]
    known = {key_of(group, each) for each in again}
    for target in targets:
        if key_of(group, target) not in known:
            for prepare in REGISTERING:
                prepare(group, target)
    alb._targets[arn] = staying + again + [each for each in targets if key_of(group, each) not in known]


def _deregister(group: Record, targets: list[Record]) -> None:
    keys = {key_of(group, target) for target in targets}
    arn = group["TargetGroupArn"]
    alb._targets[arn] = [each for each in alb._targets.get(arn, []) if key_of(group, each) not in keys]
    for key in keys:
        HEALTH.pop(key, None)


def _not_found(arn: str) -> Response:
    answer: Response = alb._error("TargetGroupNotFound", f"Target group '{arn}' not found.")
    return answer


def _health_xml(group: Record, target: Record, registered: bool) -> str:
    if registered:
        health = HEALTH.get(key_of(group, target), elb_probe.HEALTHY)
    else:
        health = Health("unused", "Target.NotRegistered", "Target is not registered to the target group")
    if "DrainingUntil" in target:
        health = elb_probe.DRAINING
    reason = f"<Reason>{health.reason}</Reason>" if health.reason else ""
    description = f"<Description>{alb._esc(health.description)}</Description>" if health.description else ""
    port = int(target.get("Port") or group["Port"])
    checked = port if group["HealthCheckPort"] == "traffic-port" else group["HealthCheckPort"]
    return (
        f"<member><Target><Id>{target['Id']}</Id><Port>{port}</Port></Target>"
        f"<HealthCheckPort>{checked}</HealthCheckPort>"
        f"<TargetHealth><State>{health.state}</State>{reason}{description}</TargetHealth></member>"
    )


def target_health_follows_health_checks(_settings: Settings) -> None:
    """A target's health is what its health checks found, by the group's interval, thresholds and matcher."""
    pool = ThreadPoolExecutor(PROBES_AT_ONCE, thread_name_prefix="lab-health")

    def not_healthy_yet(group: Record, target: Record) -> None:
        if group["HealthCheckEnabled"]:
            HEALTH[key_of(group, target)] = elb_probe.initial()

    REGISTERING.append(not_healthy_yet)

    def watch() -> None:
        while True:
            now = time.monotonic()
            for group, target in _all_targets():
                if "DrainingUntil" in target:
                    continue
                health = HEALTH.setdefault(key_of(group, target), elb_probe.initial())
                if not users(group["TargetGroupArn"]):
                    HEALTH[key_of(group, target)] = elb_probe.not_in_use()
                elif health.due <= now and not health.probing:
                    if health.state == "unused":
                        health = HEALTH[key_of(group, target)] = elb_probe.initial()
                    health.probing = True
                    health.due = now + group["HealthCheckIntervalSeconds"]
                    pool.submit(elb_probe.check, group, target, health)
            time.sleep(TICK_SECONDS)

    threading.Thread(target=watch, name="lab-health", daemon=True).start()


def _all_targets() -> list[tuple[Record, Record]]:
    """Every target that can be probed, of every account and region."""
    found = []
    for (account, _region, arn), group in alb._tgs.all_items():
        if group["TargetType"] in ("instance", "ip") and group["HealthCheckEnabled"]:
            found += [(group, target) for target in alb._targets.get_scoped(account, "", arn, [])]
    return found


def deregistered_targets_drain(_settings: Settings) -> None:
    """A deregistered target is `draining` until its requests are answered or its delay is over."""

    def drain(group: Record, targets: list[Record]) -> None:
        delay = _attribute(group["TargetGroupArn"], "deregistration_delay.timeout_seconds", 300)
        keys = {key_of(group, target) for target in targets}
        for target in alb._targets.get(group["TargetGroupArn"], []):
            if key_of(group, target) in keys:
                target.setdefault("DrainingUntil", time.time() + delay)

    def deregister(p: Parameters) -> Response:
        return _with_group(p, "DeregisterTargets", drain)

    alb._ACTION_MAP["DeregisterTargets"] = deregister

    def watch() -> None:
        while True:
            for (account, region, arn), group in alb._tgs.all_items():
                present = alb._targets.get_scoped(account, region, arn, [])
                staying = [each for each in present if not _drained(group, each)]
                if len(staying) < len(present):
                    alb._targets.set_scoped(account, region, arn, staying)
                for each in present:
                    if each not in staying:
                        HEALTH.pop(key_of(group, each), None)
            time.sleep(TICK_SECONDS)

    threading.Thread(target=watch, name="lab-draining", daemon=True).start()


def _drained(group: Record, target: Record) -> bool:
    if "DrainingUntil" not in target:
        return False
    return time.time() >= target["DrainingUntil"] or not IN_FLIGHT.get(key_of(group, target))


def _attribute(arn: str, name: str, default: int) -> int:
    for attribute in alb._tg_attrs.get(arn, []):
        if attribute["Key"] == name:
            return int(attribute["Value"])
    return default
