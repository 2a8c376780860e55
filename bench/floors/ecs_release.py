"""One process that gives services another image by boto3, all at once, and asks every tenth of a second.

    python -m bench.floors.ecs_release CLUSTER IMAGE SERVICE...

What it takes is what the platform itself needs.
"""

import sys
import time
from typing import Any

from tests.e2e.environment import aws

PAUSE = 0.1
TIMEOUT = 600.0
#: What DescribeServices takes.
AT_ONCE = 10
#: What DescribeTaskDefinition gives and RegisterTaskDefinition does not take.
GIVEN = {
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deltaDefinition",
}


def described(ecs: Any, cluster: str, names: list[str]) -> list[dict[str, Any]]:
    """Describe services by their names."""
    found: list[dict[str, Any]] = []
    for first in range(0, len(names), AT_ONCE):
        asked = names[first : first + AT_ONCE]
        found += ecs.describe_services(cluster=cluster, services=asked)["services"]
    return found


def update(ecs: Any, cluster: str, service: dict[str, Any], image: str) -> str:
    """Register the service's definition with another image, begin its deployment, and return the revision."""
    answer = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    definition = {key: value for key, value in answer.items() if key not in GIVEN}
    for container in definition["containerDefinitions"]:
        container["image"] = image
    revision: str = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster=cluster, service=service["serviceName"], taskDefinition=revision)
    return revision


def steady(service: dict[str, Any], revision: str) -> bool:
    """Whether a service runs a revision and nothing else. Raises RuntimeError where its deployment failed."""
    (primary,) = (each for each in service["deployments"] if each["status"] == "PRIMARY")
    if primary["rolloutState"] == "FAILED" or primary["taskDefinition"] != revision:
        raise RuntimeError(f"{service['serviceName']}: {primary}")
    alone = len(service["deployments"]) == 1 and service["runningCount"] == service["desiredCount"]
    return bool(alone and primary["rolloutState"] == "COMPLETED")


def main() -> int:
    """Update all services, and return when all are steady."""
    cluster, image, *names = sys.argv[1:]
    ecs = aws("ecs")
    revisions = {
        service["serviceName"]: update(ecs, cluster, service, image)
        for service in described(ecs, cluster, names)
    }
    until = time.monotonic() + TIMEOUT
    while waiting := [
        service["serviceName"]
        for service in described(ecs, cluster, names)
        if not steady(service, revisions[service["serviceName"]])
    ]:
        if time.monotonic() > until:
            raise TimeoutError(f"not steady after {TIMEOUT:g} s: {', '.join(waiting)}")
        time.sleep(PAUSE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
