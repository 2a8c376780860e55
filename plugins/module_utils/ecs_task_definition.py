"""Task definitions: when a new revision is needed, which old ones may go, and the calls for both.

Rests on RegisterTaskDefinition, DescribeTaskDefinition, ListTaskDefinitions, DeregisterTaskDefinition,
TagResource and UntagResource, and, to know what is in use, on the lists and descriptions of services and
tasks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .aws_shapes import Rules, coerced, faults, normal
from .ecs_api import (
    SERVICES_AT_ONCE,
    TASKS_AT_ONCE,
    EcsError,
    TagChange,
    batches,
    from_tags,
    short_name,
    tag_change,
    to_tags,
)

if TYPE_CHECKING:
    from botocore.model import StructureShape
    from mypy_boto3_ecs.client import ECSClient

# Lists that are not here keep their order: command, entryPoint, links, environmentFiles, dnsServers,
# healthCheck.command and mountOptions mean something else in another one.
RULES = Rules(
    sets={
        "containerDefinitions": "name",
        "containerDefinitions.credentialSpecs": "",
        "containerDefinitions.dependsOn": "containerName",
        "containerDefinitions.dockerSecurityOptions": "",
        "containerDefinitions.environment": "name",
        "containerDefinitions.extraHosts": "hostname",
        "containerDefinitions.linuxParameters.capabilities.add": "",
        "containerDefinitions.linuxParameters.capabilities.drop": "",
        "containerDefinitions.linuxParameters.devices": "hostPath",
        "containerDefinitions.linuxParameters.devices.permissions": "",
        "containerDefinitions.linuxParameters.tmpfs": "containerPath",
        "containerDefinitions.logConfiguration.secretOptions": "name",
        "containerDefinitions.mountPoints": "containerPath",
        "containerDefinitions.portMappings": "containerPort",
        "containerDefinitions.resourceRequirements": "type",
        "containerDefinitions.restartPolicy.ignoredExitCodes": "",
        "containerDefinitions.secrets": "name",
        "containerDefinitions.systemControls": "namespace",
        "containerDefinitions.ulimits": "name",
        "containerDefinitions.volumesFrom": "sourceContainer",
        "inferenceAccelerators": "deviceName",
        "placementConstraints": "expression",
        "proxyConfiguration.properties": "name",
        "requiresCompatibilities": "",
        "volumes": "name",
    },
    defaults={
        "containerDefinitions.cpu": 0,
        "containerDefinitions.disableNetworking": False,
        "containerDefinitions.essential": True,
        "containerDefinitions.healthCheck.interval": 30,
        "containerDefinitions.healthCheck.retries": 3,
        "containerDefinitions.healthCheck.startPeriod": 0,
        "containerDefinitions.healthCheck.timeout": 5,
        "containerDefinitions.interactive": False,
        "containerDefinitions.linuxParameters.devices.permissions": ["mknod", "read", "write"],
        "containerDefinitions.linuxParameters.initProcessEnabled": False,
        "containerDefinitions.mountPoints.readOnly": False,
        "containerDefinitions.portMappings.hostPort": 0,
        "containerDefinitions.portMappings.protocol": "tcp",
        "containerDefinitions.privileged": False,
        "containerDefinitions.pseudoTerminal": False,
        "containerDefinitions.readonlyRootFilesystem": False,
        "containerDefinitions.resourceRequirements.sharingStrategy.nvidiaMps.maxComputePercent": 100,
        "containerDefinitions.restartPolicy.restartAttemptPeriod": 300,
        "containerDefinitions.versionConsistency": "enabled",
        "containerDefinitions.volumesFrom.readOnly": False,
        "enableFaultInjection": False,
        "networkMode": "bridge",
        "proxyConfiguration.type": "APPMESH",
        "trustedExecutionConfiguration.isolationMode": "SHARED",
        "volumes.configuredAtLaunch": False,
        "volumes.dockerVolumeConfiguration.autoprovision": False,
        "volumes.efsVolumeConfiguration.authorizationConfig.iam": "DISABLED",
        "volumes.efsVolumeConfiguration.rootDirectory": "/",
        "volumes.efsVolumeConfiguration.transitEncryption": "DISABLED",
        "volumes.s3filesVolumeConfiguration.rootDirectory": "/",
    },
)
FARGATE_PLATFORM = {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}
# Parameters of the module, not of the definition.
OWN_OPTIONS = ("family", "tags")


def checked(family: str, definition: Mapping[str, Any], shape: StructureShape) -> dict[str, Any]:
    """Give the definition in the model's types, or name everything that is wrong with it.

    :param shape: input of RegisterTaskDefinition
    :raises EcsError: with one line for each fault
    """
    typed = {name: value for name, value in coerced(definition, shape).items() if value != ""}
    found = [
        f"{name} is an option of its own: move it out of definition" for name in OWN_OPTIONS if name in typed
    ]
    rest = {name: value for name, value in typed.items() if name not in OWN_OPTIONS}
    found += faults({**rest, "family": family}, shape)
    if found:
        raise EcsError(
            f"Task definition {family} is not what AWS takes:\n" + "\n".join(f"  {each}" for each in found)
        )
    return typed


def normalised(definition: Mapping[str, Any], shape: StructureShape) -> dict[str, Any]:
    """The form of a definition, given or AWS's own, in which equals are equal; without family and tags."""
    typed = coerced(definition, shape)
    for name in ("cpu", "memory"):
        if name in typed:
            typed[name] = _units(typed[name])
    for container in typed.get("containerDefinitions", []):
        _without_what_ecs_fills_in(container, typed.get("networkMode", "bridge"))
    if "FARGATE" in typed.get("requiresCompatibilities", []) and "runtimePlatform" in typed:
        platform = typed["runtimePlatform"]
        typed["runtimePlatform"] = {k: v for k, v in platform.items() if FARGATE_PLATFORM.get(k) != v}
    form: dict[str, Any] = normal(typed, shape, RULES)
    # An empty role or mode is none.
    return {name: value for name, value in form.items() if name not in OWN_OPTIONS and value != ""}


def _without_what_ecs_fills_in(container: dict[str, Any], network_mode: str) -> None:
    """Leave out values that ECS derives from others."""
    for mapping in container.get("portMappings", []):
        # The task has its own address: a container's port is the host's.
        if network_mode in ("awsvpc", "host") and mapping.get("hostPort") == mapping.get("containerPort"):
            mapping.pop("hostPort", None)
    if "firelensConfiguration" in container and container.get("user") == "0":
        del container["user"]


def _units(size: str) -> str:
    """Task sizes as ECS returns them: CPU units or MiB, of which "1 vCPU" and "2 GB" are 1024 and 2048."""
    match = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*(vcpu|gb)", size.strip(), re.IGNORECASE)
    return str(int(Decimal(match[1]) * 1024)) if match else size.strip()


@dataclass(frozen=True)
class Revision:
    """A revision as it is registered."""

    arn: str
    # In normal form.
    definition: Mapping[str, Any]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """What makes the family as it is wanted."""

    register: bool
    tags: TagChange = field(default_factory=TagChange)


def plan(wanted: Mapping[str, Any], tags: Mapping[str, str] | None, known: Revision | None) -> Plan:
    """Whether a new revision is needed, or tags of the known one change where it is.

    :param wanted: the definition in normal form
    """
    if known is None or known.definition != wanted:
        return Plan(register=True)
    return Plan(register=False, tags=tag_change(tags, known.tags))


def surplus(arns: Sequence[str], keep: int) -> list[str]:
    """Revisions beyond those kept, of the active ones from newest to oldest. The newest always stays."""
    return list(arns[max(keep, 1) :])


def number(arn: str) -> int:
    """Revision of a task definition's ARN."""
    return int(arn.rsplit(":", 1)[1])


class TaskDefinitions:
    """The task definitions of one family."""

    def __init__(self, client: ECSClient, family: str) -> None:
        self.client = client
        self.family = family
        shape = client.meta.service_model.operation_model("RegisterTaskDefinition").input_shape
        assert shape is not None
        self.shape: StructureShape = shape

    def active(self) -> list[str]:
        """ARNs of the active revisions, newest first."""
        pages = self.client.get_paginator("list_task_definitions").paginate(
            familyPrefix=self.family, status="ACTIVE", sort="DESC"
        )
        arns = [arn for page in pages for arn in page["taskDefinitionArns"]]
        # Some implementations take the family for a prefix, as the parameter's name says.
        return sorted((arn for arn in arns if self._is_ours(arn)), key=number, reverse=True)

    def newest(self) -> Revision | None:
        """The newest active revision; None where the family has none."""
        try:
            return self.describe(self.family)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ClientException":
                raise
            # By it ECS says that there is none, and other things.
            active = self.active()
            return self.describe(active[0]) if active else None

    def describe(self, name: str) -> Revision:
        """One revision by its ARN, or the newest active one of a family."""
        answer = self.client.describe_task_definition(taskDefinition=name, include=["TAGS"])
        found = answer["taskDefinition"]
        definition = normalised(found, self.shape)
        return Revision(found["taskDefinitionArn"], definition, from_tags(answer.get("tags", [])))

    def register(self, definition: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """Make a revision; its ARN."""
        request: dict[str, Any] = {**definition, "family": self.family}
        if tags:
            request["tags"] = to_tags(tags)
        return self.client.register_task_definition(**request)["taskDefinition"]["taskDefinitionArn"]

    def deregister(self, arns: Iterable[str]) -> None:
        """Make revisions inactive. Tasks that run them go on, and services can still start new ones."""
        for arn in arns:
            self.client.deregister_task_definition(taskDefinition=arn)

    def run_by(self, cluster: str | None, service: str | None) -> str | None:
        """ARN of the revision that a service runs; None for a service that is not there."""
        if cluster is None or service is None:
            return None
        try:
            found = self.client.describe_services(cluster=cluster, services=[service])["services"]
        except self.client.exceptions.ClusterNotFoundException:
            return None
        return next((each["taskDefinition"] for each in found if each["status"] == "ACTIVE"), None)

    def in_use(self) -> set[str]:
        """ARNs of the family's revisions that services and tasks run, in all clusters of the region."""
        pages = self.client.get_paginator("list_clusters").paginate()
        clusters = [arn for page in pages for arn in page["clusterArns"]]
        found = {
            arn for cluster in clusters for arn in (*self._of_services(cluster), *self._of_tasks(cluster))
        }
        return {arn for arn in found if self._is_ours(arn)}

    def _of_services(self, cluster: str) -> Iterable[str]:
        pages = self.client.get_paginator("list_services").paginate(cluster=cluster)
        arns = [arn for page in pages for arn in page["serviceArns"]]
        for some in batches(arns, SERVICES_AT_ONCE):
            for service in self.client.describe_services(cluster=cluster, services=some)["services"]:
                parts: list[Any] = [service, *service.get("deployments", []), *service.get("taskSets", [])]
                yield from (part["taskDefinition"] for part in parts if "taskDefinition" in part)

    def _of_tasks(self, cluster: str) -> Iterable[str]:
        pages = self.client.get_paginator("list_tasks").paginate(cluster=cluster, family=self.family)
        arns = [arn for page in pages for arn in page["taskArns"]]
        for some in batches(arns, TASKS_AT_ONCE):
            for task in self.client.describe_tasks(cluster=cluster, tasks=some)["tasks"]:
                yield task["taskDefinitionArn"]

    def _is_ours(self, arn: str) -> bool:
        return short_name(arn).rsplit(":", 1)[0] == self.family
