"""What a release on one host is to bring about, and the look round before it: what runs, what must change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from . import host_beside, host_proxy, traefik
from .docker_api import DockerError, Engine, registry_header, registry_of
from .host_base import Base
from .host_beside import Beside
from .host_effects import Host
from .host_failure import pull_cause
from .host_health import HealthWatch
from .host_plan import (
    LABEL_APP,
    ROLE_PROXY,
    ROLE_SERVICE,
    Found,
    Json,
    Kernel,
    Scene,
    ServicePlan,
    Wanted,
    plan_removal,
    plan_service,
    volume_name,
)
from .release_failure import Failure, ReleaseFailure


@dataclass(frozen=True)
class Desired:
    """Everything that a release on one host is to bring about. Times in seconds.

    `base` is the id of the last whole release, whose containers are kept until the next one is.
    """

    app: str
    release: str
    containers: Sequence[Wanted]
    routes: Sequence[traefik.Route] = ()
    proxy: traefik.Proxy | None = None
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    registry_auth: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    drain_timeout: float = 30
    health_timeout: float = 120
    keep_images: int = 3
    config_dir: str = "/etc/slipway"
    base: str = ""

    @property
    def proxy_directory(self) -> str:
        """The directory that the proxy reads."""
        return f"{self.config_dir}/{self.app}/proxy"

    @property
    def secret_values(self) -> list[str]:
        """Every value that must never be shown."""
        return [value for values in self.secrets.values() for value in values.values()]

    def volume_names(self) -> list[str]:
        """Return the Engine's names of the volumes that are needed."""
        names = [
            str(volume["name"]) for one in self.containers for volume in one.volumes if volume.get("name")
        ]
        if self.proxy and self.proxy.certificate:
            names.append(host_proxy.ACME_VOLUME)
        return [volume_name(self.app, name) for name in names]

    def ports(self) -> dict[int, str]:
        """Return the ports of the host that are needed, and what for."""
        ports = {
            int(entry["port"]): f"`publish` of {wanted.service}"
            for wanted in self.containers
            for entry in wanted.publish
        }
        if self.proxy:
            ports[self.proxy.http_port] = "`http_port` of the proxy"
        if self.proxy and self.proxy.certificate:
            ports[self.proxy.https_port or traefik.WEBSECURE_PORT] = "`https_port` of the proxy"
        return ports


@dataclass
class Survey:
    """What was found and what follows from it."""

    found: list[Found]
    plans: list[ServicePlan]
    proxy: host_proxy.ProxyPlan | None
    old_proxies: list[Found]
    configuration: Json | None
    pulled: list[str]
    kept: list[Found]


class Surveyor:
    """Looks round on one host. Outside check mode it pulls what is missing; it changes nothing else."""

    def __init__(
        self, engine: Engine, host: Host, desired: Desired, health: HealthWatch, check_mode: bool
    ) -> None:
        self._engine = engine
        self._host = host
        self._desired = desired
        self._health = health
        self._check_mode = check_mode
        self._pulled: list[str] = []

    def survey(self, base: Base | None) -> Survey:
        """Return what is there and what must change, `base` apart.

        Raises ReleaseFailure where a release cannot begin.
        """
        desired = self._desired
        # The Engine starts processes to answer this.
        info = Beside(self._engine.info)
        everything = self._observe()
        self._check_ports(everything)
        kept = [container for container in everything if base and base.keeps(container)]
        found = [container for container in everything if container not in kept]
        images = self._images()
        proxies = [container for container in found if container.role == ROLE_PROXY]
        kernel = Kernel.of(info.result())
        scene = Scene(
            desired.app,
            desired.release,
            kernel,
            [container.name for container in everything],
            self._health.sickness,
        )
        plans = self._plans(scene, found, images)
        proxy = configuration = None
        if desired.proxy:
            payload = host_proxy.render(desired.app, desired.proxy, desired.proxy_directory, kernel)
            proxy = host_proxy.plan(payload, images[desired.proxy.image], proxies, desired.app)
            upstreams = [
                upstream(plan.wanted, plan.serving) for plan in plans if plan.wanted and plan.wanted.port
            ]
            configuration = traefik.dynamic_configuration(desired.proxy, upstreams, desired.routes)
        return Survey(found, plans, proxy, [] if proxy else proxies, configuration, self._pulled, kept)

    def _observe(self) -> list[Found]:
        found = []
        for entry in self._engine.containers(f"{LABEL_APP}={self._desired.app}"):
            inspect = self._engine.container(entry["Id"])
            image = self._engine.image(inspect["Image"]) or {}
            found.append(Found(inspect, image.get("Config") or {}))
        return found

    def _check_ports(self, found: Sequence[Found]) -> None:
        """Refuse, before anything is changed, to begin where a port is not ours to take."""
        own = {port for container in found if container.running for port in _published(container)}
        others = {
            port["PublicPort"]: f"the container {container['Names'][0].lstrip('/')}"
            for container in self._engine.containers()
            if container["Labels"].get(LABEL_APP) != self._desired.app
            for port in container.get("Ports") or []
            if "PublicPort" in port
        }
        evidence = []
        for port, purpose in self._desired.ports().items():
            holder = others.get(port) or (None if port in own else self._host.listener(port))
            if holder:
                evidence.append(f"Port {port} ({purpose}) is held by {holder}.")
        if evidence:
            summary = f"A port that {self._desired.app} needs here is taken; nothing was changed"
            raise ReleaseFailure(Failure("port_in_use", summary, evidence=evidence))

    def _images(self) -> dict[str, Json | None]:
        """Return every wanted image, pulled where it is missing; None for one not pulled in check mode."""
        wanted = [container.image for container in self._desired.containers]
        if self._desired.proxy:
            wanted.append(self._desired.proxy.image)
        images = {reference: self._engine.image(reference) for reference in dict.fromkeys(wanted)}
        self._pulled = [reference for reference, image in images.items() if image is None]
        if not self._check_mode:
            host_beside.each(self._pull, self._pulled)
            images.update({reference: self._engine.image(reference) for reference in self._pulled})
        return images

    def _pull(self, reference: str) -> None:
        registry = registry_of(reference)
        login = self._desired.registry_auth.get(registry)
        auth = registry_header(registry, login["username"], login["password"]) if login else ""
        try:
            self._engine.pull(reference, auth)
        except DockerError as error:
            users = [wanted.service for wanted in self._desired.containers if wanted.image == reference]
            failure = Failure(pull_cause(error.message), f"The image {reference} could not be pulled")
            failure.service = users[0] if users else ROLE_PROXY
            failure.evidence = [
                f"Wanted by: {', '.join(users) or 'the proxy'}.",
                f"Login for {registry}: {'given' if login else 'none given'}.",
                f"The Engine says: {error.message}",
            ]
            raise ReleaseFailure(failure) from error

    def _plans(
        self, scene: Scene, found: Sequence[Found], images: Mapping[str, Json | None]
    ) -> list[ServicePlan]:
        services: dict[str, list[Found]] = {wanted.service: [] for wanted in self._desired.containers}
        for container in found:
            if container.role == ROLE_SERVICE:
                services.setdefault(container.service, []).append(container)
        plans = []
        for wanted in self._desired.containers:
            secrets = self._desired.secrets.get(wanted.service, {})
            plans.append(
                plan_service(scene, wanted, secrets, images[wanted.image], services.pop(wanted.service))
            )
        return plans + [plan_removal(service, left, scene.app) for service, left in services.items()]


def upstream(wanted: Wanted, containers: Sequence[str]) -> traefik.Upstream:
    """Return a service as the proxy sees it."""
    check = wanted.health_check
    if not check:
        return traefik.Upstream(wanted.service, wanted.port or 0, containers)
    return traefik.Upstream(
        wanted.service, wanted.port or 0, containers, check.path, check.interval, check.timeout
    )


def _published(container: Found) -> list[int]:
    bindings = container.inspect["HostConfig"].get("PortBindings") or {}
    return [
        int(entry["HostPort"])
        for entries in bindings.values()
        for entry in entries or []
        if entry["HostPort"]
    ]
