"""The lab's Docker network and the containers on it."""

import socket

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.models.networks import Network

from lab.console import say, step
from lab.settings import LabError, Settings

# On everything that the lab makes in the engine; its value is the network's name: labs can share an engine.
LAB_LABEL = "slipway.lab"
INSTANCE_LABEL = "slipway.lab.instance"

_last_backwards: dict[str, str] = {}


def ensure(settings: Settings, client: docker.DockerClient) -> None:
    """Make the network unless it is there as it must be. Raises LabError if something else has its place."""
    present = _find(settings, client)
    if present is not None:
        if _subnet(present) == str(settings.subnet):
            return
        if present.attrs["Labels"].get(LAB_LABEL) != settings.network:
            raise LabError(
                f"A Docker network {settings.network} with subnet {_subnet(present)} is there that the lab "
                f"did not make; expected {settings.subnet}.\nRemove it "
                f"(`docker network rm {settings.network}`) or name another one in SLIPWAY_LAB_NETWORK."
            )
        # Half-made, or of another setting; nothing can be on it that the new one would not break anyway.
        remove(settings, client)
    with step(f"network {settings.network}, {settings.subnet}"):
        pool = docker.types.IPAMPool(subnet=str(settings.subnet), gateway=settings.gateway)
        try:
            client.networks.create(
                settings.network,
                driver="bridge",
                ipam=docker.types.IPAMConfig(pool_configs=[pool]),
                labels={LAB_LABEL: settings.network},
            )
        except APIError as error:
            raise LabError(
                f"The network {settings.network} ({settings.subnet}) could not be made: {error.explanation}\n"
                "If another network has these addresses, remove it (`docker network ls`) or name a free "
                "subnet in SLIPWAY_LAB_SUBNET."
            ) from error


def instances(settings: Settings, client: docker.DockerClient) -> list[Container]:
    """The containers that are the lab's instances, whatever their state."""
    return _labelled(client, f"{LAB_LABEL}={settings.network}", INSTANCE_LABEL)


def containers(settings: Settings, client: docker.DockerClient) -> list[Container]:
    """All that the lab started: its instances, Atlas's servers, and what tasks and functions left behind."""
    return [*_labelled(client, f"{LAB_LABEL}={settings.network}"), *_of_ministack(settings, client)]


def _labelled(client: docker.DockerClient, *labels: str) -> list[Container]:
    return list(client.containers.list(all=True, filters={"label": list(labels)}, ignore_removed=True))


def free_address(
    client: docker.DockerClient, settings: Settings, taken: set[str], backwards: bool = False
) -> str:
    """The lowest address that neither `taken` nor a running container has; backwards, the next one down."""
    network = client.networks.get(settings.network)
    taken = taken | {each["IPv4Address"].split("/")[0] for each in network.attrs["Containers"].values()}
    # The first ten are for the machine and for containers that tests put there.
    candidates = [str(each) for each in list(settings.subnet.hosts())[9:]]
    if backwards:
        candidates.reverse()
        # Not soon again what was given away last.
        last = _last_backwards.get(settings.network)
        after = candidates.index(last) + 1 if last in candidates else 0
        candidates = candidates[after:] + candidates[:after]
    for candidate in candidates:
        if candidate not in taken:
            if backwards:
                _last_backwards[settings.network] = candidate
            return candidate
    raise RuntimeError(f"no free address in {settings.subnet}")


def remove(settings: Settings, client: docker.DockerClient) -> None:
    """Remove the lab's containers with their volumes, its named volumes and its networks."""
    for container in containers(settings, client):
        container.remove(force=True, v=True)
        say(f"  removed {container.name}")
    for volume in client.volumes.list(filters={"label": f"{LAB_LABEL}={settings.network}"}):
        volume.remove(force=True)
        say(f"  removed volume {volume.name}")
    for namespace in client.networks.list(filters={"label": f"{LAB_LABEL}={settings.network}"}):
        if namespace.name != settings.network:
            namespace.remove()
            say(f"  removed network {namespace.name}")
    network = _find(settings, client)
    if network is None or network.attrs["Labels"].get(LAB_LABEL) != settings.network:
        return
    network.reload()
    others = [each["Name"] for each in network.attrs["Containers"].values()]
    if others:
        raise LabError(
            f"The network {settings.network} has containers that the lab did not make: {', '.join(others)}.\n"
            "Remove or disconnect them, then run this again."
        )
    network.remove()
    say(f"  removed network {settings.network}")


def _of_ministack(settings: Settings, client: docker.DockerClient) -> list[Container]:
    """What MiniStack itself started (tasks, functions) and left behind because it was killed."""
    label = f"ministack.instance={socket.gethostname()}:{settings.port}"
    return list(client.containers.list(all=True, filters={"label": label}, ignore_removed=True))


def _find(settings: Settings, client: docker.DockerClient) -> Network | None:
    try:
        return client.networks.get(settings.network)
    except NotFound:
        return None


def _subnet(network: Network) -> str:
    pools = network.attrs["IPAM"].get("Config") or [{}]
    return str(pools[0].get("Subnet", "none"))
