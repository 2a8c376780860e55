"""What a cluster of the stand-in for Atlas leads to: a database server in a container of the lab's network.

It is the lab's image in MongoDB's place. A login is held against the users that it was told of; without one
it serves too. The container goes with its cluster, with the stand-in and with the lab.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import docker
from docker.models.containers import Container
from pymongo import MongoClient

from lab.network import LAB_LABEL
from lab.settings import IMAGE_PREFIX, Settings

IMAGE = f"{IMAGE_PREFIX}/mongo:8"
PORT = 27017
SECONDS_TO_START = 120


class DatabaseServers:
    """The servers by the names of their clusters."""

    def __init__(self, settings: Settings, engine: docker.DockerClient) -> None:
        self._settings = settings
        self._engine = engine
        self._containers: dict[str, Container] = {}

    def start(self, cluster: str) -> None:
        """Start a server."""
        name = f"{self._settings.network}-atlas-{cluster}".lower()
        self._containers[cluster] = self._engine.containers.run(
            IMAGE,
            name=name,
            detach=True,
            network=self._settings.network,
            labels={LAB_LABEL: self._settings.network},
        )

    def address(self, cluster: str) -> str:
        """Give the connection string, without a login."""
        container = self._containers[cluster]
        container.reload()
        own = container.attrs["NetworkSettings"]["Networks"][self._settings.network]["IPAddress"]
        # One that says it is a replica set would send its clients to the name that it has for itself.
        return f"mongodb://{own}:{PORT}/?directConnection=true"

    def login(self, user: str, password: str, roles: Sequence[Mapping[str, str]]) -> None:
        """Let a user in on every server, with this password from now on."""
        granted = [{"role": role["roleName"], "db": role["databaseName"]} for role in roles]
        for cluster in self._containers:
            client: MongoClient[dict[str, Any]] = MongoClient(
                self.address(cluster), serverSelectionTimeoutMS=SECONDS_TO_START * 1000
            )
            with client:
                known = client.admin.command("usersInfo", user)["users"]
                client.admin.command(
                    "updateUser" if known else "createUser", user, pwd=password, roles=granted
                )

    def stop(self, cluster: str) -> None:
        """Remove a server with its data."""
        self._containers.pop(cluster).remove(force=True, v=True)

    def stop_all(self) -> None:
        """Remove every server."""
        for cluster in list(self._containers):
            self.stop(cluster)
