"""The Atlas module against the stand-in of the Administration API, with Secrets Manager by moto."""

import json
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any

import boto3
import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from lab.atlas import API_KEY, ORGANIZATION, SERVICE_ACCOUNT, AtlasServer, Cloud, Refused
from plugins.module_utils.atlas_access import Entry, entries
from plugins.module_utils.atlas_api import ATTEMPTS, ApiKey, Atlas, AtlasError, ServiceAccount
from plugins.module_utils.atlas_secret import TAG, password_of, with_user
from plugins.modules import atlas_deployment

SECRET = "goals/prod/mongodb"
WANTED = {
    "organization_id": ORGANIZATION,
    "project": "goals-prod",
    "cluster": "goals-prod",
    "tier": "M10",
    "cluster_region": "EU_CENTRAL_1",
    "version": "8.0",
    "backup": True,
    "cluster_tags": {"slipway_app": "goals"},
    "access_list": ["203.0.113.7", {"cidr": "198.51.100.0/24", "description": "office"}],
    "user": "goals",
    "database": "goals",
    "secret": SECRET,
    "secret_tags": {"slipway_app": "goals"},
    "poll_interval": 0,
}
FLEX = {**WANTED, "tier": "FLEX", "version": None, "backup": None}
BY_ACCOUNT = {"client_id": SERVICE_ACCOUNT[0], "client_secret": SERVICE_ACCOUNT[1]}
BY_KEY = {"public_key": API_KEY[0], "private_key": API_KEY[1]}


@pytest.fixture
def server() -> Iterator[AtlasServer]:
    server = AtlasServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cloud(server: AtlasServer) -> Cloud:
    return server.cloud


@pytest.fixture
def manager(moto: None) -> Any:
    return boto3.client("secretsmanager", region_name="eu-central-1")


class Ansible:
    """Runs the module as Ansible does, and keeps all that it ever printed."""

    def __init__(self, server: AtlasServer, capsys: pytest.CaptureFixture[str]) -> None:
        self._server = server
        self.cloud = server.cloud
        self._capsys = capsys
        self.printed = ""

    def run(self, params: dict[str, Any], *, check_mode: bool = False) -> dict[str, Any]:
        login = {} if {"client_id", "public_key"} & set(params) else BY_ACCOUNT
        arguments = {"region": "eu-central-1", "atlas_url": self._server.url, **login, **params}
        arguments |= {"_ansible_check_mode": check_mode, "_ansible_diff": True, "_ansible_verbosity": 4}
        self._capsys.readouterr()
        with patch_module_args(arguments), pytest.raises(SystemExit):
            atlas_deployment.main()
        output = self._capsys.readouterr()
        self.printed += output.out + output.err
        result: dict[str, Any] = json.loads(output.out)
        self._server.cloud.requests, requests = [], self._server.cloud.requests
        result["writes"] = [
            (method, path.split("/", 2)[-1] if path.startswith("groups/") else path)
            for method, path, _body in requests
            if method != "GET"
        ]
        return result

    def apply(self, params: dict[str, Any]) -> dict[str, Any]:
        result = self.run(params)
        assert not result.get("failed"), result
        return result

    def fault(self, params: dict[str, Any], *, check_mode: bool = False) -> str:
        result = self.run(params, check_mode=check_mode)
        assert result.get("failed"), result
        assert result["writes"] == []
        message: str = result["msg"]
        return message


@pytest.fixture
def ansible(
    server: AtlasServer,
    capsys: pytest.CaptureFixture[str],
    manager: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Ansible:
    # A client takes longer to make than all that it is asked.
    monkeypatch.setattr(AnsibleAWSModule, "client", lambda self, service: manager)
    return Ansible(server, capsys)


def held(manager: Any) -> str:
    value: str = manager.get_secret_value(SecretId=SECRET)["SecretString"]
    return value


EVERYTHING = [
    ("POST", "groups"),
    ("POST", "{kind}"),
    ("POST", "accessList"),
    ("POST", "databaseUsers"),
]


@pytest.mark.parametrize("login", [BY_ACCOUNT, BY_KEY], ids=["service account", "API key"])
@pytest.mark.parametrize(("wanted", "kind"), [(WANTED, "clusters"), (FLEX, "flexClusters")])
def test_all_is_made_once(
    ansible: Ansible, manager: Any, wanted: dict[str, Any], kind: str, login: dict[str, str]
) -> None:
    cloud = ansible.cloud
    first = ansible.apply({**wanted, **login})
    assert first["changed"]
    assert first["writes"] == [(method, path.format(kind=kind)) for method, path in EVERYTHING]
    password = cloud.passwords["goals"]
    assert held(manager) == (
        f"mongodb+srv://goals:{password}@goals-prod.ab1c2.mongodb.net/goals"
        "?authSource=admin&retryWrites=true&w=majority"
    )
    assert cloud.project("goals-prod").clusters["goals-prod"]["stateName"] == "IDLE"

    second = ansible.apply({**wanted, **login})
    assert not second["changed"]
    assert second["writes"] == []
    assert second["diff"]["before"] == second["diff"]["after"]
    assert len(manager.list_secret_version_ids(SecretId=SECRET)["Versions"]) == 1


def test_a_plan_changes_nothing_and_says_what_a_run_would(ansible: Ansible, manager: Any) -> None:
    planned = ansible.run(WANTED, check_mode=True)
    assert planned["changed"]
    assert planned["writes"] == []
    assert manager.list_secrets()["SecretList"] == []
    assert ansible.apply(WANTED)["diff"] == planned["diff"]
    assert not ansible.run(WANTED, check_mode=True)["changed"]

    other = {**WANTED, "tier": "M20"}
    planned = ansible.run(other, check_mode=True)
    assert planned["writes"] == []
    assert ansible.apply(other)["diff"] == planned["diff"]
    assert planned["diff"]["before"]["cluster"]["tier"] == "M10"
    assert planned["diff"]["after"]["cluster"]["tier"] == "M20"


def test_no_secret_is_ever_shown(ansible: Ansible, manager: Any, cloud: Cloud) -> None:
    """Verbosity, diff, check mode and errors included."""
    ansible.run(WANTED, check_mode=True)
    ansible.apply({**WANTED, **BY_KEY})
    ansible.apply({**WANTED, "tier": "M20"})
    ansible.apply({**WANTED, "user": "other"})
    echo = f"{SERVICE_ACCOUNT[1]} {cloud.passwords['other']} {held(manager)}"
    cloud.stumbles = [Refused(HTTPStatus.BAD_REQUEST, "X", echo)]
    ansible.run(WANTED)
    ansible.run({**WANTED, "client_id": "who", "client_secret": "a-wrong-secret"})
    ansible.run({**WANTED, "public_key": "who", "private_key": "a-wrong-key"})
    shown = [SERVICE_ACCOUNT[1], API_KEY[1], "a-wrong-secret", "a-wrong-key", "ab1c2.mongodb.net"]
    for secret in (*shown, *cloud.passwords.values(), *cloud.tokens, held(manager)):
        assert secret not in ansible.printed


class TestDrift:
    """Each difference is one request, and setting it back another."""

    CASES = (
        ({"tier": "M30"}, ("PATCH", "clusters/goals-prod")),
        ({"version": "9.0"}, ("PATCH", "clusters/goals-prod")),
        ({"backup": False}, ("PATCH", "clusters/goals-prod")),
        ({"termination_protection": False}, ("PATCH", "clusters/goals-prod")),
        ({"cluster_tags": {"slipway_app": "other"}}, ("PATCH", "clusters/goals-prod")),
        (
            {"tier": "M30", "backup": False, "cluster_tags": {"slipway_app": "x"}},
            ("PATCH", "clusters/goals-prod"),
        ),
        (
            {"access_list": ["203.0.113.7", {"cidr": "198.51.100.0/24", "description": "x"}]},
            ("POST", "accessList"),
        ),
        (
            {"user_roles": [{"role": "readWriteAnyDatabase", "database": "admin"}]},
            ("PATCH", "databaseUsers/admin/goals"),
        ),
    )

    @pytest.mark.parametrize(("change", "write"), CASES, ids=["+".join(change) for change, _ in CASES])
    def test_of_a_field(self, ansible: Ansible, change: dict[str, Any], write: tuple[str, str]) -> None:
        ansible.apply(WANTED)
        for params in ({**WANTED, **change}, WANTED):
            assert ansible.apply(params)["writes"] == [write]
            assert not ansible.apply(params)["changed"]

    def test_it_is_waited_for(self, ansible: Ansible, cloud: Cloud) -> None:
        ansible.apply(WANTED)
        ansible.apply({**WANTED, "tier": "M30"})
        cluster = cloud.project("goals-prod").clusters["goals-prod"]
        assert cluster["stateName"] == "IDLE"
        # One that others change serves all the while.
        cluster |= {"stateName": "UPDATING", "looks": 10**9}
        assert not ansible.apply({**WANTED, "tier": "M30", "timeout": 0})["changed"]

    def test_of_a_flexible_cluster(self, ansible: Ansible) -> None:
        ansible.apply(FLEX)
        other = {**FLEX, "termination_protection": False, "cluster_tags": {"slipway_app": "x"}}
        assert ansible.apply(other)["writes"] == [("PATCH", "flexClusters/goals-prod")]
        assert not ansible.apply(other)["changed"]

    def test_of_a_new_entry_of_the_access_list(self, ansible: Ansible, cloud: Cloud) -> None:
        ansible.apply(WANTED)
        more = {**WANTED, "access_list": [*WANTED["access_list"], "sg-0a1b2c"]}  # type: ignore[misc]
        assert ansible.apply(more)["writes"] == [("POST", "accessList")]
        assert not ansible.apply(more)["changed"]
        # One less is left alone, unless the list is to be exact.
        assert ansible.apply(WANTED)["writes"] == []
        exact = {**WANTED, "access_list_exact": True}
        assert ansible.apply(exact)["writes"] == [("DELETE", "accessList/sg-0a1b2c")]
        assert set(cloud.project("goals-prod").access) == {"203.0.113.7/32", "198.51.100.0/24"}

    def test_what_others_have_set_is_left_alone(self, ansible: Ansible, cloud: Cloud) -> None:
        ansible.apply(WANTED)
        project = cloud.project("goals-prod")
        cluster = project.clusters["goals-prod"]
        cluster["tags"].append({"key": "cost-centre", "value": "7"})
        region = cluster["replicationSpecs"][0]["regionConfigs"][0]
        region["analyticsSpecs"] = {"instanceSize": "M40", "nodeCount": 1}
        project.users["goals"]["labels"] = [{"key": "owner", "value": "ada"}]
        assert not ansible.apply(WANTED)["changed"]
        ansible.apply({**WANTED, "tier": "M20", "cluster_tags": {"slipway_app": "other"}})
        region = cluster["replicationSpecs"][0]["regionConfigs"][0]
        assert region["electableSpecs"]["instanceSize"] == "M20"
        assert region["analyticsSpecs"] == {"instanceSize": "M40", "nodeCount": 1}
        assert {"key": "cost-centre", "value": "7"} in cluster["tags"]
        assert {"key": "slipway_app", "value": "other"} in cluster["tags"]

    def test_a_tier_that_atlas_scales_is_left_alone(self, ansible: Ansible, cloud: Cloud) -> None:
        ansible.apply(WANTED)
        region = cloud.project("goals-prod").clusters["goals-prod"]["replicationSpecs"][0]["regionConfigs"][0]
        region["autoScaling"]["compute"]["enabled"] = True
        region["electableSpecs"]["instanceSize"] = "M40"
        assert not ansible.apply(WANTED)["changed"]

    def test_a_user_that_reaches_every_cluster_is_bound_to_its_own(
        self, ansible: Ansible, cloud: Cloud
    ) -> None:
        ansible.apply(WANTED)
        cloud.project("goals-prod").users["goals"]["scopes"] = []
        assert ansible.apply(WANTED)["writes"] == [("PATCH", "databaseUsers/admin/goals")]
        assert not ansible.apply(WANTED)["changed"]


class TestRefused:
    """What cannot be changed in place, and what would destroy something, is a fault before any write."""

    @pytest.mark.parametrize("change", [{"provider": "GCP"}, {"cluster_region": "US_EAST_1"}])
    def test_another_place(self, ansible: Ansible, change: dict[str, Any]) -> None:
        ansible.apply(WANTED)
        message = ansible.fault({**WANTED, **change, "tier": "M20"})
        assert "cannot be changed in place" in message
        assert all(str(value) in message for value in change.values())

    @pytest.mark.parametrize(("made", "wanted"), [(WANTED, FLEX), (FLEX, WANTED)])
    def test_another_kind(self, ansible: Ansible, made: dict[str, Any], wanted: dict[str, Any]) -> None:
        ansible.apply(made)
        assert "not changed in place here" in ansible.fault(wanted)

    @pytest.mark.parametrize(
        ("state", "said"), [({"paused": True}, "is paused"), ({"stateName": "DELETING"}, "is being deleted")]
    )
    def test_a_cluster_that_does_not_serve(
        self, ansible: Ansible, cloud: Cloud, state: dict[str, Any], said: str
    ) -> None:
        ansible.apply(WANTED)
        cloud.project("goals-prod").clusters["goals-prod"] |= {**state, "looks": 9}
        assert said in ansible.fault(WANTED)

    def test_everything_that_is_wrong_is_said_at_once(self, ansible: Ansible, manager: Any) -> None:
        manager.create_secret(Name=SECRET, SecretString="{}")
        message = ansible.fault({**FLEX, "backup": True, "organization_id": ""})
        for said in ("backups", "organization_id", "not overwritten"):
            assert said in message

    def test_all_wrong_entries_of_the_access_list(self, ansible: Ansible) -> None:
        message = ansible.fault({**WANTED, "access_list": ["203.0.113.7/24", {"ip": "x"}, "198.51.100.1"]})
        assert "access_list[0]" in message
        assert "access_list[1]" in message
        assert "access_list[2]" not in message

    def test_a_cluster_that_never_serves(self, ansible: Ansible, cloud: Cloud) -> None:
        ansible.apply(WANTED)
        cloud.project("goals-prod").clusters["goals-prod"] |= {"stateName": "CREATING", "looks": 10**9}
        assert "not ready after 0 s" in ansible.fault({**WANTED, "timeout": 0})
        # A plan does not wait.
        assert not ansible.run(WANTED, check_mode=True)["changed"]


class TestSecret:
    """The password is in the secret and in Atlas, whatever happened between the two."""

    def test_one_that_was_not_written_here_is_not_overwritten(self, ansible: Ansible, manager: Any) -> None:
        manager.create_secret(Name=SECRET, SecretString="mongodb://mongodb:27017/goals")
        assert "not overwritten" in ansible.fault(WANTED)
        assert "not overwritten" in ansible.fault(WANTED, check_mode=True)
        assert held(manager) == "mongodb://mongodb:27017/goals"

    def test_one_that_was_lost_needs_a_new_password(
        self, ansible: Ansible, manager: Any, cloud: Cloud
    ) -> None:
        ansible.apply(WANTED)
        before = cloud.passwords["goals"]
        manager.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
        assert "reset_password" in ansible.fault(WANTED)
        reset = ansible.apply({**WANTED, "reset_password": True})
        assert reset["writes"] == [("PATCH", "databaseUsers/admin/goals")]
        assert before != cloud.passwords["goals"] == password_of(held(manager), "goals")
        assert not ansible.apply({**WANTED, "reset_password": True})["changed"]

    def test_a_run_that_ended_before_the_user_was_made(
        self, ansible: Ansible, manager: Any, cloud: Cloud
    ) -> None:
        ansible.apply(WANTED)
        password = cloud.passwords["goals"]
        del cloud.project("goals-prod").users["goals"], cloud.passwords["goals"]
        assert ansible.apply(WANTED)["writes"] == [("POST", "databaseUsers")]
        assert cloud.passwords["goals"] == password

    def test_another_user_is_a_new_version(self, ansible: Ansible, manager: Any, cloud: Cloud) -> None:
        """The way to a new password without an interruption: the old user stays until it is removed."""
        ansible.apply(WANTED)
        assert ansible.apply({**WANTED, "user": "goals-2"})["writes"] == [("POST", "databaseUsers")]
        assert password_of(held(manager), "goals-2") == cloud.passwords["goals-2"]
        assert set(cloud.project("goals-prod").users) == {"goals", "goals-2"}

    def test_another_address_is_a_new_version(self, ansible: Ansible, manager: Any, cloud: Cloud) -> None:
        ansible.apply(WANTED)
        strings = cloud.project("goals-prod").clusters["goals-prod"]["connectionStrings"]
        strings["standardSrv"] = "mongodb+srv://goals-prod.new99.mongodb.net"
        result = ansible.apply(WANTED)
        assert result["changed"]
        assert result["writes"] == []
        assert held(manager).startswith(
            f"mongodb+srv://goals:{cloud.passwords['goals']}@goals-prod.new99.mongodb.net/"
        )

    def test_its_tags(self, ansible: Ansible, manager: Any) -> None:
        project = ansible.apply(WANTED)["project_id"]
        tags = {tag["Key"]: tag["Value"] for tag in manager.describe_secret(SecretId=SECRET)["Tags"]}
        assert tags == {"slipway_app": "goals", TAG: f"{project}/goals-prod"}

    def test_one_that_is_scheduled_for_deletion(self, ansible: Ansible, manager: Any) -> None:
        ansible.apply(WANTED)
        manager.delete_secret(SecretId=SECRET)
        assert "restore-secret" in ansible.fault(WANTED)


class TestAbsent:
    """Removing is asked for, and said before."""

    GONE = {**WANTED, "state": "absent"}  # noqa: RUF012

    def test_protected(self, ansible: Ansible) -> None:
        ansible.apply(WANTED)
        assert "termination protection" in ansible.fault(self.GONE)

    def test_removed_and_waited_for(self, ansible: Ansible, manager: Any, cloud: Cloud) -> None:
        unprotected = {**WANTED, "termination_protection": False}
        ansible.apply(unprotected)
        cloud.project("goals-prod").access["192.0.2.1/32"] = {"cidrBlock": "192.0.2.1/32"}
        planned = ansible.run({**unprotected, "state": "absent"}, check_mode=True)
        assert planned["writes"] == []
        removed = ansible.apply({**unprotected, "state": "absent"})
        assert removed["diff"] == planned["diff"]
        project = cloud.project("goals-prod")
        assert (project.clusters, project.users, set(project.access)) == ({}, {}, {"192.0.2.1/32"})
        assert held(manager)
        assert not ansible.apply({**unprotected, "state": "absent"})["changed"]

    def test_nothing_there(self, ansible: Ansible) -> None:
        assert not ansible.apply(self.GONE)["changed"]


class TestApi:
    """The client alone."""

    def atlas(self, server: AtlasServer, pauses: list[float]) -> Atlas:
        return Atlas(ServiceAccount(*SERVICE_ACCOUNT), server.url, sleep=pauses.append)

    def test_pages(self, server: AtlasServer) -> None:
        atlas = self.atlas(server, [])
        project = atlas.call("POST", "groups", body={"name": "p", "orgId": ORGANIZATION})["id"]
        blocks = [f"192.0.2.{n}/32" for n in range(5)]
        body = [{"cidrBlock": block} for block in blocks]
        atlas.call("POST", "groups", project, "accessList", body=body)
        server.cloud.items_per_page = 2
        found = [entry["cidrBlock"] for entry in atlas.every("groups", project, "accessList")]
        assert found == blocks

    def test_the_rate_limit_is_waited_for(self, server: AtlasServer) -> None:
        pauses: list[float] = []
        limited = Refused(HTTPStatus.TOO_MANY_REQUESTS, "RATE_LIMITED", "later", Retry_After="55")
        server.cloud.stumbles = [limited, limited]
        made = self.atlas(server, pauses).call("POST", "groups", body={"name": "p", "orgId": ORGANIZATION})
        assert made["name"] == "p"
        assert pauses == [55, 55]

    def test_not_for_ever(self, server: AtlasServer) -> None:
        pauses: list[float] = []
        server.cloud.stumbles = [Refused(HTTPStatus.TOO_MANY_REQUESTS, "RATE_LIMITED", "later")] * ATTEMPTS
        with pytest.raises(AtlasError, match="429 RATE_LIMITED: later"):
            self.atlas(server, pauses).find("groups", "byName", "p")
        assert len(pauses) == ATTEMPTS - 1

    def test_a_passing_fault_is_outlived_by_what_only_reads(self, server: AtlasServer) -> None:
        pauses: list[float] = []
        fault = Refused(HTTPStatus.SERVICE_UNAVAILABLE, "UNEXPECTED_ERROR", "try later")
        server.cloud.stumbles = [fault]
        assert self.atlas(server, pauses).find("groups", "byName", "p") is None
        server.cloud.stumbles = [fault]
        with pytest.raises(AtlasError, match="503 UNEXPECTED_ERROR"):
            self.atlas(server, pauses).call("POST", "groups", body={"name": "p", "orgId": ORGANIZATION})
        assert len(pauses) == 1

    @pytest.mark.parametrize("wrong", [ServiceAccount("who", "s3cret"), ApiKey("who", "s3cret")])
    def test_wrong_credentials(self, server: AtlasServer, wrong: ServiceAccount | ApiKey) -> None:
        with pytest.raises(AtlasError, match=r"401 .*check the service account's id and secret") as refused:
            Atlas(wrong, server.url).find("groups", "byName", "p")
        assert refused.value.status == 401
        assert "s3cret" not in str(refused.value) + repr(wrong)

    def test_what_atlas_says_is_said(self, server: AtlasServer) -> None:
        atlas = self.atlas(server, [])
        with pytest.raises(AtlasError, match=r"403 USER_UNAUTHORIZED: Not authorized.*API access list"):
            atlas.call("POST", "groups", body={"name": "p", "orgId": "another"})
        with pytest.raises(AtlasError, match="400 MISSING_ATTRIBUTE: The required attribute orgId"):
            atlas.call("POST", "groups", body={"name": "p"})

    def test_one_token_for_many_requests_and_a_new_one_in_time(
        self, server: AtlasServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        atlas = self.atlas(server, [])
        for _ in range(3):
            atlas.find("groups", "byName", "p")
        assert len(server.cloud.tokens) == 1
        monkeypatch.setattr("plugins.module_utils.atlas_api.EARLY_SECONDS", 3600)
        atlas = self.atlas(server, [])
        for _ in range(2):
            atlas.find("groups", "byName", "p")
        assert len(server.cloud.tokens) == 3

    def test_nobody_there(self) -> None:
        pauses: list[float] = []
        closed = AtlasServer()
        closed.server_close()
        with pytest.raises(AtlasError, match="does not answer"):
            Atlas(ApiKey(*API_KEY), closed.url, sleep=pauses.append).find("groups", "byName", "p")


class TestStandIn:
    """What the stand-in would not let pass, so that passing means something."""

    def ask(self, server: AtlasServer, method: str = "GET", body: Any = None, **headers: str) -> Any:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = HTTPConnection("127.0.0.1", server.server_port)
        connection.request(method, "/api/atlas/v2/groups", json.dumps(body) if body else None, given)
        answer = connection.getresponse()
        found = answer.status, json.loads(answer.read())["errorCode"], answer.getheader("WWW-Authenticate")
        connection.close()
        return found

    def token(self, server: AtlasServer) -> str:
        server.cloud.tokens.add("known")
        return "Bearer known"

    def test_nobody_in_particular(self, server: AtlasServer) -> None:
        for headers in ({}, {"Authorization": "Bearer guessed"}, {"Authorization": "Basic Zm9vOmJhcg=="}):
            status, code, challenge = self.ask(server, **headers)
            assert (status, code) == (401, "UNAUTHORIZED")
            assert challenge.startswith('Digest realm="MMS Public API"')

    def test_a_digest_of_another_key_or_nonce(self, server: AtlasServer) -> None:
        parts = {
            "username": API_KEY[0],
            "realm": "MMS Public API",
            "uri": "/api/atlas/v2/groups",
            "nc": "00000001",
            "cnonce": "x",
            "qop": "auth",
            "response": "0" * 32,
        }
        _status, _code, challenge = self.ask(server)
        for nonce in (challenge.split('nonce="')[1].split('"')[0], "made-up"):
            given = ", ".join(f'{name}="{value}"' for name, value in {**parts, "nonce": nonce}.items())
            assert self.ask(server, Authorization=f"Digest {given}")[0] == 401

    @pytest.mark.parametrize("accept", ["application/json", "application/vnd.atlas.2022-01-01+json"])
    def test_another_version(self, server: AtlasServer, accept: str) -> None:
        answer = self.ask(server, Authorization=self.token(server), Accept=accept)
        assert answer[:2] == (406, "INVALID_VERSION_DATE")

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"name": "p", "orgId": ORGANIZATION, "x": 1}, "INVALID_ATTRIBUTE"),
            ({"name": "p"}, "MISSING_ATTRIBUTE"),
        ],
    )
    def test_another_body(self, server: AtlasServer, body: dict[str, Any], code: str) -> None:
        media_type = "application/vnd.atlas.2023-01-01+json"
        headers = {"Authorization": self.token(server), "Accept": media_type, "Content_Type": media_type}
        assert self.ask(server, "POST", body, **headers)[:2] == (400, code)


@pytest.mark.parametrize("password", ["plain", "p/w:@?#%[]", "ünïcode"])
def test_a_password_is_quoted_and_read_back(password: str) -> None:
    value = with_user("mongodb+srv://goals.ab1c2.mongodb.net", "go:als", password, "goals")
    assert password_of(value, "go:als") == password
    assert password_of(value, "goals") == ""


def test_the_options_of_an_address_stay() -> None:
    value = with_user("mongodb://a:27017,b:27017/?tls=true&replicaSet=x&w=1", "u", "p", "goals")
    assert value == (
        "mongodb://u:p@a:27017,b:27017/goals?authSource=admin&retryWrites=true&w=1&tls=true&replicaSet=x"
    )
    assert password_of(value, "u") == "p"


def test_an_address_is_a_block_of_one() -> None:
    assert entries(["203.0.113.7", "sg-1"]) == [Entry("203.0.113.7/32"), Entry("sg-1")]
