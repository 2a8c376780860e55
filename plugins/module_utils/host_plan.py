"""What a Docker host should run, what it runs, and what must change: pure, decided without a Docker Engine.

A container is compared setting by setting: what would be sent to the Engine now, merged with the image's
own configuration, against what `inspect` says. So a variable that left the description is seen as well as
one that came, and a container that somebody changed by hand is put right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

Json = dict[str, Any]
View = dict[str, str]

LABEL_APP = "slipway.app"
LABEL_ROLE = "slipway.role"
LABEL_SERVICE = "slipway.service"
LABEL_RELEASE = "slipway.release"
LABEL_PORT = "slipway.port"
LABEL_SECRETS = "slipway.secrets"
ROLE_SERVICE = "service"
ROLE_PROXY = "proxy"

MEBIBYTE = 1024 * 1024
CPU_UNITS_PER_CPU = 1024
NANO = 1_000_000_000
# A container starts as a candidate without a restart policy: if it ends, that is the evidence. It gets the
# policy when it is about to serve, so what a killed run leaves behind never equals the description.
RESTART_CANDIDATE = "no"
RESTART_SERVING = "unless-stopped"
# Until it is healthy, the Engine asks a starting container more often. Those before 25 do not know of it and
# leave it out, so nobody can compare it.
START_INTERVAL = "StartInterval"
STARTING_INTERVAL = 1.0
LOGGING = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}


@dataclass(frozen=True)
class HealthCheck:
    """How a container shows that it is ready: an HTTP path or a command, never both. Times in seconds."""

    path: str | None = None
    command: Sequence[str] | None = None
    interval: float = 5
    timeout: float = 2
    retries: int = 3
    start_period: float = 30

    @property
    def patience(self) -> float:
        """Seconds after which a container that has never been healthy will not become so."""
        return self.start_period + self.retries * (self.interval + self.timeout)


@dataclass(frozen=True)
class Gate:
    """A command that must end well before new containers of its service serve. Its time is in seconds."""

    name: str
    command: Sequence[str]
    timeout: float = 600


@dataclass(frozen=True)
class Wanted:
    """One service as this host should run it."""

    service: str
    image: str
    replicas: int = 1
    command: Sequence[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    read_only: bool = True
    tmpfs: Sequence[str] = ()
    capabilities: Sequence[str] = ()
    cpu: int = 0
    memory: int = 0
    pids_limit: int = 512
    port: int | None = None
    health_check: HealthCheck | None = None
    volumes: Sequence[Mapping[str, Any]] = ()
    stop_timeout: int = 30
    extra_hosts: Mapping[str, str] = field(default_factory=dict)
    publish: Sequence[Mapping[str, Any]] = ()
    singleton: bool = False
    init: bool = True
    depends_on: Sequence[str] = ()
    gates: Sequence[Gate] = ()

    @property
    def stop_first(self) -> bool:
        """Whether the old container must end before the new one starts: they cannot share data or a port."""
        return self.singleton or bool(self.publish)


@dataclass(frozen=True)
class Found:
    """A container of the application as the Engine shows it, and the configuration of its image."""

    inspect: Json
    image_config: Json = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The container's id."""
        return str(self.inspect["Id"])

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.inspect["Name"]).lstrip("/")

    @property
    def labels(self) -> Mapping[str, str]:
        """The container's labels."""
        labels: Mapping[str, str] = self.inspect["Config"].get("Labels") or {}
        return labels

    @property
    def service(self) -> str:
        """The service that the container belongs to."""
        return self.labels.get(LABEL_SERVICE, "")

    @property
    def role(self) -> str:
        """`service` or `proxy`."""
        return self.labels.get(LABEL_ROLE, "")

    @property
    def port(self) -> int:
        """The port that it was made to listen on, 0 when none."""
        return int(self.labels.get(LABEL_PORT) or 0)

    @property
    def running(self) -> bool:
        """Whether its process runs and is not between two crashes."""
        state = self.inspect["State"]
        return bool(state["Running"]) and not state.get("Restarting") and not state.get("Paused")

    @property
    def pid(self) -> int:
        """The process id of its first process, 0 when it does not run."""
        return int(self.inspect["State"].get("Pid") or 0)

    @property
    def docker_health(self) -> str:
        """`starting`, `healthy`, `unhealthy`, or nothing where Docker runs no check."""
        return str((self.inspect["State"].get("Health") or {}).get("Status", ""))

    @property
    def secret_values(self) -> list[str]:
        """The values of its environment that must never be shown."""
        names = set(self.labels.get(LABEL_SECRETS, "").split(","))
        entries = (entry.partition("=") for entry in self.inspect["Config"].get("Env") or [])
        return [value for name, _equals, value in entries if name in names]

    @property
    def exclusive(self) -> bool:
        """Whether no second one may run beside it: it holds data or a port of the host."""
        return bool(
            self.inspect["HostConfig"].get("Mounts") or self.inspect["HostConfig"].get("PortBindings")
        )

    @property
    def stop_timeout(self) -> int:
        """Seconds between SIGTERM and SIGKILL."""
        return int(self.inspect["Config"].get("StopTimeout") or 10)

    def address(self, network: str) -> str:
        """Its address on a network; empty when it has none."""
        return str(self.inspect["NetworkSettings"]["Networks"].get(network, {}).get("IPAddress", ""))


@dataclass(frozen=True)
class Kernel:
    """Which limits the host's kernel can keep: the Engine drops the others, so none of those is asked for."""

    swap_limit: bool = True
    pids_limit: bool = True

    @classmethod
    def of(cls, info: Json) -> Kernel:
        """Read the Engine's own account."""
        return cls(bool(info.get("SwapLimit")), bool(info.get("PidsLimit")))


# -- rendering -------------------------------------------------------------------------------------


def render(app: str, release: str, wanted: Wanted, secrets: Mapping[str, str], kernel: Kernel) -> Json:
    """Return the body of the Engine's ContainerCreate for a serving container of a service."""
    environment = {**wanted.environment, **secrets}
    labels = {
        LABEL_APP: app,
        LABEL_ROLE: ROLE_SERVICE,
        LABEL_SERVICE: wanted.service,
        LABEL_RELEASE: release,
        LABEL_PORT: str(wanted.port or ""),
        LABEL_SECRETS: ",".join(sorted(secrets)),
    }
    payload: Json = {
        "Image": wanted.image,
        "Env": [f"{name}={value}" for name, value in sorted(environment.items())],
        "Labels": labels,
        "StopTimeout": wanted.stop_timeout,
        "HostConfig": {
            **hardened(wanted.memory, wanted.cpu, wanted.pids_limit, kernel),
            "NetworkMode": app,
            "CapAdd": list(wanted.capabilities),
            "ReadonlyRootfs": wanted.read_only,
            "Init": wanted.init,
            "Tmpfs": dict.fromkeys(wanted.tmpfs, ""),
            "Mounts": [mount(app, volume) for volume in wanted.volumes],
            "ExtraHosts": [f"{name}:{address}" for name, address in sorted(wanted.extra_hosts.items())],
            **publish(wanted.port, wanted.publish),
        },
        "NetworkingConfig": {"EndpointsConfig": {app: {"Aliases": [wanted.service]}}},
    }
    if wanted.publish:
        payload["ExposedPorts"] = {f"{wanted.port}/tcp": {}}
    if wanted.command is not None:
        payload["Cmd"] = list(wanted.command)
    if wanted.user is not None:
        payload["User"] = wanted.user
    if wanted.health_check is not None:
        payload["Healthcheck"] = _docker_health_check(wanted.health_check)
    return payload


def hardened(memory: int, cpu: int, pids_limit: int, kernel: Kernel) -> Json:
    """Return the part of HostConfig that every container of Slipway has."""
    limits: Json = {"Memory": memory * MEBIBYTE, "NanoCpus": cpu * NANO // CPU_UNITS_PER_CPU}
    if memory:
        limits["MemorySwap"] = memory * MEBIBYTE if kernel.swap_limit else -1
    if kernel.pids_limit:
        limits["PidsLimit"] = pids_limit
    return {
        **limits,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "RestartPolicy": {"Name": RESTART_SERVING},
        "LogConfig": LOGGING,
    }


def volume_name(app: str, name: str) -> str:
    """Return the Engine's name of one of an application's volumes."""
    return f"{app}-{name}"


def mount(app: str, volume: Mapping[str, Any]) -> Json:
    """Render one entry of a service's volumes: a named volume, or a path of the host (`source`)."""
    if volume.get("source"):
        kind, source = "bind", str(volume["source"])
    else:
        kind, source = "volume", volume_name(app, str(volume["name"]))
    return {
        "Type": kind,
        "Source": source,
        "Target": str(volume["path"]),
        "ReadOnly": bool(volume.get("read_only")),
    }


def publish(port: int | None, published: Iterable[Mapping[str, Any]]) -> Json:
    """Render the ports of the host on which a container's port is published."""
    bindings = [{"HostIp": str(entry["address"]), "HostPort": str(entry["port"])} for entry in published]
    return {"PortBindings": {f"{port}/tcp": bindings} if bindings else {}}


def candidate(payload: Json) -> Json:
    """Return the payload as it is created: without the restart policy that it gets when it serves."""
    return {**payload, "HostConfig": {**payload["HostConfig"], "RestartPolicy": {"Name": RESTART_CANDIDATE}}}


def _docker_health_check(check: HealthCheck) -> Json:
    if check.command is None:
        return {"Test": ["NONE"]}
    return {
        "Test": ["CMD", *check.command],
        "Interval": int(check.interval * NANO),
        "Timeout": int(check.timeout * NANO),
        "Retries": check.retries,
        "StartPeriod": int(check.start_period * NANO),
        START_INTERVAL: int(min(check.interval, STARTING_INTERVAL) * NANO),
    }


# -- comparing -------------------------------------------------------------------------------------


def actual_view(container: Found, network: str) -> View:
    """Return the settings of a container as flat text, in the words of the description."""
    inspect = container.inspect
    endpoint = inspect["NetworkSettings"]["Networks"].get(network) or {}
    # Engines before 25 add the short id to the aliases.
    aliases = [alias for alias in endpoint.get("Aliases") or [] if not container.id.startswith(alias)]
    return _view(inspect["Config"], inspect["HostConfig"], aliases)


def wanted_view(payload: Json, image_config: Json, network: str) -> View:
    """Return the settings that a container made of a payload and an image would have."""
    config = {
        **{key: payload.get(key) or image_config.get(key) for key in ("Entrypoint", "User", "Healthcheck")},
        "Image": payload["Image"],
        "Cmd": payload["Cmd"] if payload.get("Cmd") else image_config.get("Cmd"),
        "StopTimeout": payload.get("StopTimeout"),
        "Labels": {**(image_config.get("Labels") or {}), **payload["Labels"]},
        "Env": [*(image_config.get("Env") or []), *payload.get("Env", [])],
    }
    return _view(
        config, payload["HostConfig"], payload["NetworkingConfig"]["EndpointsConfig"][network]["Aliases"]
    )


def _view(config: Json, host: Json, aliases: Sequence[str]) -> View:
    environment = dict(entry.partition("=")[::2] for entry in config.get("Env") or [])
    labels = {name: value for name, value in (config.get("Labels") or {}).items() if name != LABEL_RELEASE}
    log_config = host.get("LogConfig") or {}
    return {
        "image": config["Image"],
        "entrypoint": _text(config.get("Entrypoint") or []),
        "command": _text(config.get("Cmd") or []),
        "user": config.get("User") or "",
        **{f"environment.{name}": value for name, value in environment.items()},
        **{f"labels.{name}": value for name, value in labels.items()},
        "health_check": _text(
            {
                key: value
                for key, value in (config.get("Healthcheck") or {}).items()
                if value and key != START_INTERVAL
            }
        ),
        "stop_timeout": _text(config.get("StopTimeout")),
        "network": _text([host.get("NetworkMode"), *sorted(aliases)]),
        "memory": _text([host.get("Memory") or 0, host.get("MemorySwap") or 0]),
        "cpus": _text((host.get("NanoCpus") or 0) / NANO),
        "pids_limit": _text(host.get("PidsLimit") or 0),
        "capabilities": _text([_capabilities(host.get("CapDrop")), _capabilities(host.get("CapAdd"))]),
        "security": _text(sorted(option.split(":true")[0] for option in host.get("SecurityOpt") or [])),
        "read_only": _text(bool(host.get("ReadonlyRootfs"))),
        "init": _text(bool(host.get("Init"))),
        "tmpfs": _text(host.get("Tmpfs") or {}),
        "volumes": _text(sorted(_mount_text(entry) for entry in host.get("Mounts") or [])),
        "publish": _text(host.get("PortBindings") or {}),
        "extra_hosts": _text(sorted(host.get("ExtraHosts") or [])),
        "restart": (host.get("RestartPolicy") or {}).get("Name") or "no",
        # The Engine adds its own defaults to the options, so only ours are compared.
        "logging": _text(
            [
                log_config.get("Type"),
                {key: log_config.get("Config", {}).get(key) for key in LOGGING["Config"]},
            ]
        ),
    }


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _capabilities(names: Iterable[str] | None) -> list[str]:
    return sorted(re.sub("^CAP_", "", name.upper()) for name in names or [])


def _mount_text(entry: Json) -> str:
    return "{} {}:{}:{}".format(
        entry["Type"], entry["Source"], entry["Target"], "ro" if entry.get("ReadOnly") else "rw"
    )


# -- planning --------------------------------------------------------------------------------------


@dataclass
class ServicePlan:
    """What happens to one service on this host; `create` holds the names of its new containers."""

    service: str
    wanted: Wanted | None
    payload: Json
    keep: list[Found] = field(default_factory=list)
    retire: list[Found] = field(default_factory=list)
    create: list[str] = field(default_factory=list)
    before: View = field(default_factory=dict)
    after: View = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    reasons: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything is started or ended."""
        return bool(self.create or self.retire)

    @property
    def serving(self) -> list[str]:
        """The names of the containers that serve once the plan is done."""
        return [*(container.name for container in self.keep), *self.create]


@dataclass(frozen=True)
class Scene:
    """What planning needs to know besides the service: where, for which release, and what else is there."""

    app: str
    release: str
    kernel: Kernel
    taken: Sequence[str]
    sickness: Callable[[Wanted, Found], str]


def plan_service(
    scene: Scene, wanted: Wanted, secrets: Mapping[str, str], image: Json | None, found: Sequence[Found]
) -> ServicePlan:
    """Decide for one service which containers stay, how many are made and which go.

    `image` is the wanted image as the Engine shows it, None while it has not been pulled. The scene's
    `sickness` says why a container cannot stay although it is as described; nothing when it can.
    """
    payload = render(scene.app, scene.release, wanted, secrets, scene.kernel)
    plan = ServicePlan(wanted.service, wanted, payload, secrets=_secret_names(found) | set(secrets))
    plan.after = wanted_view(payload, _image_config(image), scene.app)
    plan.before = plan.after if found else {}
    for container in sorted(found, key=lambda one: one.name):
        actual = actual_view(container, scene.app)
        target = _aim(payload, image, container, scene.app)
        if actual != target:
            plan.reasons.append(f"{container.name} differs in {', '.join(differences(actual, target))}")
            plan.before, plan.after = actual, target
        elif illness := scene.sickness(wanted, container):
            plan.reasons.append(f"{container.name} {illness}")
        elif len(plan.keep) == wanted.replicas:
            plan.reasons.append(f"{container.name} is one more than the {wanted.replicas} wanted")
        else:
            plan.keep.append(container)
            continue
        plan.retire.append(container)
    missing = wanted.replicas - len(plan.keep)
    if missing and not plan.retire:
        plan.reasons.append(f"{missing} of {wanted.replicas} containers missing")
    plan.create = candidate_names(scene.app, wanted.service, scene.release, missing, scene.taken)
    return plan


def plan_removal(service: str, found: Sequence[Found], network: str) -> ServicePlan:
    """Decide for a service that the description no longer has."""
    return ServicePlan(
        service,
        None,
        {},
        retire=list(found),
        before=actual_view(found[0], network),
        secrets=_secret_names(found),
        reasons=[f"{service} is not in the description"],
    )


def _secret_names(found: Iterable[Found]) -> set[str]:
    return {name for container in found for name in container.labels.get(LABEL_SECRETS, "").split(",")}


def differences(actual: View, target: View) -> list[str]:
    """Name the settings in which two views differ."""
    return sorted(key for key in {*actual, *target} if actual.get(key) != target.get(key))


def _aim(payload: Json, image: Json | None, container: Found, network: str) -> View:
    """Return what a container should look like.

    An image under another name is still the same image. One not pulled yet has a configuration that nobody
    knows: the running image's is the best guess, and shows in a diff what the description changes.
    """
    target = wanted_view(payload, _image_config(image) if image else container.image_config, network)
    if image and image["Id"] == container.inspect["Image"]:
        target["image"] = container.inspect["Config"]["Image"]
    return target


def _image_config(image: Json | None) -> Json:
    config: Json = (image or {}).get("Config") or {}
    return config


def candidate_names(app: str, service: str, release: str, count: int, taken: Iterable[str]) -> list[str]:
    """Return free container names for a release: a host name each, at most 63 characters."""
    stem = re.sub("[^a-z0-9]+", "-", f"{app}-{service}-{release}".lower()).strip("-")[:58]
    used = set(taken)
    names: list[str] = []
    number = 1
    while len(names) < count:
        name = f"{stem}-{number}"
        if name not in used:
            names.append(name)
        number += 1
    return names
