"""Whether a service runs, and whether others find it by its name.

Rests on DescribeServices, UpdateService, ListTasks and DescribeTasks. Under Service Connect, a service that
publishes no name is reached by nobody that was not told the address of its task, which is another each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .ecs_access_states import ABSENT, CLOSED, OPEN, STOPPED
from .ecs_api import EcsError
from .ecs_service import Service, primary
from .ecs_views import discovery

if TYPE_CHECKING:
    from mypy_boto3_ecs.client import ECSClient


def access(service: Mapping[str, Any] | None) -> str:
    """Tell the access to a service of DescribeServices."""
    if service is None or service["status"] != "ACTIVE":
        return ABSENT
    if service["desiredCount"] == 0:
        return STOPPED
    return OPEN if _connect(service).get("services") else CLOSED


def change(service: Mapping[str, Any], port: int, wanted: str) -> dict[str, Any]:
    """Give the members for UpdateService that make the access what is wanted, empty where it is.

    :raises EcsError: nobody has found the service by a name of Service Connect
    """
    actual, connect = access(service), _connect(service)
    if actual == wanted:
        return {}
    if wanted == STOPPED:
        return {"desiredCount": 0}
    if "namespace" not in connect:
        raise EcsError(
            f"Service {service['serviceName']} does not use Service Connect: expected one that Slipway "
            "deployed, whose name can be withdrawn"
        )
    published = discovery(service["serviceName"], port, connect["namespace"])
    members = {"desiredCount": 1} if actual == STOPPED else {}
    services = published["services"] if wanted == OPEN else []
    return {**members, "serviceConnectConfiguration": {**published, "services": services}}


def _connect(service: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = primary(service).get("serviceConnectConfiguration", {})
    return found


def address(tasks: Sequence[Mapping[str, Any]]) -> str:
    """Give the private address of the one task of DescribeTasks that runs; empty unless there is one."""
    found = [
        detail["value"]
        for task in tasks
        if task["lastStatus"] == "RUNNING"
        for attachment in task["attachments"]
        if attachment["type"] == "ElasticNetworkInterface"
        for detail in attachment["details"]
        if detail["name"] == "privateIPv4Address"
    ]
    return found[0] if len(found) == 1 else ""


def start_seconds(tasks: Sequence[Mapping[str, Any]]) -> float:
    """Give how long the slowest of the tasks needed from its creation until it ran."""
    spans = [task["startedAt"] - task["createdAt"] for task in tasks if "startedAt" in task]
    return round(max((span.total_seconds() for span in spans), default=0.0), 1)


@dataclass(frozen=True)
class Found:
    """A service, and its tasks that run or are to run."""

    service: Mapping[str, Any] | None
    tasks: Sequence[Mapping[str, Any]]


class ServiceAccess:
    """The access to one service of a cluster."""

    def __init__(self, client: ECSClient, cluster: str, name: str) -> None:
        self.client = client
        self.cluster = cluster
        self.service = Service(client, cluster, name, timeout=0)

    def find(self) -> Found:
        """Look at it."""
        service = self.service.find()
        if access(service) in (ABSENT, STOPPED):
            return Found(service, ())
        arns = self.client.list_tasks(cluster=self.cluster, serviceName=self.service.name)["taskArns"]
        tasks = self.client.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"] if arns else []
        return Found(service, tasks)

    def check(self, service: Mapping[str, Any] | None, deployment: str | None) -> Mapping[str, Any]:
        """Give a service that is there, and has the deployment that it is expected to have.

        :raises EcsError: it is not as expected
        """
        if service is None or access(service) == ABSENT:
            raise EcsError(f"There is no service {self.service.name} in cluster {self.cluster}")
        now = primary(service).get("id")
        if deployment and now != deployment:
            raise EcsError(
                f"Service {self.service.name} was changed by somebody else: its deployment is {now}, "
                f"expected {deployment}. It is left as it is"
            )
        return service
