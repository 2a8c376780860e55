"""One health check of one target, and what a load balancer concludes from a row of them."""

import http.client
import logging
from dataclasses import dataclass

from ministack.services import ec2

from lab.conformance.around import Record

logger = logging.getLogger("lab.health")


@dataclass
class Health:
    """What DescribeTargetHealth says of a target, and how it came to that."""

    state: str
    reason: str = ""
    description: str = ""
    passed: int = 0
    failed: int = 0
    due: float = 0.0
    probing: bool = False


HEALTHY = Health("healthy")
DRAINING = Health("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")


def initial() -> Health:
    """Of a target just registered."""
    return Health("initial", "Elb.RegistrationInProgress", "Target registration is in progress")


def not_in_use() -> Health:
    """Of a target in a group that no load balancer forwards to."""
    return Health(
        "unused",
        "Target.NotInUse",
        "Target group is not configured to receive traffic from the load balancer",
    )


def address_of(target_id: str) -> str | None:
    """Where a target is: an instance's address, or the id if that is an address; None for a lost instance."""
    if not target_id.startswith("i-"):
        return target_id
    for key, instance in ec2._instances.all_items():
        if key[-1] == target_id and instance["State"]["Name"] == "running":
            return str(instance["PrivateIpAddress"])
    return None


def check(group: Record, target: Record, health: Health) -> None:
    """Probe once and draw the conclusion."""
    try:
        found = _probe(group, target)
        if found is None:
            _pass(group, health)
        else:
            _fail(group, health, *found)
    finally:
        health.probing = False


def _probe(group: Record, target: Record) -> tuple[str, str] | None:
    """Nothing if the target is well, else the reason code and its description."""
    address = address_of(target["Id"])
    if address is None:
        return "Target.InvalidState", "Target is not in the running state"
    wanted = group["HealthCheckPort"]
    port = int(target.get("Port") or group["Port"]) if wanted == "traffic-port" else int(wanted)
    connection = http.client.HTTPConnection(address, port, timeout=group["HealthCheckTimeoutSeconds"])
    try:
        headers = {"User-Agent": "ELB-HealthChecker/2.0", "Connection": "close"}
        connection.request("GET", group["HealthCheckPath"], headers=headers)
        status = connection.getresponse().status
    except TimeoutError:
        return "Target.Timeout", "Request timed out"
    except (OSError, http.client.HTTPException):
        return "Target.FailedHealthChecks", "Health checks failed"
    finally:
        connection.close()
    if matches(status, group["Matcher"]["HttpCode"]):
        return None
    return "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]"


def matches(status: int, matcher: str) -> bool:
    """Whether a status is one that a matcher such as `200,301` or `200-299` names."""
    for part in matcher.split(","):
        first, _, last = part.partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False


def _pass(group: Record, health: Health) -> None:
    health.passed, health.failed = health.passed + 1, 0
    # The first check of a new target decides; one that was unhealthy must pass several.
    if health.state != "unhealthy" or health.passed >= group["HealthyThresholdCount"]:
        _become(health, "healthy", "", "")


def _fail(group: Record, health: Health, reason: str, description: str) -> None:
    health.passed, health.failed = 0, health.failed + 1
    if health.failed >= group["UnhealthyThresholdCount"]:
        _become(health, "unhealthy", reason, description)
    elif health.state == "initial":
        _become(health, "initial", "Elb.InitialHealthChecking", "Initial health checks in progress")


def _become(health: Health, state: str, reason: str, description: str) -> None:
    if state != health.state:
        logger.info("target is %s %s", state, description)
    health.state, health.reason, health.description = state, reason, description
