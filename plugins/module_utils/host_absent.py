"""The end of an application on one host: everything that carries its label."""

from __future__ import annotations

from . import host_retire
from .docker_api import DockerError, Engine
from .host_converge import Outcome, unexpected
from .host_effects import Host
from .host_plan import LABEL_APP, Found
from .release_failure import ReleaseFailure


def remove(
    engine: Engine, host: Host, app: str, config_dir: str, *, volumes: bool, check_mode: bool
) -> Outcome:
    """Remove the application's containers, network and files, and its volumes only when told so."""
    label = f"{LABEL_APP}={app}"
    directory = f"{config_dir}/{app}"
    outcome = Outcome()
    try:
        found = [Found(engine.container(entry["Id"])) for entry in engine.containers(label)]
        doomed_volumes = [str(volume["Name"]) for volume in engine.volumes(label)] if volumes else []
        network = engine.network(app)
        outcome.actions = [
            *(f"remove {container.name}" for container in found),
            *(f"remove volume {name}" for name in doomed_volumes),
            *([f"remove network {app}"] if network else []),
            *([f"remove {directory}"] if host.is_directory(directory) else []),
        ]
        outcome.changed = bool(outcome.actions)
        outcome.before = [action.replace("remove ", "") for action in outcome.actions]
        if outcome.changed and not check_mode:
            host_retire.end(engine, found)
            for name in doomed_volumes:
                engine.remove_volume(name)
            if network:
                engine.remove_network(app)
            host.remove_tree(directory)
    except (DockerError, OSError) as error:
        raise ReleaseFailure(unexpected(error)) from error
    return outcome
