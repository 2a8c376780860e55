"""Secrets: read once each, made where declared, all missing ones named at once, no value in any error."""

import json
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from plugins.module_utils.faults import Faults, render
from plugins.module_utils.secret_store import (
    TO_BE_MADE,
    ParameterStore,
    Reference,
    SecretError,
    SecretsManager,
    pick,
)
from plugins.module_utils.secret_values import Result, Stores, collect, missing

HUSH = "the-value-itself"


#: Secrets Manager's are of 32 characters at least.
VERSION = "7f3c0d2e-9a51-4a7b-8f1e-0c6d5b4a3210"


class Aws:
    """Both stores, answering what a test has put in."""

    def __init__(self) -> None:
        manager: Any = boto3.client("secretsmanager", region_name="eu-central-1")
        parameters: Any = boto3.client("ssm", region_name="eu-central-1")
        self.manager = Stubber(manager)
        self.ssm = Stubber(parameters)
        self.manager.activate()
        self.ssm.activate()
        self.stores = Stores(lambda: SecretsManager(manager), lambda: ParameterStore(parameters))

    def holds(self, name: str, value: str, **asked: str) -> None:
        self.manager.add_response(
            "get_secret_value",
            {"SecretString": value, "VersionId": f"{VERSION}{asked.get('VersionId', '')}"},
            {"SecretId": name, **asked},
        )

    def described(self, name: str, **more: Any) -> None:
        self.manager.add_response("describe_secret", {"Name": name, **more}, {"SecretId": name})

    def lacks(self, name: str, call: str = "get_secret_value") -> None:
        self.manager.add_client_error(call, "ResourceNotFoundException", expected_params={"SecretId": name})

    def parameter(self, *names: str, found: dict[str, str], decrypt: bool = True) -> None:
        self.ssm.add_response(
            "get_parameters",
            {"Parameters": [{"Name": name, "Value": value, "Version": 3} for name, value in found.items()]},
            {"Names": list(names), "WithDecryption": decrypt},
        )

    def all_asked(self) -> None:
        self.manager.assert_no_pending_responses()
        self.ssm.assert_no_pending_responses()


@pytest.fixture
def aws() -> Aws:
    return Aws()


def read(aws: Aws, references: dict[str, dict[str, str]], **more: Any) -> Result:
    generate = more.pop("generate", {})
    result = collect(references, generate, aws.stores, tags={"slipway_app": "goals"}, **more)
    aws.all_asked()
    return result


def test_each_secret_is_read_once(aws: Aws) -> None:
    aws.holds("db", json.dumps({"url": "mongodb://x", "port": 27017}))
    aws.parameter("key", found={"key": "k"})
    references = {
        "api": {"URL": "secretsmanager:db#url", "PORT": "secretsmanager:db#port", "KEY": "ssm:key"},
        "worker": {"URL": "secretsmanager:db#url"},
    }
    assert read(aws, references).values == {
        "api": {"URL": "mongodb://x", "PORT": "27017", "KEY": "k"},
        "worker": {"URL": "mongodb://x"},
    }


def test_versions_are_told_and_former_ones_are_read(aws: Aws) -> None:
    references = {"api": {"URL": "secretsmanager:db#url", "KEY": "ssm:key"}}
    aws.holds("db", json.dumps({"url": "new"}))
    aws.parameter("key", found={"key": "new"})
    assert read(aws, references).versions == {"secretsmanager:db": VERSION, "ssm:key": "3"}

    aws.holds("db", json.dumps({"url": "old"}), VersionId=VERSION)
    aws.parameter("key:2", found={"key": "old"})
    former = read(aws, references, versions={"secretsmanager:db": VERSION, "ssm:key": "2"})
    assert former.values == {"api": {"URL": "old", "KEY": "old"}}


def test_more_parameters_than_one_call_takes(aws: Aws) -> None:
    names = [f"p{n:02}" for n in range(12)]
    aws.parameter(*names[:10], found=dict.fromkeys(names[:10], "v"))
    aws.parameter(*names[10:], found=dict.fromkeys(names[10:], "v"))
    result = read(aws, {"api": {name.upper(): f"ssm:{name}" for name in names}})
    assert len(result.values["api"]) == 12


def test_all_missing_ones_are_named_at_once_and_nothing_is_made(aws: Aws) -> None:
    aws.lacks("new", "describe_secret")
    aws.parameter("key", found={})
    aws.lacks("db")
    references = {
        "api": {"A": "secretsmanager:db", "B": "ssm:key", "C": "vault:password"},
        "worker": {"A": "secretsmanager:db"},
    }
    with pytest.raises(Faults) as raised:
        read(aws, references, generate={"new": 32}, undefined=["password"])
    aws.all_asked()
    assert [fault.key for fault in raised.value.faults] == [
        "app_services.api.secrets.B",
        "app_services.api.secrets.A, app_services.worker.secrets.A",
        "app_services.api.secrets.C",
    ]


class TestGenerate:
    """Secrets that are declared to be made."""

    def test_made_where_missing(self, aws: Aws) -> None:
        aws.lacks("session", "describe_secret")
        aws.manager.add_response(
            "create_secret",
            {"VersionId": VERSION},
            {
                "Name": "session",
                "SecretString": ANY,
                "Tags": [{"Key": "slipway_app", "Value": "goals"}],
            },
        )
        result = read(aws, {"api": {"KEY": "secretsmanager:session"}}, generate={"session": 48})
        assert result.made == ["session"]
        assert len(result.values["api"]["KEY"]) == 48
        assert result.values["api"]["KEY"].isalnum()

    def test_never_overwritten(self, aws: Aws) -> None:
        aws.described("session")
        aws.holds("session", HUSH)
        result = read(aws, {"api": {"KEY": "secretsmanager:session"}}, generate={"session": 48})
        assert result.made == []
        assert result.values["api"]["KEY"] == HUSH

    def test_another_run_was_faster(self, aws: Aws) -> None:
        aws.lacks("session", "describe_secret")
        aws.manager.add_client_error("create_secret", "ResourceExistsException")
        aws.holds("session", HUSH)
        result = read(aws, {"api": {"KEY": "secretsmanager:session"}}, generate={"session": 48})
        assert result.values["api"]["KEY"] == HUSH

    def test_check_mode_makes_nothing(self, aws: Aws) -> None:
        aws.lacks("session", "describe_secret")
        references = {"api": {"KEY": "secretsmanager:session"}}
        result = read(aws, references, generate={"session": 48}, check_mode=True)
        assert result.values["api"]["KEY"] == TO_BE_MADE
        assert result.made == ["session"]

    def test_a_random_value_has_no_keys(self, aws: Aws) -> None:
        aws.lacks("session", "describe_secret")
        with pytest.raises(Faults, match="no keys"):
            read(aws, {"api": {"KEY": "secretsmanager:session#key"}}, generate={"session": 48})

    def test_one_that_is_being_deleted_is_a_fault(self, aws: Aws) -> None:
        aws.described("session", DeletedDate=0)
        with pytest.raises(Faults, match="restore-secret"):
            read(aws, {}, generate={"session": 48})


class TestRefused:
    """What stands in the way, in words without the value."""

    def test_access_denied_names_what_to_allow(self, aws: Aws) -> None:
        aws.manager.add_client_error("get_secret_value", "AccessDeniedException", "not authorized")
        with pytest.raises(Faults, match="GetSecretValue"):
            read(aws, {"api": {"A": "secretsmanager:db"}})

    @pytest.mark.parametrize(
        ("code", "status"), [("ThrottlingException", 400), ("InternalServiceError", 500)]
    )
    def test_a_fault_of_awss_own_is_none_of_the_secret(self, aws: Aws, code: str, status: int) -> None:
        aws.manager.add_client_error("get_secret_value", code, "later", status)
        with pytest.raises(ClientError, match=code):
            read(aws, {"api": {"A": "secretsmanager:db"}})

    def test_binary_secrets(self, aws: Aws) -> None:
        aws.manager.add_response("get_secret_value", {"SecretBinary": b"x"}, {"SecretId": "db"})
        with pytest.raises(Faults, match="binary"):
            read(aws, {"api": {"A": "secretsmanager:db"}})

    @pytest.mark.parametrize("text", [HUSH, json.dumps({HUSH: 1}), json.dumps([HUSH])])
    def test_a_wrong_json_key(self, aws: Aws, text: str) -> None:
        aws.holds("db", text)
        with pytest.raises(Faults) as raised:
            read(aws, {"api": {"A": "secretsmanager:db#url"}})
        assert "url" in render(raised.value.faults)
        assert HUSH not in render(raised.value.faults)

    def test_no_chain_of_exceptions_holds_the_text(self) -> None:
        with pytest.raises(SecretError) as raised:
            pick(HUSH, Reference("secretsmanager", "db", "url"))
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__


class TestMissing:
    """What preflight asks, without reading a value."""

    def test_everything_that_is_not_there(self, aws: Aws) -> None:
        asked = []

        class Manager:
            """Answers in no certain order, as it is asked."""

            def check(self, name: str) -> None:
                asked.append(name)
                if name == "gone":
                    raise SecretError("it is not there", "make it")

        stores = Stores(lambda: cast(SecretsManager, Manager()), aws.stores.parameters)
        aws.parameter("here", "nowhere", found={"here": "x"}, decrypt=False)
        references = {
            "api": {
                "A": "secretsmanager:there",
                "B": "secretsmanager:gone#key",
                "C": "secretsmanager:made",
                "D": "ssm:here",
                "E": "ssm:nowhere",
                "F": "vault:x",
                "G": "secretsmanager:gone#other",
            }
        }
        faults = missing(references, ["made"], stores)
        aws.all_asked()
        assert sorted(asked) == ["gone", "there"]
        assert [fault.key for fault in faults] == [f"app_services.api.secrets.{each}" for each in "BGE"]


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("secretsmanager:a/b#c", Reference("secretsmanager", "a/b", "c")),
        ("secretsmanager:arn:aws:x:y", Reference("secretsmanager", "arn:aws:x:y")),
        ("ssm:/a/b", Reference("ssm", "/a/b")),
        ("vault:name", Reference("vault", "name")),
    ],
)
def test_references(text: str, reference: Reference) -> None:
    assert Reference.parse(text) == reference
