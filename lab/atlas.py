"""A stand-in for the Atlas Administration API, made from its published shapes, for tests.

It knows what Slipway calls: projects, clusters of both kinds, access lists, database users, tokens. It
authenticates every request, holds it against the media types and fields of its resource, and refuses as Atlas
does. A cluster is CREATING or UPDATING until it was asked for a few times.

``python -m lab.atlas --port 47017`` serves until it is asked to DELETE /. With ``--database``, a cluster is a
database server of the lab, which must be up, and its connection string leads there.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import ipaddress
import json
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from urllib.request import parse_http_list, parse_keqv_list

from lab.atlas_database import DatabaseServers
from lab.docker_engine import connect
from lab.settings import from_environment

ORGANIZATION = "5f9f1b9e8c3d4e0012345678"
SERVICE_ACCOUNT = ("mdb_sa_id_lab", "mdb_sa_sk_any-secret-will-do")
API_KEY = ("labpubli", "b6c0f3a2-any-key-will-do")
REALM = "MMS Public API"
# How often a cluster has to be looked at until a change of it is done.
LOOKS = 2

MEDIA_TYPE = re.compile(r"application/vnd\.atlas\.(\d{4}-\d\d-\d\d)\+json")
# The versions of each operation that is known.
VERSIONS = {
    ("GET", "clusters"): {"2023-01-01", "2023-02-01", "2024-08-05"},
    ("POST", "clusters"): {"2023-01-01", "2023-02-01", "2024-08-05", "2024-10-23"},
    ("PATCH", "clusters"): {"2023-01-01", "2023-02-01", "2024-08-05", "2024-10-23"},
    ("DELETE", "clusters"): {"2023-01-01", "2023-02-01"},
    ("GET", "flexClusters"): {"2024-11-13"},
    ("POST", "flexClusters"): {"2024-11-13"},
    ("PATCH", "flexClusters"): {"2024-11-13"},
    ("DELETE", "flexClusters"): {"2024-11-13"},
}
FIRST = {"2023-01-01"}
# What the bodies of requests may hold, those that create must hold, and what is for reading.
FIELDS: Mapping[tuple[str, str], tuple[set[str], set[str]]] = {
    ("POST", "groups"): ({"name", "orgId"}, {"name", "orgId", "tags", "withDefaultAlertsSettings"}),
    ("POST", "flexClusters"): (
        {"name", "providerSettings"},
        {"name", "providerSettings", "tags", "terminationProtectionEnabled"},
    ),
    ("PATCH", "flexClusters"): (set(), {"tags", "terminationProtectionEnabled"}),
    ("POST", "clusters"): (
        {"name", "clusterType", "replicationSpecs"},
        {
            "name",
            "clusterType",
            "replicationSpecs",
            "tags",
            "terminationProtectionEnabled",
            "backupEnabled",
            "mongoDBMajorVersion",
            "paused",
        },
    ),
    ("PATCH", "clusters"): (
        set(),
        {
            "replicationSpecs",
            "tags",
            "terminationProtectionEnabled",
            "backupEnabled",
            "mongoDBMajorVersion",
            "paused",
        },
    ),
    ("POST", "databaseUsers"): (
        {"databaseName", "groupId", "username", "password", "roles"},
        {"databaseName", "groupId", "username", "password", "roles", "scopes", "labels"},
    ),
    ("PATCH", "databaseUsers"): (set(), {"password", "roles", "scopes", "labels"}),
}
SIZE = re.compile(r"[MR]\d{2,3}(_NVME)?")
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]{0,63}")


class Refused(Exception):
    """An answer of Atlas's error shape."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.body = {
            "detail": detail,
            "error": int(status),
            "errorCode": code,
            "parameters": [],
            "reason": status.phrase,
        }


@dataclass
class Project:
    """A project with what is in it."""

    id: str
    name: str
    clusters: dict[str, dict[str, Any]] = field(default_factory=dict)
    access: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """A request for something in a project; its parts are those of the path that follow the project's id."""

    cloud: Cloud
    project: Project
    method: str
    parts: list[str]
    query: Mapping[str, str]
    body: Any


@dataclass
class Cloud:
    """All that the stand-in knows."""

    projects: dict[str, Project] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    nonces: set[str] = field(default_factory=set)
    # Each request that was authenticated: method, path, body.
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    # Refusals of the next requests, whatever these are.
    stumbles: list[Refused] = field(default_factory=list)
    # Passwords by user, as a database would check them.
    passwords: dict[str, str] = field(default_factory=dict)
    items_per_page: int = 500
    # What the clusters are; without, their connection strings lead nowhere.
    servers: DatabaseServers | None = None

    def let_in(self, user: str, password: str, roles: list[dict[str, str]]) -> None:
        """Give a user a password."""
        self.passwords[user] = password
        if self.servers:
            self.servers.login(user, password, roles)

    def project(self, name: str) -> Project:
        """Give a project by its name."""
        return next(project for project in self.projects.values() if project.name == name)

    def answer(self, method: str, parts: list[str], query: Mapping[str, str], body: Any) -> Any:
        """Answer a request that is authenticated and of the right form."""
        match parts:
            case ["groups"] if method == "POST":
                return self._make_project(body)
            case ["groups", "byName", name] if method == "GET":
                found = [project for project in self.projects.values() if project.name == name]
                if not found:
                    raise Refused(HTTPStatus.NOT_FOUND, "GROUP_NAME_NOT_FOUND", f"No group named {name}.")
                return {"id": found[0].id, "name": name, "orgId": ORGANIZATION, "clusterCount": 0}
            case ["groups", group, collection, *_]:
                if group not in self.projects:
                    # Whoever has no right to a project does not learn whether it exists.
                    raise Refused(HTTPStatus.UNAUTHORIZED, "NOT_IN_GROUP", f"Not in group {group}.")
                handlers: dict[str, Callable[[Call], Any]] = {
                    "clusters": _clusters,
                    "flexClusters": _clusters,
                    "accessList": _access,
                    "databaseUsers": _users,
                }
                if collection in handlers:
                    call = Call(self, self.projects[group], method, parts[2:], query, body)
                    return handlers[collection](call)
        raise Refused(HTTPStatus.NOT_FOUND, "RESOURCE_NOT_FOUND", f"Cannot find resource {'/'.join(parts)}.")

    def _make_project(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["orgId"] != ORGANIZATION:
            raise Refused(HTTPStatus.FORBIDDEN, "USER_UNAUTHORIZED", "Not authorized for this organization.")
        if any(project.name == body["name"] for project in self.projects.values()):
            raise Refused(HTTPStatus.CONFLICT, "GROUP_ALREADY_EXISTS", f"{body['name']} already exists.")
        made = Project(secrets.token_hex(12), body["name"])
        self.projects[made.id] = made
        return {"id": made.id, "name": made.name, "orgId": ORGANIZATION, "clusterCount": 0}


def _clusters(call: Call) -> Any:
    project, method, parts, body = call.project, call.method, call.parts, call.body
    flex = parts[0] == "flexClusters"
    if method == "POST" and len(parts) == 1:
        if body["name"] in project.clusters:
            raise Refused(HTTPStatus.BAD_REQUEST, "DUPLICATE_CLUSTER_NAME", f"{body['name']} is taken.")
        if not NAME.fullmatch(body["name"]):
            raise Refused(HTTPStatus.BAD_REQUEST, "CLUSTER_NAME_INVALID", f"Invalid name {body['name']}.")
        made = _made(project, body, flex)
        project.clusters[body["name"]] = made
        if call.cloud.servers:
            call.cloud.servers.start(body["name"])
        return _public(made)
    _collection, name = parts
    cluster = project.clusters.get(name)
    if cluster is None:
        raise Refused(HTTPStatus.NOT_FOUND, "CLUSTER_NOT_FOUND", f"No cluster named {name} exists.")
    if ("providerSettings" in cluster) != flex:
        code = "CANNOT_USE_NON_FLEX_CLUSTER_IN_FLEX_API" if flex else "CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API"
        raise Refused(HTTPStatus.BAD_REQUEST, code, f"Cluster {name} cannot be used in this API.")
    if method == "GET":
        return _looked_at(call, cluster)
    if method == "PATCH":
        if not flex:
            _check_specs(body.get("replicationSpecs", []), cluster)
        cluster |= body | {"stateName": "UPDATING", "looks": LOOKS}
        return _public(cluster)
    if cluster["terminationProtectionEnabled"]:
        raise Refused(
            HTTPStatus.BAD_REQUEST,
            "CANNOT_TERMINATE_CLUSTER_WHEN_TERMINATION_PROTECTION_ENABLED",
            f"Cluster {name} has termination protection.",
        )
    cluster |= {"stateName": "DELETING", "looks": LOOKS}
    return {}


def _made(project: Project, body: dict[str, Any], flex: bool) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "id": secrets.token_hex(12),
        "groupId": project.id,
        "stateName": "CREATING",
        "looks": LOOKS,
        "tags": [],
        "terminationProtectionEnabled": False,
        "versionReleaseSystem": "LTS",
        "clusterType": "REPLICASET",
    }
    if flex:
        _required(body["providerSettings"], {"backingProviderName", "regionName"})
        settings = {**body["providerSettings"], "providerName": "FLEX", "diskSizeGB": 5}
        return {**defaults, **body, "providerSettings": settings}
    _check_specs(body["replicationSpecs"], None)
    made = {**defaults, "backupEnabled": False, "mongoDBMajorVersion": "8.0", "paused": False, **body}
    for spec in made["replicationSpecs"]:
        spec |= {"id": secrets.token_hex(12), "zoneId": secrets.token_hex(12), "zoneName": "Zone 1"}
        for region in spec["regionConfigs"]:
            region["electableSpecs"] |= {"diskSizeGB": 10.0, "ebsVolumeType": "STANDARD"}
            region["autoScaling"] = {"compute": {"enabled": False}, "diskGB": {"enabled": True}}
            region["effectiveElectableSpecs"] = dict(region["electableSpecs"])
    return made


def _check_specs(specs: list[dict[str, Any]], cluster: dict[str, Any] | None) -> None:
    """Hold replication specs against what Atlas takes: known sizes, and existing ones by their ids."""
    known = {spec["id"] for spec in cluster["replicationSpecs"]} if cluster else {None}
    for spec in specs:
        if spec.get("id") not in known:
            raise Refused(HTTPStatus.BAD_REQUEST, "INVALID_ATTRIBUTE", "replicationSpecs.id")
        for region in spec["regionConfigs"]:
            _required(region, {"providerName", "regionName", "priority", "electableSpecs"})
            _unknown(
                region,
                {"providerName", "regionName", "priority", "electableSpecs", "readOnlySpecs", "autoScaling"}
                | {"analyticsSpecs", "analyticsAutoScaling"},
            )
            _required(region["electableSpecs"], {"instanceSize", "nodeCount"})
            if not SIZE.fullmatch(region["electableSpecs"]["instanceSize"]):
                raise Refused(HTTPStatus.BAD_REQUEST, "INVALID_ENUM_VALUE", "instanceSize")


def _looked_at(call: Call, cluster: dict[str, Any]) -> dict[str, Any]:
    """Show a cluster, a look nearer to what it is becoming."""
    shown = _public(cluster)
    cluster["looks"] -= 1
    if cluster["looks"] <= 0 and cluster["stateName"] == "DELETING":
        del call.project.clusters[cluster["name"]]
        if call.cloud.servers:
            call.cloud.servers.stop(cluster["name"])
    elif cluster["looks"] <= 0:
        cluster["stateName"] = "IDLE"
        name, servers = cluster["name"].lower(), call.cloud.servers
        hosts = ",".join(f"{name}-shard-00-0{node}.ab1c2.mongodb.net:27017" for node in range(3))
        cluster["connectionStrings"] = {
            "standardSrv": servers.address(cluster["name"])
            if servers
            else f"mongodb+srv://{name}.ab1c2.mongodb.net",
            "standard": f"mongodb://{hosts}/?ssl=true&authSource=admin&replicaSet=atlas-{name}-shard-0",
        }
    return shown


def _public(cluster: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(json.dumps({**cluster, "links": []}))
    del shown["looks"]
    return shown


def _access(call: Call) -> Any:
    project, method, parts, body = call.project, call.method, call.parts, call.body
    if method == "GET" and len(parts) == 1:
        return _page(call, list(project.access.values()))
    if method == "POST" and len(parts) == 1:
        for entry in body:
            made = _entry(entry)
            project.access[made.get("awsSecurityGroup") or made["cidrBlock"]] = made
        return _page(call, list(project.access.values()))
    if method == "DELETE" and parts[1] in project.access:
        del project.access[parts[1]]
        return {}
    raise Refused(HTTPStatus.NOT_FOUND, "ATLAS_NETWORK_PERMISSION_ENTRY_NOT_FOUND", "No such entry.")


def _entry(given: dict[str, Any]) -> dict[str, Any]:
    _unknown(given, {"cidrBlock", "ipAddress", "awsSecurityGroup", "comment", "deleteAfterDate"})
    values = [given[key] for key in ("cidrBlock", "ipAddress", "awsSecurityGroup") if key in given]
    if len(values) != 1:
        raise Refused(HTTPStatus.BAD_REQUEST, "MISSING_ATTRIBUTE", "One address is required.")
    if "awsSecurityGroup" in given:
        return given
    try:
        block = ipaddress.IPv4Network(values[0])
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "ATLAS_INVALID_IP_ADDRESS_OR_CIDR_BLOCK", str(error)) from error
    address = {"ipAddress": str(block.network_address)} if block.prefixlen == 32 else {}
    return {"comment": "", **given, **address, "cidrBlock": str(block)}


def _users(call: Call) -> Any:
    project, method, parts, body = call.project, call.method, call.parts, call.body
    if method == "POST" and len(parts) == 1:
        if body["username"] in project.users:
            raise Refused(HTTPStatus.CONFLICT, "USER_ALREADY_EXISTS", f"{body['username']} already exists.")
        given = dict(body)
        call.cloud.let_in(given["username"], given.pop("password"), given["roles"])
        project.users[given["username"]] = {"awsIAMType": "NONE", "scopes": [], "labels": [], **given}
        return project.users[given["username"]]
    _collection, database, name = parts
    if database != "admin" or name not in project.users:
        raise Refused(HTTPStatus.NOT_FOUND, "USERNAME_NOT_FOUND", f"No user with username {name} exists.")
    if method == "DELETE":
        del project.users[name], call.cloud.passwords[name]
        return {}
    if method == "PATCH":
        given = dict(body)
        if "password" in given:
            call.cloud.let_in(name, given.pop("password"), given.get("roles", project.users[name]["roles"]))
        project.users[name] |= given
    return project.users[name]


def _page(call: Call, items: list[Any]) -> dict[str, Any]:
    number = int(call.query.get("pageNum", "1"))
    size = min(int(call.query.get("itemsPerPage", "100")), call.cloud.items_per_page)
    links = [{"rel": "self", "href": ""}]
    if number * size < len(items):
        links.append({"rel": "next", "href": ""})
    shown = items[(number - 1) * size : number * size]
    return {"links": links, "results": shown, "totalCount": len(items)}


def _required(body: Mapping[str, Any], required: set[str]) -> None:
    for name in sorted(required - set(body)):
        detail = f"The required attribute {name} was not specified."
        raise Refused(HTTPStatus.BAD_REQUEST, "MISSING_ATTRIBUTE", detail)


def _unknown(body: Mapping[str, Any], known: set[str]) -> None:
    for name in sorted(set(body) - known):
        detail = f"Received JSON for the {name} attribute which is not an attribute of this resource."
        raise Refused(HTTPStatus.BAD_REQUEST, "INVALID_ATTRIBUTE", detail)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: AtlasServer

    def _do(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        if (self.command, self.path) == ("DELETE", "/"):
            self._reply(HTTPStatus.OK, {}, {})
            # Only now: the process may end before its answer is sent.
            threading.Thread(target=self.server.shutdown).start()
            return
        try:
            status, answer = self._answer(raw)
        except Refused as refused:
            self._reply(refused.status, refused.body, refused.headers)
        else:
            self._reply(status, answer, {})

    do_GET = do_POST = do_PATCH = do_DELETE = _do

    def _reply(self, status: HTTPStatus, answer: Any, headers: Mapping[str, str]) -> None:
        text = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _answer(self, raw: bytes) -> tuple[HTTPStatus, Any]:
        cloud = self.server.cloud
        url = urlsplit(self.path)
        if url.path == "/api/oauth/token" and self.command == "POST":
            return HTTPStatus.OK, self._token(raw)
        self._authenticate()
        parts = [unquote(part) for part in url.path.removeprefix("/api/atlas/v2/").split("/")]
        body = self._body(parts, raw)
        cloud.requests.append((self.command, "/".join(parts), body))
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        answer = cloud.answer(self.command, parts, query, body)
        made = self.command == "POST" and parts[-1] != "groups"
        return (HTTPStatus.CREATED if made else HTTPStatus.OK), answer

    def _token(self, raw: bytes) -> dict[str, Any]:
        expected = base64.b64encode(":".join(SERVICE_ACCOUNT).encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            refused = Refused(HTTPStatus.UNAUTHORIZED, "", "")
            refused.body = {"error": "invalid_client", "error_description": "Invalid client credentials"}
            raise refused
        if raw != b"grant_type=client_credentials":
            refused = Refused(HTTPStatus.BAD_REQUEST, "", "")
            refused.body = {
                "error": "unsupported_grant_type",
                "error_description": "grant_type is not supported",
            }
            raise refused
        token = f"eyJ.{secrets.token_hex(16)}"
        self.server.cloud.tokens.add(token)
        return {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}

    def _authenticate(self) -> None:
        scheme, _space, rest = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer" and rest in self.server.cloud.tokens:
            return
        if scheme == "Digest" and self._digest(parse_keqv_list(parse_http_list(rest))):
            return
        nonce = secrets.token_hex(8)
        self.server.cloud.nonces.add(nonce)
        raise Refused(
            HTTPStatus.UNAUTHORIZED,
            "UNAUTHORIZED",
            "You are not authorized for this resource.",
            WWW_Authenticate=f'Digest realm="{REALM}", domain="", nonce="{nonce}", algorithm=MD5, qop="auth"',
        )

    def _digest(self, given: Mapping[str, str]) -> bool:
        """Hold a digest against the key (RFC 7616, MD5, qop auth)."""
        if given["nonce"] not in self.server.cloud.nonces or given["username"] != API_KEY[0]:
            return False

        def md5(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        who = md5(f"{API_KEY[0]}:{REALM}:{API_KEY[1]}")
        what = md5(f"{self.command}:{self.path}")
        parts = (who, given["nonce"], given["nc"], given["cnonce"], given["qop"], what)
        return given["uri"] == self.path and given["response"] == md5(":".join(parts))

    def _body(self, parts: list[str], raw: bytes) -> Any:
        """Hold the media types and the fields of a request against its operation."""
        if self.server.cloud.stumbles:
            raise self.server.cloud.stumbles.pop(0)
        operation = (self.command, parts[2] if len(parts) > 2 else parts[0])
        versions = VERSIONS.get(operation, FIRST)
        accepted = MEDIA_TYPE.fullmatch(self.headers.get("Accept", ""))
        if not accepted or accepted[1] not in versions:
            raise Refused(
                HTTPStatus.NOT_ACCEPTABLE, "INVALID_VERSION_DATE", f"Invalid: {self.headers.get('Accept')}."
            )
        if not raw:
            return None
        if self.headers.get("Content-Type") != self.headers["Accept"]:
            raise Refused(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", "Invalid Content-Type."
            )
        body = json.loads(raw)
        if operation in FIELDS:
            required, known = FIELDS[operation]
            _required(body, required)
            _unknown(body, known)
        return body

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: requests are kept."""


class AtlasServer(ThreadingHTTPServer):
    """The stand-in, on a port of the loopback address; 0 is any."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.cloud = Cloud()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_port}"


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", action="store_true", help="let clusters be servers in the lab")
    arguments = parser.parse_args()
    server = AtlasServer(arguments.port)
    if arguments.database:
        server.cloud.servers = DatabaseServers(from_environment(), connect())
    try:
        server.serve_forever()
    finally:
        if server.cloud.servers:
            server.cloud.servers.stop_all()


if __name__ == "__main__":
    main()
