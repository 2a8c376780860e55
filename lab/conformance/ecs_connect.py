"""Service Connect: services of a namespace reach each other by name."""

import contextlib
from collections.abc import Callable

from docker.errors import APIError, NotFound
from ministack.services import ecs

from lab.conformance import ecs_run
from lab.conformance.around import Parameters, Record, Response, around
from lab.conformance.ecs_run import Run
from lab.network import LAB_LABEL
from lab.settings import Settings

CONFIGURATION = "serviceConnectConfiguration"
IN_DEPLOYMENTS = (CONFIGURATION, "volumeConfigurations", "vpcLatticeConfigurations")


def deployments_show_what_their_tasks_are_given(_settings: Settings) -> None:
    """Service Connect, volumes and VPC Lattice are part of the deployments that DescribeServices shows."""

    def shown(original: Callable[[Parameters], Response], data: Parameters) -> Response:
        answer = original(data)
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        reference = ecs._resolve_service_ref(data.get("service", data.get("serviceName", "")))
        service = ecs._services.get(f"{cluster}/{reference[0]}") if reference else None
        if answer[0] == 200 and service:
            given = {name: service[name] for name in IN_DEPLOYMENTS if service.get(name)}
            ecs._primary_deployment(service).update(given)
        return answer

    around(ecs, "_create_service")(shown)
    around(ecs, "_update_service")(shown)


def services_find_each_other_by_service_connect(settings: Settings) -> None:
    """Tasks of services with Service Connect reach the others of their namespace by client alias."""

    def join(run: Run) -> None:
        configuration = _configuration(run)
        if not configuration.get("enabled") or run.pause is None:
            return
        aliases = [
            alias.get("dnsName") or each.get("discoveryName") or each["portName"]
            for each in configuration.get("services", [])
            for alias in each.get("clientAliases", [])
        ]
        name = _network(settings, configuration["namespace"])
        try:
            network = run.client.networks.get(name)
        except NotFound:
            # Internal, so that it is nobody's way to the internet.
            network = run.client.networks.create(
                name, internal=True, labels={LAB_LABEL: settings.network}, check_duplicate=True
            )
        network.connect(run.pause, aliases=aliases)

    def leave(run: Run) -> None:
        configuration = _configuration(run)
        if configuration.get("enabled"):
            # The last one out; another task in it is no fault.
            with contextlib.suppress(APIError):
                run.client.networks.get(_network(settings, configuration["namespace"])).remove()

    ecs_run.ATTACHED.append(join)
    ecs_run.ENDED.append(leave)


def _configuration(run: Run) -> Record:
    name = run.task.get("group", "").removeprefix("service:")
    cluster = ecs._cluster_name_from_arn(run.task["clusterArn"])
    service = ecs._services.get(f"{cluster}/{name}") or {}
    return dict(service.get(CONFIGURATION) or {})


def _network(settings: Settings, namespace: str) -> str:
    return f"{settings.network}-{namespace.rsplit('/', 1)[-1]}"
