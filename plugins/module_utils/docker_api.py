"""A small typed client for the Docker Engine's HTTP API (https://docs.docker.com/reference/api/engine/).

It speaks to the Engine's UNIX socket with the standard library alone, so that a managed host needs
nothing but Python 3.9. One request is one connection: a UNIX socket costs a fraction of a millisecond.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
from collections.abc import Iterator, Mapping
from typing import Any, Callable, Union
from urllib.parse import quote, urlencode

SOCKET = "/var/run/docker.sock"
# The newest API version that this client was written against. The Engine is asked for the older of the
# two: Debian's 20.10 offers 1.41, and Engine 29 refuses anything below 1.44.
API_VERSION = (1, 44)
HTTP_NOT_MODIFIED = 304
HTTP_ERROR = 400
LOG_HEADER_SIZE = 8

Json = dict[str, Any]
Query = Mapping[str, Union[str, int, bool]]


class DockerError(Exception):
    """The Engine refused or failed a request; `status` is its HTTP status, 0 when it did not answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def split_reference(reference: str) -> tuple[str, str]:
    """Split an image reference into repository and tag or digest (`latest` when it names neither)."""
    repository, at, digest = reference.partition("@")
    head, slash, last = repository.rpartition("/")
    name, _colon, tag = last.partition(":")
    return head + slash + name, digest if at else tag or "latest"


def registry_of(reference: str) -> str:
    """Return the registry that an image reference names: `host[:port]`, or `docker.io`."""
    first, slash, _rest = reference.partition("/")
    return first if slash and re.search(r"[.:]|^localhost$", first) else "docker.io"


def registry_header(registry: str, username: str, password: str) -> str:
    """Return the value of X-Registry-Auth, which carries a login with one request and stores it nowhere."""
    server = "https://index.docker.io/v1/" if registry == "docker.io" else registry
    login = {"username": username, "password": password, "serveraddress": server}
    return base64.urlsafe_b64encode(json.dumps(login).encode()).decode()


def demultiplex(stream: bytes) -> str:
    """Return the text of a log stream, whose frames carry 8 bytes of header each (stream, length)."""
    text = b""
    while len(stream) >= LOG_HEADER_SIZE:
        end = LOG_HEADER_SIZE + int.from_bytes(stream[4:LOG_HEADER_SIZE], "big")
        text += stream[LOG_HEADER_SIZE:end]
        stream = stream[end:]
    return text.decode(errors="replace")


class Engine:
    """One Docker Engine. Every method raises DockerError when the Engine refuses, fails or is silent."""

    def __init__(self, path: str = SOCKET, timeout: float = 60) -> None:
        self._path = path
        self._timeout = timeout
        self._prefix = ""

    def _open(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 0,
    ) -> tuple[_SocketConnection, http.client.HTTPResponse]:
        connection = _SocketConnection(self._path, timeout or self._timeout)
        target = path + ("?" + urlencode(_flags(query)) if query else "")
        payload = None if body is None else json.dumps(body)
        kind = {} if payload is None else {"Content-Type": "application/json"}
        try:
            connection.request(method, target, payload, {**kind, **(headers or {})})
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise DockerError(0, f"no answer on {self._path}: {error}") from error

    def _call(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Json | None = None,
        timeout: float = 0,
    ) -> bytes:
        connection, response = self._open(
            method, self._version() + path, query=query, body=body, timeout=timeout
        )
        try:
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise DockerError(0, f"the answer to {method} {path} broke off: {error}") from error
        finally:
            connection.close()
        if response.status >= HTTP_ERROR:
            raise DockerError(response.status, _message(content))
        return content

    def _json(self, method: str, path: str, query: Query | None = None, body: Json | None = None) -> Any:
        return json.loads(self._call(method, path, query, body))

    def _version(self) -> str:
        """Negotiate the API version once: the older of the Engine's and ours."""
        if not self._prefix:
            connection, response = self._open("GET", "/_ping")
            response.read()
            connection.close()
            offered = response.getheader("Api-Version") or "1.41"
            major, _dot, minor = offered.partition(".")
            self._prefix = "/v{}.{}".format(*min((int(major), int(minor)), API_VERSION))
        return self._prefix

    def info(self) -> Json:
        """Return what the Engine says of itself and its kernel."""
        info: Json = self._json("GET", "/info")
        return info

    # -- containers --------------------------------------------------------------------------------

    def containers(self, *labels: str) -> list[Json]:
        """List all containers, running or not, that carry every one of the labels."""
        filters = json.dumps({"label": list(labels)})
        found: list[Json] = self._json("GET", "/containers/json", {"all": True, "filters": filters})
        # The Engine lists a container that is being removed with null in place of its labels.
        return [{**container, "Labels": container.get("Labels") or {}} for container in found]

    def container(self, name: str) -> Json:
        """Inspect a container."""
        found: Json = self._json("GET", f"/containers/{quote(name)}/json")
        return found

    def create_container(self, name: str, payload: Json) -> str:
        """Create a container and return its id."""
        created: Json = self._json("POST", "/containers/create", {"name": name}, payload)
        return str(created["Id"])

    def start_container(self, name: str) -> None:
        """Start a container."""
        self._call("POST", f"/containers/{quote(name)}/start")

    def stop_container(self, name: str, seconds: int) -> None:
        """Ask a container to stop, and kill it after so many seconds."""
        self._call("POST", f"/containers/{quote(name)}/stop", {"t": seconds}, timeout=self._timeout + seconds)

    def remove_container(self, name: str) -> None:
        """Remove a container, running or not, with its anonymous volumes; one already gone is no error."""
        self._forgiving("DELETE", f"/containers/{quote(name)}", {"force": True, "v": True})

    def rename_container(self, name: str, to: str) -> None:
        """Give a container another name."""
        self._call("POST", f"/containers/{quote(name)}/rename", {"name": to})

    def update_container(self, name: str, payload: Json) -> None:
        """Change settings of an existing container (restart policy, limits)."""
        self._call("POST", f"/containers/{quote(name)}/update", body=payload)

    def logs(self, name: str, lines: int) -> str:
        """Return the last lines that a container wrote to stdout and stderr."""
        query = {"stdout": True, "stderr": True, "tail": lines}
        return demultiplex(self._call("GET", f"/containers/{quote(name)}/logs", query))

    # -- networks and volumes ----------------------------------------------------------------------

    def network(self, name: str) -> Json | None:
        """Inspect a network; None when there is none of this name."""
        return self._lookup(f"/networks/{quote(name)}")

    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a bridge network with its own DNS."""
        body = {"Name": name, "Driver": "bridge", "CheckDuplicate": True, "Labels": dict(labels)}
        self._call("POST", "/networks/create", body=body)

    def remove_network(self, name: str) -> None:
        """Remove a network; one already gone is no error."""
        self._forgiving("DELETE", f"/networks/{quote(name)}")

    def volume(self, name: str) -> Json | None:
        """Inspect a volume; None when there is none of this name."""
        return self._lookup(f"/volumes/{quote(name)}")

    def volumes(self, label: str) -> list[Json]:
        """List the volumes that carry a label."""
        found: Json = self._json("GET", "/volumes", {"filters": json.dumps({"label": [label]})})
        return found["Volumes"] or []

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a named volume."""
        self._call("POST", "/volumes/create", body={"Name": name, "Labels": dict(labels)})

    def remove_volume(self, name: str) -> None:
        """Remove a volume; one already gone is no error."""
        self._forgiving("DELETE", f"/volumes/{quote(name)}")

    # -- images ------------------------------------------------------------------------------------

    def image(self, reference: str) -> Json | None:
        """Inspect a local image by reference or id; None when it is not here."""
        return self._lookup(f"/images/{quote(reference)}/json")

    def images(self) -> list[Json]:
        """List the local images."""
        found: list[Json] = self._json("GET", "/images/json")
        return found

    def remove_image(self, reference: str) -> None:
        """Remove one name of an image, and the image with its last name; one already gone is no error."""
        self._forgiving("DELETE", f"/images/{quote(reference)}")

    def pull(
        self, reference: str, auth: str = "", progress: Callable[[str], None] = lambda status: None
    ) -> None:
        """Pull an image. The Engine streams its progress and reports a failure inside that stream."""
        repository, tag = split_reference(reference)
        headers = {"X-Registry-Auth": auth} if auth else {}
        query = {"fromImage": repository, "tag": tag}
        path = self._version() + "/images/create"
        connection, response = self._open("POST", path, query=query, headers=headers, timeout=600)
        try:
            if response.status >= HTTP_ERROR:
                raise DockerError(response.status, _message(response.read()))
            for event in _events(response):
                if "error" in event:
                    raise DockerError(500, str(event["error"]))
                progress(str(event.get("status", "")))
        except (OSError, http.client.HTTPException) as error:
            raise DockerError(0, f"the pull of {reference} broke off: {error}") from error
        finally:
            connection.close()

    # -- helpers -----------------------------------------------------------------------------------

    def _lookup(self, path: str) -> Json | None:
        try:
            found: Json = self._json("GET", path)
        except DockerError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise
        return found

    def _forgiving(self, method: str, path: str, query: Query | None = None) -> None:
        """Make a call whose aim is an absence: what is already absent is success."""
        try:
            self._call(method, path, query)
        except DockerError as error:
            if error.status != http.client.NOT_FOUND:
                raise


def _flags(query: Query) -> dict[str, str]:
    """Write booleans as the Engine reads them."""
    return {key: str(int(value)) if isinstance(value, bool) else str(value) for key, value in query.items()}


def _message(content: bytes) -> str:
    """Return the Engine's own words: errors are `{"message": ...}`."""
    text = content.decode(errors="replace").strip()
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text


def _events(response: http.client.HTTPResponse) -> Iterator[Json]:
    """Yield the JSON objects of a progress stream, one a line."""
    for line in response:
        if line.strip():
            event: Json = json.loads(line)
            yield event
