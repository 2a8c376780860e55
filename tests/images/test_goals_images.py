"""The production images of the sample application: what is in them, what is not, and how they run."""

import http.client
import json
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOALS = ROOT / "examples/goals"
# The lab's: this machine may reach no registry.
NODE, NGINX, MONGO = "slipway-lab/node:24", "slipway-lab/nginx:stable", "slipway-lab/mongo:8"
MEGABYTE = 1_000_000
CONFINED = (
    "--init",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
)
# What the development tools are called wherever they are installed.
TOOLS = {"npm", "npx", "node", "yarn", "corepack", "gcc", "make", "python3"}


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def build(part: str, target: str) -> str:
    image = f"slipway-images-test/{part}:{target}"
    bases = ("--build-arg", f"NODE_IMAGE={NODE}") + (
        ("--build-arg", f"NGINX_IMAGE={NGINX}") if part == "frontend" else ()
    )
    docker("build", "--target", target, "--tag", image, *bases, str(GOALS / part))
    return image


def files(image: str) -> dict[str, int]:
    """Return every file of an image and its size, by starting nothing of it."""
    container = docker("create", image, "none")
    try:
        export = subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE)
        listing = subprocess.run(
            ["tar", "--list", "--verbose"], stdin=export.stdout, check=True, capture_output=True, text=True
        )
        assert export.wait() == 0
    finally:
        docker("rm", container)
    found = {}
    for line in listing.stdout.splitlines():
        kind, _, size, _, _, name = line.split(maxsplit=5)
        if not kind.startswith("d"):
            found["/" + name.split(" -> ")[0]] = int(size) if size.isdigit() else 0
    return found


def size(image: str) -> int:
    return int(docker("image", "inspect", "--format", "{{.Size}}", image))


def config(image: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(docker("image", "inspect", "--format", "{{json .Config}}", image))
    return value


class Container:
    """A running container and the address of its published port."""

    def __init__(self, image: str, port: int, *options: str) -> None:
        self.id = docker("run", "--detach", "--publish", f"127.0.0.1::{port}", *CONFINED, *options, image)
        self.port = int(docker("port", self.id, str(port)).splitlines()[0].rsplit(":", 1)[1])

    def ask(self, path: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def wait_for(self, path: str, status: int) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if self.ask(path)[0] == status:
                    return
            except (OSError, http.client.HTTPException):
                # Not listening yet.
                time.sleep(0.1)
            time.sleep(0.1)
        pytest.fail(f"{path} did not answer {status}:\n{docker('logs', self.id)}")

    def stop(self) -> tuple[float, int]:
        """Stop with SIGTERM, or what the image asks for; return the seconds it took and the exit code."""
        start = time.monotonic()
        docker("stop", "--time", "30", self.id)
        taken = time.monotonic() - start
        return taken, int(docker("inspect", "--format", "{{.State.ExitCode}}", self.id))

    def remove(self) -> None:
        docker("rm", "--force", "--volumes", self.id)


@pytest.fixture(scope="module")
def frontend() -> Iterator[str]:
    yield build("frontend", "production")
    docker("rmi", "slipway-images-test/frontend:production")


@pytest.fixture(scope="module")
def backend() -> Iterator[str]:
    yield build("backend", "production")
    docker("rmi", "slipway-images-test/backend:production")


@pytest.fixture
def page(frontend: str) -> Iterator[Container]:
    container = Container(frontend, 8080)
    container.wait_for("/health", 200)
    yield container
    container.remove()


@pytest.fixture(scope="module")
def network() -> Iterator[str]:
    """A network with a database in it."""
    name = f"slipway-images-test-{uuid.uuid4().hex[:8]}"
    docker("network", "create", name)
    docker("run", "--detach", "--name", name, "--network", name, "--network-alias", "mongodb", MONGO)
    yield name
    docker("rm", "--force", "--volumes", name)
    docker("network", "rm", name)


@pytest.fixture
def api(backend: str, network: str) -> Iterator[Container]:
    url = "mongodb://mongodb:27017/images?directConnection=true"
    container = Container(backend, 3000, "--network", network, "--env", f"MONGODB_URL={url}")
    container.wait_for("/health", 200)
    yield container
    container.remove()


def test_frontend_adds_the_built_files_and_a_configuration_to_nginx(frontend: str) -> None:
    before, after = files(NGINX), files(frontend)
    added = {path for path in after if after[path] != before.get(path)} - {"/.dockerenv"}
    built = {path for path in added if path.startswith("/srv/www/")}
    names = sorted(re.sub(r"-[\w-]{8}\.", ".", path) for path in built)
    assert names == [
        "/srv/www/assets/index.css",
        "/srv/www/assets/index.js",
        "/srv/www/favicon.svg",
        "/srv/www/index.html",
    ]
    assert added - built == {"/etc/nginx/nginx.conf"}


def test_frontend_has_no_tools_sources_or_packages(frontend: str) -> None:
    added = set(files(frontend)) - set(files(NGINX))
    assert not {path for path in added if Path(path).name in TOOLS}
    assert not {path for path in added if path.endswith((".jsx", ".map", ".test.js", "package.json"))}
    assert not {path for path in added if "node_modules" in path}


def test_frontend_is_hardly_larger_than_nginx(frontend: str) -> None:
    assert size(frontend) - size(NGINX) < 2 * MEGABYTE


def test_frontend_runs_as_a_number_that_is_not_root(frontend: str) -> None:
    assert config(frontend)["User"] == "101:101"


def test_frontend_serves_the_built_files_and_its_page_for_every_address(page: Container) -> None:
    status, headers, index = page.ask("/")
    assert status == 200
    assert headers["Cache-Control"] == "no-cache"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert page.ask("/some/page/of/the/application")[2] == index

    (script,) = re.findall(r'src="(/assets/[^"]+\.js)"', index.decode())
    status, headers, _ = page.ask(script)
    assert status == 200
    assert "immutable" in headers["Cache-Control"]
    status, headers, _ = page.ask("/assets/missing.js")
    assert status == 404
    assert "Cache-Control" not in headers


def test_frontend_stops_at_once_and_cleanly(page: Container) -> None:
    taken, code = page.stop()
    assert code == 0
    assert taken < 5


def test_backend_has_its_code_and_production_dependencies_only(backend: str) -> None:
    found = set(files(backend))
    lock = json.loads((GOALS / "backend/package-lock.json").read_text())["packages"]
    production = {f"/app/{path}" for path, package in lock.items() if path and not package.get("dev")}
    development = {f"/app/{path}" for path, package in lock.items() if path and package.get("dev")}
    packages = {path.rsplit("/", 1)[0] for path in found if path.endswith("/package.json")}
    assert development
    assert production <= packages
    assert not development & packages

    own = {path for path in found if path.startswith("/app/") and "/node_modules/" not in path}
    sources = {f"/app/src/{path.name}" for path in (GOALS / "backend/src").iterdir()}
    assert own == sources | {"/app/package.json"}


def test_backend_needs_little_more_than_node(backend: str) -> None:
    assert size(backend) - size(NODE) < 40 * MEGABYTE


def test_backend_runs_node_itself_as_a_number_that_is_not_root(backend: str) -> None:
    assert config(backend)["User"] == "1000:1000"
    assert config(backend)["Cmd"] == ["node", "src/server.js"]
    assert "NODE_ENV=production" in config(backend)["Env"]


def test_backend_answers_a_request_in_flight_before_it_stops(api: Container) -> None:
    body = b'{"text": "in flight"}'
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=30)
    connection.putrequest("POST", "/goals")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:5])
    # An answer on another connection shows that the first half has been read.
    assert api.ask("/version")[0] == 200

    docker("kill", "--signal", "TERM", api.id)
    deadline = time.monotonic() + 10
    while '"message":"stopping"' not in docker("logs", api.id):
        assert time.monotonic() < deadline, "the backend did not say that it stops"
        time.sleep(0.05)
    connection.send(body[5:])
    answer = connection.getresponse()
    assert answer.status == 201
    assert answer.getheader("Connection") == "close"
    assert docker("wait", api.id) == "0"


def test_backend_stops_in_time(api: Container) -> None:
    taken, code = api.stop()
    assert code == 0
    assert taken < 5


def test_backend_is_not_ready_without_its_database(backend: str) -> None:
    url = "mongodb://127.0.0.1:9/nowhere?directConnection=true"
    container = Container(backend, 3000, "--env", f"MONGODB_URL={url}")
    try:
        container.wait_for("/health", 503)
    finally:
        container.remove()


@pytest.mark.parametrize(
    ("part", "source"), [("frontend", "src/App.jsx"), ("backend", "src/app.js")], ids=["frontend", "backend"]
)
def test_a_change_of_the_sources_installs_nothing_again(
    part: str, source: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    image = str(request.getfixturevalue(part))
    copy = shutil.copytree(GOALS / part, tmp_path / part, ignore=shutil.ignore_patterns("node_modules"))
    with (copy / source).open("a") as file:
        file.write("// changed\n")
    bases = ("--build-arg", f"NODE_IMAGE={NODE}", "--build-arg", f"NGINX_IMAGE={NGINX}")
    changed = f"slipway-images-test/{part}:changed"
    output = subprocess.run(
        ["docker", "build", "--tag", changed, *bases, copy],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ).stdout
    try:
        # The classic builder's words, and BuildKit's.
        assert re.search(r"RUN npm ci[^\n]*\n ---> Using cache|CACHED \[.*\] RUN npm ci", output), output
        assert set(files(changed)) == set(files(image))
    finally:
        docker("rmi", changed)


@pytest.mark.parametrize("part", ["frontend", "backend"])
def test_the_lock_file_names_no_registry(part: str) -> None:
    assert "resolved" not in (GOALS / part / "package-lock.json").read_text()


@pytest.mark.parametrize("part", ["frontend", "backend"])
def test_the_application_passes_its_own_tests_and_lint(part: str, network: str) -> None:
    image = build(part, "development")
    mounts = [
        option
        for name in ("src", "tests", "eslint.config.js")
        for option in ("--volume", f"{GOALS / part / name}:/app/{name}:ro")
    ]
    url = "mongodb://mongodb:27017/test?directConnection=true"
    options = ("--rm", "--network", network, "--env", f"MONGODB_URL={url}", *mounts, image)
    try:
        docker("run", *options, "npm", "run", "lint")
        docker("run", *options, "npm", "test")
    finally:
        docker("rmi", image)
