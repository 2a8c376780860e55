"""An application in an environment of the lab that faults are produced in, on either target."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from plugins.module_utils.release_store import bucket_name
from tests.e2e.environment import RELEASE_ALONE, Environment, Run, aws
from tests.e2e.shop import described_version, shop_services

#: How many images or revisions stay.
KEPT = 3
#: The lab, as this machine reaches it.
REGISTRY = "127.0.0.1:4566"
HEALTH = {
    "ec2": {"interval": 1, "timeout": 1},
    "ecs": {"interval": 5, "retries": 2, "start_period": 5},
}
SIZE = {"ec2": {"cpu": 128, "memory": 128}, "ecs": {"replicas": 2}}
VARIABLES: Mapping[str, Mapping[str, Any]] = {
    "ec2": {"ec2_hosts_count": 2, "host_release_keep_images": KEPT},
    "ecs": {"load_balancer_deregistration_delay": 1, "ecs_task_definitions_keep": KEPT},
}
#: What provisioning publishes is what ECS services are made from.
ARGUMENTS = {"ec2": RELEASE_ALONE, "ecs": ()}


class Serving(NamedTuple):
    """A container that serves."""

    version: str
    container: str


class World:
    """One service behind the load balancer, on two hosts or in two tasks."""

    def __init__(self, folder: Path, context: Path, target: str) -> None:
        # Each target has repositories of its own.
        self.target, self.app = target, f"faults-{target}"
        self.arguments: tuple[str, ...] = ARGUMENTS[target]
        self._context = context
        self.balancer = f"http://faults-{target}-e2e.alb.localhost:4566"
        self.environment = Environment(
            folder,
            app=self.app,
            name="e2e",
            variables={
                **VARIABLES[target],
                "deploy_target": target,
                "database": "none",
                # No image of another run's is in the registry for it, nor for those that follow.
                "app_services": self.services(str(int(time.time()))),
                "load_balancer_enabled": True,
                "app_url": self.balancer,
                # So long a run that was killed holds the next one up.
                "release_lock_seconds": 10,
            },
        )

    @property
    def version(self) -> str:
        """The version that the inventory describes."""
        return described_version(self.environment)

    @property
    def next_version(self) -> str:
        """The version that the next release makes of it."""
        return str(int(self.version) + 1)

    def release(self) -> Run:
        """Release the next version."""
        return self.environment.release(self.services(self.next_version), *self.arguments)

    def kept(self) -> dict[str, int]:
        """Count what former releases have left, by what and where it is."""
        if self.target == "ecs":
            listed = aws("ecs").list_task_definitions(familyPrefix=f"{self.environment.stack}-web")
            return {"active revisions": len(listed["taskDefinitionArns"])}
        counted = {
            "containers": "docker ps --all --quiet",
            "images": "docker images --quiet",
            "volumes": "docker volume ls --quiet",
        }
        return {
            f"{what} on {host}": len(set(listed.split()))
            for what, command in counted.items()
            for host, listed in self.environment.on_hosts(command).items()
        }

    def services(
        self, version: str, keys: Mapping[str, Any] | None = None, others: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Describe the application at a version; a key that is None is taken away."""
        own = {"health_check": {"path": "/health", **HEALTH[self.target]}, **SIZE[self.target]}
        described = shop_services(self._context, version, **{**own, **(keys or {})})
        beside = {"route": None, "health_check": None, "replicas": None}
        for name, changes in (others or {}).items():
            described[name] = shop_services(self._context, version, **{**own, **beside, **changes})["web"]
        return {
            name: {key: value for key, value in service.items() if value is not None}
            for name, service in described.items()
        }

    @property
    def registry(self) -> str:
        """Address and port of the registry that hosts pull from."""
        lab = yaml.safe_load((self.environment.inventory / "group_vars/lab.yml").read_text())
        return str(lab["images_registry"])

    def on_host(self, number: int, command: str) -> str:
        """Run a command as root on a host and return what it printed; the first has the number 1."""
        name = sorted(self.environment.addresses())[number - 1]
        return self.environment.on_hosts(command, name)[name]

    def answering(self, road: str) -> None:
        """Return when the application answers there."""
        until = time.monotonic() + 120
        while True:
            with suppress(OSError):
                serving_at(road)
                return
            assert time.monotonic() < until, f"{road} does not answer"
            time.sleep(0.2)

    def serving(self) -> set[Serving]:
        """Return what answers, through the load balancer and on each host that runs."""
        hosts = self.environment.addresses().values() if self.target == "ec2" else ()
        roads = [self.balancer, *(f"http://{address}" for address in hosts)]
        return {serving_at(road) for road in roads for _ in range(4)}

    def versions(self) -> set[str]:
        """Return the versions that serve."""
        return {each.version for each in self.serving()}

    def lock(self) -> str:
        """Return the state of the environment's lock: free or held."""
        bucket = bucket_name(self.environment.stack, "000000000000")
        found = json.loads(aws("s3").get_object(Bucket=bucket, Key="lock.json")["Body"].read())
        return str(found["state"])


def serving_at(road: str) -> Serving:
    """Ask which container serves, with which version. Raises OSError."""
    name = road.removeprefix("http://").partition(":")[0]
    at = road.replace(name, "127.0.0.1") if name.endswith(".localhost") else road
    request = urllib.request.Request(f"{at}/version", headers={"Host": name})
    with urllib.request.urlopen(request, timeout=10) as answer:
        found = json.load(answer)
    return Serving(found["version"], found["container"])
