"""ECS services: what differs from the description, which of it ECS can change in place, and the calls for it.

Rests on DescribeServices, DescribeServiceRevisions, CreateService, UpdateService, DeleteService, TagResource
and UntagResource. A member that the description leaves out is to have AWS's default, but for those of
:data:`LEFT_ALONE`, whose default is another party's choice.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from .aws_shapes import Rules, coerced, differing, faults, normal, restoring
from .ecs_api import SERVICES_AT_ONCE, EcsError, batches, short_name, to_tags

if TYPE_CHECKING:
    from botocore.model import StructureShape
    from mypy_boto3_ecs.client import ECSClient

SETS = {
    "capacityProviderStrategy": "capacityProvider",
    "deploymentConfiguration.alarms.alarmNames": "",
    "deploymentConfiguration.lifecycleHooks.lifecycleStages": "",
    "gatewayConnectors": "portName",
    "gatewayConnectors.filters.accessTypes": "",
    "loadBalancers": "targetGroupArn",
    "monitoring.metricConfigurations": "resolutionSeconds",
    "monitoring.metricConfigurations.metricNames": "",
    "networkConfiguration.awsvpcConfiguration.securityGroups": "",
    "networkConfiguration.awsvpcConfiguration.subnets": "",
    "placementConstraints": "expression",
    "serviceConnectConfiguration.containerConfigurations": "logLevel",
    "serviceConnectConfiguration.logConfiguration.secretOptions": "name",
    "serviceConnectConfiguration.services": "portName",
    "serviceConnectConfiguration.services.clientAliases": "port",
    "serviceRegistries": "registryArn",
    "volumeConfigurations": "name",
    "volumeConfigurations.managedEBSVolume.tagSpecifications": "resourceType",
    "volumeConfigurations.managedEBSVolume.tagSpecifications.tags": "key",
    "vpcLatticeConfigurations": "targetGroupArn",
}
# The value of a structure is what UpdateService wants to hear to be rid of it.
DEFAULTS = {
    "capacityProviderStrategy.base": 0,
    "capacityProviderStrategy.weight": 0,
    "deploymentConfiguration.alarms": {"alarmNames": [], "enable": False, "rollback": False},
    "deploymentConfiguration.alarms.enable": False,
    "deploymentConfiguration.alarms.rollback": False,
    "deploymentConfiguration.bakeTimeInMinutes": 0,
    "deploymentConfiguration.canaryConfiguration.canaryBakeTimeInMinutes": 10,
    "deploymentConfiguration.canaryConfiguration.canaryPercent": 5.0,
    "deploymentConfiguration.deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "deploymentConfiguration.deploymentCircuitBreaker.enable": False,
    "deploymentConfiguration.deploymentCircuitBreaker.resetOnHealthyTask": True,
    "deploymentConfiguration.deploymentCircuitBreaker.rollback": False,
    "deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration": {
        "type": "BOUNDED_PERCENT",
        "value": 50,
    },
    "deploymentConfiguration.earlySuccessCriteria": {"enable": False},
    "deploymentConfiguration.earlySuccessCriteria.enable": False,
    "deploymentConfiguration.lifecycleHooks": [],
    "deploymentConfiguration.lifecycleHooks.targetType": "AWS_LAMBDA",
    "deploymentConfiguration.lifecycleHooks.timeoutConfiguration.action": "ROLLBACK",
    "deploymentConfiguration.lifecycleHooks.timeoutConfiguration.timeoutInMinutes": 1440,
    "deploymentConfiguration.linearConfiguration.stepBakeTimeInMinutes": 6,
    "deploymentConfiguration.linearConfiguration.stepPercent": 10.0,
    "deploymentConfiguration.maximumPercent": 200,
    "deploymentConfiguration.minimumHealthyPercent": 100,
    "deploymentConfiguration.strategy": "ROLLING",
    "deploymentController": {"type": "ECS"},
    "deploymentController.type": "ECS",
    "enableECSManagedTags": False,
    "enableExecuteCommand": False,
    "gatewayConnectors.deregistrationDelay.timeoutSeconds": 300,
    "healthCheckGracePeriodSeconds": 0,
    "loadBalancers": [],
    "networkConfiguration.awsvpcConfiguration.assignPublicIp": "DISABLED",
    "placementConstraints": [],
    "placementStrategy": [],
    "platformVersion": "LATEST",
    "propagateTags": "NONE",
    "schedulingStrategy": "REPLICA",
    "serviceConnectConfiguration": {"enabled": False},
    "serviceConnectConfiguration.accessLogConfiguration.includeQueryParameters": "DISABLED",
    "serviceConnectConfiguration.containerConfigurations.logLevel": "info",
    "serviceConnectConfiguration.enabled": False,
    "serviceRegistries": [],
    "volumeConfigurations": [],
    "volumeConfigurations.managedEBSVolume.filesystemType": "xfs",
    "vpcLatticeConfigurations": [],
}
RULES = Rules(SETS, DEFAULTS)
# One task on each instance, so none can be started beside an old one.
DAEMON_RULES = Rules(
    SETS,
    {
        **DEFAULTS,
        "deploymentConfiguration.maximumPercent": 100,
        "deploymentConfiguration.minimumHealthyPercent": 0,
    },
)
# Not spoken of, these stay as they are: the account, the cluster, the VPC or autoscaling decides.
LEFT_ALONE = {
    "availabilityZoneRebalancing",
    "capacityProviderStrategy",
    "deploymentConfiguration.canaryConfiguration",
    "deploymentConfiguration.linearConfiguration",
    "desiredCount",
    "gatewayConnectors",
    "launchType",
    "monitoring",
    "networkConfiguration",
    "networkConfiguration.awsvpcConfiguration.securityGroups",
    "role",
    "serviceConnectConfiguration.namespace",
}
# Parameters of the module, or of the call, not of the service.
OWN_OPTIONS = ("serviceName", "cluster", "tags", "clientToken")
# Members that DescribeServices shows in the deployment only.
IN_DEPLOYMENT = ("serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations")
# Members that it does not show at all, but DescribeServiceRevisions does.
IN_REVISION = ("gatewayConnectors", "monitoring")


def checked(name: str, service: Mapping[str, Any], shape: StructureShape) -> dict[str, Any]:
    """Give the description in the model's types, or name everything that is wrong with it.

    :param shape: input of CreateService
    :raises EcsError: with one line for each fault
    """
    typed = {name: value for name, value in coerced(service, shape).items() if value != ""}
    found = [
        f"{each} is an option of its own: move it out of service" for each in OWN_OPTIONS if each in typed
    ]
    rest = {key: value for key, value in typed.items() if key not in OWN_OPTIONS}
    found += faults({**rest, "serviceName": name}, shape)
    if not re.search(r":([0-9]+|new)$", str(typed.get("taskDefinition", ""))):
        given = typed.get("taskDefinition")
        found.append(f"taskDefinition is {given}: expected family:revision, or the ARN of a revision")
    if typed.get("launchType") and typed.get("capacityProviderStrategy"):
        found.append("launchType and capacityProviderStrategy exclude each other")
    if found:
        raise EcsError(f"Service {name} is not what AWS takes:\n" + "\n".join(f"  {each}" for each in found))
    return typed


def normalised(service: Mapping[str, Any], shape: StructureShape) -> dict[str, Any]:
    """The form of a service, given or :func:`described`, in which equals are equal."""
    typed = coerced(service, shape)
    for name in ("taskDefinition", "role"):
        if name in typed:
            typed[name] = short_name(typed[name])
    form: dict[str, Any] = normal(typed, shape, _rules(typed))
    # An empty role or version is none.
    return {name: value for name, value in form.items() if name not in OWN_OPTIONS and value != ""}


def _rules(service: Mapping[str, Any]) -> Rules:
    return DAEMON_RULES if service.get("schedulingStrategy") == "DAEMON" else RULES


def primary(service: Mapping[str, Any]) -> Mapping[str, Any]:
    """The deployment that a service is on its way to, or has reached; empty under another controller."""
    return next((each for each in service.get("deployments", []) if each["status"] == "PRIMARY"), {})


def described(service: Mapping[str, Any], revision: Mapping[str, Any]) -> dict[str, Any]:
    """The members of CreateService as AWS shows them in several places.

    :param service: of DescribeServices
    :param revision: of DescribeServiceRevisions; empty where nobody asks for what only it shows
    """
    parts = {
        **service,
        **{name: primary(service)[name] for name in IN_DEPLOYMENT if name in primary(service)},
        **{name: revision[name] for name in IN_REVISION if name in revision},
    }
    return {**parts, "role": service["roleArn"]} if service.get("roleArn") else parts


@dataclass(frozen=True)
class Change:
    """What makes a service as described."""

    # Members for UpdateService.
    update: Mapping[str, Any]
    # Members that only a new service can have otherwise: as it is, as wanted.
    fixed: Mapping[str, tuple[Any, Any]]
    # Normal form of the service afterwards.
    after: Mapping[str, Any]


def compare(
    wanted: Mapping[str, Any], actual: Mapping[str, Any], create: StructureShape, update: StructureShape
) -> Change:
    """What differs.

    :param wanted: as :func:`checked` gives it
    :param actual: as :func:`described` gives it
    :param create: input of CreateService
    :param update: input of UpdateService: what it does not take, ECS never changes
    """
    is_form, form = normalised(actual, create), normalised(wanted, create)
    if "launchType" in form and "capacityProviderStrategy" in is_form:
        # The way back to a launch type is an empty strategy, says the API.
        wanted = {**wanted, "capacityProviderStrategy": []}
        is_form["launchType"] = form["launchType"]
    managed = _managed(is_form, wanted)
    names = differing(form, managed)
    after = {**{name: value for name, value in is_form.items() if name not in names}, **form}
    defaults = _rules(wanted).defaults
    sent = restoring(wanted, managed, create, defaults)
    return Change(
        update={name: sent[name] for name in names if name in update.members},
        fixed={
            name: (managed.get(name, defaults.get(name)), form.get(name, defaults.get(name)))
            for name in names
            if name not in update.members
        },
        after=dict(sorted(after.items())),
    )


def _managed(actual: Mapping[str, Any], wanted: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """The part of a service that the description decides on."""
    kept = {}
    for name, value in actual.items():
        inner = f"{path}.{name}" if path else name
        if name not in wanted and inner in LEFT_ALONE:
            continue
        nested = isinstance(value, dict) and any(each.startswith(f"{inner}.") for each in LEFT_ALONE)
        kept[name] = _managed(value, wanted.get(name, {}), inner) if nested else value
    return {name: value for name, value in kept.items() if value != {}}


def find_all(client: ECSClient, cluster: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Services by name as DescribeServices shows them; without those that are not there, as in no cluster."""
    found: dict[str, dict[str, Any]] = {}
    for some in batches(names, SERVICES_AT_ONCE):
        try:
            answer = client.describe_services(cluster=cluster, services=some, include=["TAGS"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "ClusterNotFoundException":
                return {}
            raise
        here = (service for service in answer["services"] if service["status"] != "INACTIVE")
        found.update({service["serviceName"]: cast("dict[str, Any]", service) for service in here})
    return found


class Service:
    """One service of a cluster.

    :param timeout: seconds to wait until a deleted one is gone
    """

    def __init__(
        self,
        client: ECSClient,
        cluster: str,
        name: str,
        timeout: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self.cluster = cluster
        self.name = name
        self.timeout = timeout
        self.sleep = sleep
        model = client.meta.service_model
        self.create_shape = cast("StructureShape", model.operation_model("CreateService").input_shape)
        self.update_shape = cast("StructureShape", model.operation_model("UpdateService").input_shape)

    def find(self) -> dict[str, Any] | None:
        """The service as DescribeServices shows it; None where there is none, or no cluster."""
        return find_all(self.client, self.cluster, [self.name]).get(self.name)

    def revision(self, service: Mapping[str, Any]) -> dict[str, Any]:
        """The service revision that the service runs or is on its way to; empty where there is none."""
        arns = [summary["arn"] for summary in service.get("currentServiceRevisions", [])]
        if not arns:
            return {}
        answer = self.client.describe_service_revisions(serviceRevisionArns=arns)
        return cast("dict[str, Any]", max(answer["serviceRevisions"], key=lambda each: each["createdAt"]))

    def create(self, members: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
        """Make it; as CreateService answers."""
        request: dict[str, Any] = {**members, "cluster": self.cluster, "serviceName": self.name}
        if tags:
            request["tags"] = to_tags(tags)
        return cast("dict[str, Any]", self.client.create_service(**request)["service"])

    def update(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """Change it; as UpdateService answers."""
        request: dict[str, Any] = {**members, "cluster": self.cluster, "service": self.name}
        return cast("dict[str, Any]", self.client.update_service(**request)["service"])

    def delete(self) -> None:
        """Remove it with its tasks, and wait until it is gone."""
        self.client.delete_service(cluster=self.cluster, service=self.name, force=True)
        self.await_gone()

    def await_gone(self) -> None:
        """Wait until a service that drains is gone: until then its name is taken.

        :raises EcsError: after the timeout
        """
        deadline = time.monotonic() + self.timeout
        while service := self.find():
            if time.monotonic() > deadline:
                raise EcsError(
                    f"Service {self.name} is still {service['status']} after {self.timeout:g} s with "
                    f"{service['runningCount']} tasks running: run again, or give it longer (timeout, which "
                    "must exceed its containers' stop timeout and its target groups' deregistration delay)"
                )
            self.sleep(1)
