"""What the benchmarks deploy: environments of the lab, the versions of an application, and the hosts."""

import functools
import itertools
import json
import os
import shlex
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.e2e.environment import ROOT, Environment, Run, aws

#: The lab's registry, as this machine pushes to it and as hosts and tasks pull from it.
PUSH, PULL = "127.0.0.1:4566", "172.30.0.1:4566"
AWS_ENDPOINT = "http://127.0.0.1:4566"
#: How any tool reaches the lab's AWS.
AWS_VARIABLES = {
    "AWS_ENDPOINT_URL": AWS_ENDPOINT,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
#: Each task in a process of its own, built anew, one after the other: docs/performance.md says what is off.
PLAIN = {
    "SLIPWAY_WARM_MODULES": "false",
    "ANSIBLE_CALLBACKS_ENABLED": "slipway.core.release_lock,slipway.core.release_report",
    "ANSIBLE_FORKS": "1",
}
IMAGE = "slipway-bench/app"
APP = ROOT / "tests/e2e/app"
NODE_IMAGE = "slipway-lab/node:24"
APP_PORT = 8000

#: What limits how many hosts there can be: systemd, and what it starts, hold so many in each of them.
WATCHERS, WATCHERS_OF_A_HOST = Path("/proc/sys/fs/inotify/max_user_instances"), 6

_STARTED = uuid.uuid4().hex[:6]
_numbers = itertools.count(1)


def next_version() -> str:
    """Return a version that nothing has seen yet, not even a registry that outlives this process."""
    return f"{_STARTED}-{next(_numbers)}"


@contextmanager
def environment(app: str, **variables: Any) -> Iterator[Environment]:
    """Give an environment of an application, with nothing deployed yet; at the end all of it is removed."""
    described = {"database": "none", "images_repository_pattern": "{app}", **variables}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.callback(remove_images)
        stack.callback(remove_repository, app)
        made = Environment(Path(folder), app=app, name="bench", variables=described)
        stack.callback(made.destroy)
        yield made


def see_room_for(hosts: int) -> None:
    """End the benchmark where this machine lets fewer hosts run than it asks for: systemd would not start."""
    if hosts * WATCHERS_OF_A_HOST > int(WATCHERS.read_text()):
        sys.exit(
            f"{hosts} hosts need more of inotify than this machine allows ({WATCHERS}).\n"
            f"Raise it: sysctl -w fs.inotify.max_user_instances={hosts * WATCHERS_OF_A_HOST}"
        )


def describe(environment: Environment, **variables: Any) -> None:
    """Describe an environment anew where these variables say so."""
    environment.set({**environment.variables, **variables})


def fresh_connections(environment: Environment) -> dict[str, str]:
    """Return variables with which Ansible opens its connections anew, as the peers do in every run."""
    folder = tempfile.mkdtemp(dir=environment.inventory.parent)
    return {"ANSIBLE_SSH_CONTROL_PATH_DIR": folder}


def unchanged(run: Run) -> None:
    """See that a run ended well and changed nothing."""
    assert run.succeeded().recap, run.output
    assert run.changed() == {}, run.output


def docker(*arguments: str) -> str:
    """Run a command of Docker on this machine and return what it prints."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


@functools.cache
def image(version: str, *labels: str) -> str:
    """Build the application at a version and return the image's name; another version is one layer more."""
    name = f"{IMAGE}:{'-'.join([version, *(label.partition('=')[2] for label in labels)])}"
    arguments = [f"--build-arg=NODE_IMAGE={NODE_IMAGE}", f"--build-arg=VERSION={version}"]
    docker("build", "--quiet", "--tag", name, *arguments, *(f"--label={label}" for label in labels), str(APP))
    return name


def remove_images() -> None:
    """Remove the images that were built here, under all of their names."""
    built = docker("images", "--quiet", "--filter", f"reference={IMAGE}").split()
    if built:
        subprocess.run(["docker", "rmi", "--force", *sorted(set(built))], capture_output=True, check=False)
    image.cache_clear()


def push(name: str, repository: str, version: str) -> str:
    """Push an image to a repository of the lab's registry; return how it is pulled, by its digest."""
    target = f"{PUSH}/{repository}"
    docker("tag", name, f"{target}:{version}")
    docker("push", f"{target}:{version}")
    digests = json.loads(docker("image", "inspect", "--format", "{{json .RepoDigests}}", name))
    (digest,) = (each.partition("@")[2] for each in digests if each.startswith(f"{target}@"))
    return f"{PULL}/{repository}@{digest}"


def remove_repository(name: str) -> None:
    """Remove a repository of the lab's registry with its images, where it is there."""
    ecr = aws("ecr")
    with suppress(ecr.exceptions.RepositoryNotFoundException):
        ecr.delete_repository(repositoryName=name, force=True)


@contextmanager
def repository(name: str) -> Iterator[str]:
    """Give a repository of the lab's registry that is empty; it is removed at the end."""
    remove_repository(name)
    aws("ecr").create_repository(repositoryName=name)
    try:
        yield name
    finally:
        remove_repository(name)


def answer(url: str, host: str = "") -> str:
    """GET a URL, as if from a host of that name. Raises OSError."""
    request = urllib.request.Request(url, headers={"Host": host} if host else {})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as found:  # noqa: S310
        return str(found.read().decode())


class Hosts:
    """The hosts of an environment, as any tool reaches them: by ssh, as a user who may use Docker."""

    user = "admin"

    def __init__(self, environment: Environment) -> None:
        self.addresses = sorted(environment.addresses().values())
        self.key = environment.state / f"{environment.stack}.pem"
        self.everywhere(f"sudo usermod --append --groups docker {self.user}")

    @property
    def options(self) -> list[str]:
        """How ssh is called. The lab gives an address to the next host with another key."""
        settings = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "LogLevel": "ERROR",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": os.devnull,
        }
        return ["-i", str(self.key), *(f"-o{name}={value}" for name, value in settings.items())]

    def ssh(self, address: str, script: str) -> str:
        """Run a shell script on a host, on a connection of its own, and return what it prints."""
        command = ["ssh", "-n", *self.options, f"{self.user}@{address}", f"sh -euc {shlex.quote(script)}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{address}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def everywhere(self, script: str) -> dict[str, str]:
        """Run a shell script on all hosts at once and return what each prints."""
        with ThreadPoolExecutor(len(self.addresses)) as pool:
            told = pool.map(lambda address: self.ssh(address, script), self.addresses)
            return dict(zip(self.addresses, told, strict=True))

    def serve(self, label: str, version: str) -> None:
        """See that on each host one container with a label runs, and serves a version."""
        told = self.everywhere(SERVED.format(label=label, port=APP_PORT))
        versions = {address: json.loads(found)["version"] for address, found in told.items()}
        assert set(versions.values()) == {version}, versions


#: Prints what the one container with a label answers; fails where there are none or several.
SERVED = """
set -- $(docker ps --quiet --filter label={label})
[ $# -eq 1 ]
address=$(docker inspect --format '{{{{range .NetworkSettings.Networks}}}}{{{{.IPAddress}}}}{{{{end}}}}' "$1")
curl --fail --silent --show-error --max-time 10 "http://$address:{port}/version"
"""


def ecs_services(images: Mapping[str, str]) -> dict[str, Any]:
    """Describe one small service for each image, name to image, all behind one load balancer."""
    return {
        name: {
            "image": image,
            "port": APP_PORT,
            "route": {"paths": [ecs_path(name)], "verify": ecs_path(name), "priority": number},
            "health_check": {"path": "/health", "interval": 5, "retries": 2, "start_period": 5},
            "replicas": 1,
            "stop_timeout": 5,
        }
        for number, (name, image) in enumerate(images.items(), start=1)
    }


def ecs_path(name: str) -> str:
    """Return the path at which a service of `ecs_services` answers with its version."""
    return f"/version/{name}"


def ecs_environment(app: str) -> AbstractContextManager[Environment]:
    """Give an environment on ECS, with nothing deployed yet."""
    return environment(
        app,
        deploy_target="ecs",
        app_services={},
        load_balancer_enabled=True,
        load_balancer_deregistration_delay=1,
        app_url=f"http://{app}-bench.alb.localhost:4566",
    )


def ecs_versions(environment: Environment) -> dict[str, str]:
    """Ask each service through the load balancer for its version."""
    host = f"{environment.stack}.alb.localhost"
    return {
        name: str(json.loads(answer(f"{AWS_ENDPOINT}{ecs_path(name)}", host))["version"])
        for name in environment.variables["app_services"]
    }
