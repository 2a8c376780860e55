"""An ECS cluster as it should be, as it is, and the calls that make them equal.

community.aws.ecs_cluster knows neither settings (Container Insights) nor Service Connect nor tags.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .ecs_api import EcsError, from_tags, to_tags

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient

PROVIDERS = ("FARGATE", "FARGATE_SPOT")


@dataclass(frozen=True)
class Cluster:
    """One cluster, as wanted or as it is."""

    name: str
    # disabled, enabled or enhanced.
    container_insights: str
    # The Cloud Map namespace in which services find each other; ECS makes it where it is missing.
    namespace: str
    tags: Mapping[str, str]
    providers: tuple[str, ...] = PROVIDERS
    arn: str = field(default="", compare=False)

    def shown(self) -> dict[str, Any]:
        """Give the settings for a diff."""
        return {key: value for key, value in asdict(self).items() if key != "arn"}


class Clusters:
    """The clusters of one account and region."""

    def __init__(self, client: ECSClient) -> None:
        self._client = client

    def actual(self, name: str) -> Cluster | None:
        """Read a cluster; None where there is none, or only one that was deleted.

        Raises:
            EcsError: it is being deleted or made by somebody else at this moment.
        """
        found = self._client.describe_clusters(
            clusters=[name], include=["SETTINGS", "TAGS", "CONFIGURATIONS"]
        )["clusters"]
        if not found or found[0]["status"] == "INACTIVE":
            return None
        (cluster,) = found
        if cluster["status"] in {"DEPROVISIONING", "FAILED"}:
            raise EcsError(
                f"the cluster {name} is {cluster['status']}: wait until it is gone "
                f"(aws ecs describe-clusters --clusters {name}), or delete it, and run again"
            )
        settings = {setting["name"]: setting["value"] for setting in cluster.get("settings", [])}
        namespace = cluster.get("serviceConnectDefaults", {}).get("namespace", "")
        tags = from_tags(cluster.get("tags", []))
        return Cluster(
            name,
            settings.get("containerInsights", "disabled"),
            # Given by name, returned as an ARN that holds the id alone: its name is in our tags.
            tags.get("slipway_namespace", namespace),
            tags,
            tuple(sorted(cluster.get("capacityProviders", []))),
            arn=cluster["clusterArn"],
        )

    def create(self, wanted: Cluster) -> str:
        """Create a cluster and give its ARN."""
        made = self._client.create_cluster(
            clusterName=wanted.name,
            settings=[{"name": "containerInsights", "value": wanted.container_insights}],
            serviceConnectDefaults={"namespace": wanted.namespace},
            capacityProviders=list(wanted.providers),
            defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
            tags=to_tags(wanted.tags),
        )
        return made["cluster"]["clusterArn"]

    def mend(self, wanted: Cluster, actual: Cluster) -> None:
        """Change what differs."""
        if (wanted.container_insights, wanted.namespace) != (actual.container_insights, actual.namespace):
            self._client.update_cluster(
                cluster=wanted.name,
                settings=[{"name": "containerInsights", "value": wanted.container_insights}],
                serviceConnectDefaults={"namespace": wanted.namespace},
            )
        if wanted.providers != actual.providers:
            self._client.put_cluster_capacity_providers(
                cluster=wanted.name,
                capacityProviders=list(wanted.providers),
                defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
            )
        if wanted.tags != actual.tags:
            self._client.tag_resource(
                resourceArn=actual.arn,
                tags=to_tags(wanted.tags),
            )

    def delete(self, name: str, timeout: float) -> None:
        """Delete a cluster, waiting until its tasks have ended."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._client.delete_cluster(cluster=name)
            except (
                self._client.exceptions.ClusterContainsTasksException,
                self._client.exceptions.ClusterContainsServicesException,
            ) as error:
                if time.monotonic() > deadline:
                    raise EcsError(f"{error}: they did not end within {timeout:.0f} s") from error
                time.sleep(2)
            else:
                return


def converge(clusters: Clusters, wanted: Cluster, *, check_mode: bool) -> dict[str, Any]:
    """Make the cluster as wanted; give changed, its ARN and the diff. Tags of others stay."""
    actual = clusters.actual(wanted.name)
    tags = {**(actual.tags if actual else {}), **wanted.tags, "slipway_namespace": wanted.namespace}
    goal = replace(wanted, tags=tags)
    arn = actual.arn if actual else ""
    if goal != actual and not check_mode:
        if actual is None:
            arn = clusters.create(goal)
        else:
            clusters.mend(goal, actual)
    return {
        "changed": goal != actual,
        "arn": arn,
        "diff": {"before": actual.shown() if actual else {}, "after": goal.shown()},
    }


def remove(clusters: Clusters, name: str, *, timeout: float, check_mode: bool) -> dict[str, Any]:
    """Remove the cluster."""
    actual = clusters.actual(name)
    if actual and not check_mode:
        clusters.delete(name, timeout)
    return {
        "changed": actual is not None,
        "diff": {"before": actual.shown() if actual else {}, "after": {}},
    }
