"""The proxy container of an application: what it is made of, and how a configuration gets into it."""

from __future__ import annotations

from dataclasses import dataclass

from . import traefik
from .docker_api import DockerError, Engine
from .host_effects import Answer, Host
from .host_plan import (
    LABEL_APP,
    LABEL_ROLE,
    ROLE_PROXY,
    Found,
    Json,
    Kernel,
    View,
    actual_view,
    hardened,
    volume_name,
    wanted_view,
)
from .release_failure import Failure, ReleaseFailure

ACME_VOLUME = "acme"
MEMORY = 512
PIDS_LIMIT = 512
STOP_TIMEOUT = 30
LOAD_TIMEOUT = 20.0
#: Seconds for one question whether a configuration is loaded.
LOADED_TIMEOUT = 2.0
#: Traefik loads a file within 50 ms, unless the host is very busy, or the file is none that it takes.
CATCH_UP_TIMEOUT = 2.0
LOG_LINES = 10
# Without certificates the proxy needs no right to write anything, so it is nobody.
NOBODY = "65532:65532"
ROOT = "0:0"


def render(app: str, proxy: traefik.Proxy, directory: str, kernel: Kernel) -> Json:
    """Return the body of the Engine's ContainerCreate for the proxy."""
    ports = {f"{traefik.WEB_PORT}/tcp": proxy.http_port}
    mounts = [_mount("bind", directory, traefik.DIRECTORY, read_only=True)]
    environment = []
    if proxy.certificate:
        ports[f"{traefik.WEBSECURE_PORT}/tcp"] = proxy.https_port or traefik.WEBSECURE_PORT
        mounts.append(
            _mount("volume", volume_name(app, ACME_VOLUME), traefik.ACME_DIRECTORY, read_only=False)
        )
        if proxy.certificate.ca_file:
            mounts.append(_mount("bind", proxy.certificate.ca_file, traefik.CA_FILE, read_only=True))
            environment.append(f"LEGO_CA_CERTIFICATES={traefik.CA_FILE}")
    return {
        "Image": proxy.image,
        "Cmd": traefik.static_arguments(proxy),
        "Env": environment,
        "User": ROOT if proxy.certificate else NOBODY,
        "Labels": {LABEL_APP: app, LABEL_ROLE: ROLE_PROXY},
        "StopTimeout": STOP_TIMEOUT,
        "Healthcheck": {"Test": ["NONE"]},
        "ExposedPorts": {port: {} for port in ports},
        "HostConfig": {
            **hardened(MEMORY, 0, PIDS_LIMIT, kernel),
            "RestartPolicy": {"Name": "always"},
            "NetworkMode": app,
            "ReadonlyRootfs": True,
            "Mounts": mounts,
            "PortBindings": {port: [{"HostIp": "", "HostPort": str(host)}] for port, host in ports.items()},
        },
        "NetworkingConfig": {"EndpointsConfig": {app: {"Aliases": []}}},
    }


def _mount(kind: str, source: str, target: str, *, read_only: bool) -> Json:
    return {"Type": kind, "Source": source, "Target": target, "ReadOnly": read_only}


@dataclass
class ProxyPlan:
    """What happens to the proxy container."""

    payload: Json
    found: list[Found]
    before: View
    after: View

    @property
    def kept(self) -> Found | None:
        """The running proxy, if it stays."""
        return None if self.changed else self.found[0]

    @property
    def changed(self) -> bool:
        """Whether the proxy is made, or made anew."""
        return len(self.found) != 1 or not self.found[0].running or self.before != self.after


def plan(payload: Json, image: Json | None, found: list[Found], network: str) -> ProxyPlan:
    """Decide whether the proxy that runs is the one wanted."""
    before = actual_view(found[0], network) if found else {}
    config = (image or {}).get("Config") or (found[0].image_config if found else {})
    after = wanted_view(payload, config, network)
    if image and found and image["Id"] == found[0].inspect["Image"]:
        after["image"] = before["image"]
    return ProxyPlan(payload, found, before, after)


class ProxyControl:
    """The one proxy of an application on this host."""

    def __init__(self, engine: Engine, host: Host, app: str, directory: str) -> None:
        self._engine = engine
        self._host = host
        self._app = app
        self._directory = directory
        self._file = f"{directory}/{traefik.DYNAMIC_FILE}"
        self.name = f"{app}-proxy"
        self._address = ""
        self._pid = 0

    def configuration(self) -> Json | None:
        """Return the configuration that the file holds."""
        text = self._host.read(self._file)
        return traefik.from_text(text) if text else None

    def attach(self, proxy: Found) -> None:
        """Speak to the proxy that runs."""
        self._address, self._pid = proxy.address(self._app), proxy.pid

    def clients(self) -> set[str]:
        """Name the far ends of all connections from the world: on each a request may be under way."""
        return self._host.clients(self._pid, but=traefik.INTERNAL_PORT)

    def ensure(self, proxy_plan: ProxyPlan) -> None:
        """Make the proxy run as planned. A changed one takes the old one's ports, so the old one stops first;
        it comes back if the new one does not start."""
        if proxy_plan.kept:
            self.attach(proxy_plan.kept)
            return
        configuration = self.configuration() or traefik.dynamic_configuration(traefik.Proxy(""), [], [])
        self.announce(configuration)
        draft = f"{self.name}-next"
        self._engine.remove_container(draft)
        old = [one for one in proxy_plan.found if one.name != draft]
        self._engine.create_container(draft, proxy_plan.payload)
        running = [one for one in old if one.running]
        for one in running:
            self._engine.stop_container(one.id, STOP_TIMEOUT)
        try:
            self._engine.start_container(draft)
            self.attach(self._inspect(draft))
            self._await(configuration, draft)
        except (DockerError, ReleaseFailure):
            self._engine.remove_container(draft)
            for one in running:
                self._engine.start_container(one.id)
                self._await(configuration, one.id)
            raise
        for one in old:
            self._engine.remove_container(one.id)
        self._engine.rename_container(draft, self.name)

    def announce(self, configuration: Json) -> None:
        """Write a configuration, which the proxy loads by and by."""
        self._write(traefik.to_text(configuration))

    def load(self, configuration: Json, former: Json | None = None) -> None:
        """Write a configuration and see it loaded; put back the former one, or what the file held, if not."""
        before = traefik.to_text(former) if former else self._host.read(self._file)
        self._catch_up(configuration)
        self.announce(configuration)
        try:
            self._await(configuration, self.name)
        except ReleaseFailure:
            if before is not None:
                self._write(before)
            raise

    def _catch_up(self, configuration: Json) -> None:
        """Let the proxy load what the file holds, where it still works by what it is to go back to.

        A configuration announced a moment ago, by a run that was then killed, is on its way into the proxy:
        by its answers the proxy would seem to have loaded what it is about to leave.
        """
        held = self.configuration()
        if not held or held == configuration or not self.loaded(configuration):
            return
        began = self._host.now()
        while not self.loaded(held) and self._host.now() < began + CATCH_UP_TIMEOUT:
            self._host.pause(began)

    def _write(self, text: str) -> None:
        """Write the file unless it is like that already.

        It is drafted beside the directory that Traefik watches: a draft in there makes Traefik load the old
        content anew, after which it lets some time go by.
        """
        if self._host.read(self._file) != text:
            self._host.write(self._file, text, draft_in=self._directory)

    def loaded(self, configuration: Json) -> bool:
        """Tell whether the proxy works by this configuration now."""
        return self._ask(traefik.loaded_path(configuration), "localhost", LOADED_TIMEOUT).ok

    def through(self, container: str, path: str, timeout: float) -> Answer:
        """Ask a container by way of the proxy, on the entry point that the world does not reach."""
        return self._ask(path, container, timeout)

    def _ask(self, path: str, host: str, timeout: float) -> Answer:
        return self._host.get(self._address, traefik.INTERNAL_PORT, path, host, timeout)

    def _await(self, configuration: Json, container: str) -> None:
        began = self._host.now()
        while not self.loaded(configuration):
            proxy = self._inspect(container)
            if not proxy.running or self._host.now() > began + LOAD_TIMEOUT:
                raise ReleaseFailure(self._failure(proxy))
            self._host.pause(began)
            self.attach(proxy)

    def _inspect(self, name: str) -> Found:
        return Found(self._engine.container(name))

    def _failure(self, proxy: Found) -> Failure:
        state = "did not load its configuration" if proxy.running else "does not run"
        failure = Failure("proxy", f"The proxy {proxy.name} {state}", container=proxy.name)
        failure.log = self._engine.logs(proxy.id, LOG_LINES).splitlines()
        if not proxy.running:
            failure.exit_code = proxy.inspect["State"].get("ExitCode")
            failure.evidence.append(f"It ended with exit code {failure.exit_code}.")
        return failure
