"""How faults are produced: each as a context, wrong within it and mended after it."""

from __future__ import annotations

import hashlib
import http.client
import http.server
import io
import json
import subprocess
import tarfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import yaml

from tests.e2e.environment import aws
from tests.faults.world import REGISTRY, World

#: What a run is to be given beside its own arguments.
Arguments = tuple[str, ...]
Produced = Callable[[World], AbstractContextManager[Arguments]]


@contextmanager
def nothing(_world: World) -> Iterator[Arguments]:
    """Do nothing."""
    yield ()


def token(world: World) -> str:
    """Name the secret."""
    return f"{world.app}/token"


@contextmanager
def secret(world: World) -> Iterator[Arguments]:
    """Have a secret."""
    store = aws("secretsmanager")
    store.create_secret(Name=token(world), SecretString="its-value")
    try:
        yield ()
    finally:
        # The run may have been without it.
        with suppress(store.exceptions.ResourceNotFoundException):
            store.delete_secret(SecretId=token(world), ForceDeleteWithoutRecovery=True)


@contextmanager
def secret_deleted(world: World) -> Iterator[Arguments]:
    """Delete it."""
    aws("secretsmanager").delete_secret(SecretId=token(world), ForceDeleteWithoutRecovery=True)
    yield ()


@contextmanager
def image_deleted(world: World) -> Iterator[Arguments]:
    """Delete the image that was pushed last, also where a release before has brought it."""
    repository = f"{world.app}/web"
    found = aws("ecr").describe_images(repositoryName=repository)["imageDetails"]
    newest = max(found, key=lambda image: str(image["imagePushedAt"]))
    digest, tag = newest["imageDigest"], newest["imageTags"][0]
    # BatchDeleteImage of the lab leaves the manifest where a pull finds it.
    url = f"http://{REGISTRY}/v2/{repository}/manifests/{digest}"
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=10).close()
    remove, names = ["docker", "rmi", "--force"], (f"{repository}:{tag}", f"{repository}@{digest}")
    subprocess.run([*remove, *(f"{REGISTRY}/{name}" for name in names)], check=True)
    if world.target == "ec2":
        world.environment.on_hosts(" ".join([*remove, *(f"{world.registry}/{name}" for name in names)]))
    yield ()


def foreign_image(name: str) -> Produced:
    """Have an image for a processor that this machine has not."""
    layer = archive({"program": b"\x7fELF\x02\x01\x01" + bytes(57)})
    config = {
        "architecture": "arm64",
        "os": "linux",
        "config": {"Cmd": ["/program"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    files = {
        "layer.tar": layer,
        "config.json": json.dumps(config).encode(),
        "manifest.json": json.dumps(manifest).encode(),
    }

    @contextmanager
    def there(_world: World) -> Iterator[Arguments]:
        subprocess.run(["docker", "load"], input=archive(files), check=True, capture_output=True)
        try:
            yield ()
        finally:
            subprocess.run(["docker", "rmi", "--force", name], check=True, capture_output=True)

    return there


def archive(files: dict[str, bytes]) -> bytes:
    """Return a tar archive of executable files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


@contextmanager
def other_deployment(world: World) -> Iterator[Arguments]:
    """Deploy the revision of before, as somebody else would."""
    ecs, cluster = aws("ecs"), world.environment.stack
    (service,) = ecs.describe_services(cluster=cluster, services=["web"])["services"]
    family, _colon, revision = service["taskDefinition"].rpartition(":")
    ecs.update_service(cluster=cluster, service="web", taskDefinition=f"{family}:{int(revision) - 1}")
    yield ()


@contextmanager
def registry_rejected(world: World) -> Iterator[Arguments]:
    """Let the second host not reach the registry."""
    rule = f"OUTPUT -p tcp --dport {world.registry.rpartition(':')[2]} -j REJECT"
    with on_host(world, 2, f"iptables -I {rule}", f"iptables -D {rule}"):
        yield ()


class _Denying(http.server.BaseHTTPRequestHandler):
    """A registry that lets nobody in."""

    def do_GET(self) -> None:
        body = json.dumps({"errors": [{"code": "DENIED", "message": "denied"}]}).encode()
        self.send_response(200 if self.path == "/v2/" else 403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def pull_denied(world: World) -> Iterator[Arguments]:
    """Lead the second host to a registry that denies all."""
    address, _colon, port = world.registry.rpartition(":")
    server = http.server.ThreadingHTTPServer((address, 0), _Denying)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    to = f"{address}:{server.server_address[1]}"
    rule = f"OUTPUT -p tcp -d {address} --dport {port} -j DNAT --to-destination {to}"
    with on_host(world, 2, f"iptables -t nat -I {rule}", f"iptables -t nat -D {rule}"):
        yield ()
    server.shutdown()
    server.server_close()


@contextmanager
def port_held(world: World) -> Iterator[Arguments]:
    """Have a process of the first host listen on the port that the proxy is to have."""
    start = "systemd-run --unit=holder /usr/bin/python3 -m http.server 8081"
    with on_host(world, 1, start, "systemctl stop holder"):
        yield "-e", "host_release_http_port=8081"


@contextmanager
def engine_killed(world: World) -> Iterator[Arguments]:
    """Kill the Docker Engine of the second host, and let nothing start it."""
    world.on_host(2, "systemctl kill --signal=KILL docker.service")
    with on_host(world, 2, "systemctl stop docker.socket docker.service", "systemctl start docker.service"):
        yield ()


@contextmanager
def host_off(world: World) -> Iterator[Arguments]:
    """Power the second host off."""
    name, address = sorted(world.environment.addresses().items())[1]
    ec2 = aws("ec2")
    (found,) = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])["Reservations"]
    ids = [instance["InstanceId"] for instance in found["Instances"]]
    ec2.stop_instances(InstanceIds=ids, Force=True)
    try:
        yield ()
    finally:
        ec2.start_instances(InstanceIds=ids)
        world.answering(f"http://{address}")


@contextmanager
def dependency(world: World) -> Iterator[Arguments]:
    """Have a service beside it that it may depend on."""
    before = world.environment.variables
    described = world.services(world.version, others={"store": {}})
    world.environment.set({**before, "app_services": described})
    world.environment.deploy(*world.arguments).succeeded()
    try:
        yield ()
    finally:
        world.environment.set(before)
        world.environment.deploy(*world.arguments).succeeded()


@contextmanager
def dependency_stopped(world: World) -> Iterator[Arguments]:
    """Stop it on the first host when the new version has been started there."""
    listed = "docker ps -q --filter label=slipway.service="
    while len(world.on_host(1, f"{listed}web").split()) < 2:
        pass
    world.on_host(1, f"docker stop {world.on_host(1, f'{listed}store')}")
    yield ()


@contextmanager
def on_host(world: World, number: int, command: str, undo: str) -> Iterator[None]:
    """Run a command as root on a host, and another one afterwards."""
    world.on_host(number, command)
    try:
        yield
    finally:
        world.on_host(number, undo)


def throttled(operation: str, *, every: int = 1) -> Produced:
    """Answer requests for operations that begin so, or each so many, as AWS does to who asks too often."""
    return _answered(operation, every, 400, "ThrottlingException", "Rate exceeded")


def unavailable(operation: str) -> Produced:
    """Answer requests for operations that begin so as a service of AWS does that has failed itself."""
    return _answered(operation, 1, 503, "ServiceUnavailableException", "Service is temporarily unavailable.")


@contextmanager
def secret_unavailable(world: World) -> Iterator[Arguments]:
    """Have a secret that AWS fails to give."""
    with secret(world), unavailable("secretsmanager.GetSecretValue")(world) as arguments:
        yield arguments


def _answered(operation: str, every: int, status: int, code: str, message: str) -> Produced:
    """Put a server between the run and AWS that answers itself what is asked of an operation."""
    body = json.dumps({"__type": code, "message": message}).encode()

    @contextmanager
    def between(world: World) -> Iterator[Arguments]:
        asked = 0

        class Between(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                nonlocal asked
                sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("X-Amz-Target", "").startswith(operation):
                    asked += 1
                    if asked % every == 0:
                        self.answer(status, {"Content-Type": "application/x-amz-json-1.1"}, body)
                        return
                upstream = http.client.HTTPConnection(REGISTRY, timeout=300)
                upstream.request(self.command, self.path, sent, dict(self.headers))
                answer = upstream.getresponse()
                self.answer(answer.status, dict(answer.headers), answer.read())
                upstream.close()

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

            def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                length = headers.get("Content-Length") if self.command == "HEAD" else None
                self.send_header("Content-Length", length or str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Between)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        lab = yaml.safe_load((world.environment.inventory / "group_vars/lab.yml").read_text())
        through = {"endpoint_url": f"http://127.0.0.1:{server.server_address[1]}"}
        yield "-e", json.dumps({"aws_connection": {**lab["aws_connection"], **through}})
        assert asked, f"nothing asked for {operation}"
        server.shutdown()
        server.server_close()

    return between
