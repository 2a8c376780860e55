"""One update exactly when something differs: generated from the API's own model, for every field."""

import copy
import itertools
from typing import Any, cast

import boto3
import pytest
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import ClientError

from plugins.module_utils.aws_shapes import faults
from plugins.module_utils.ecs_api import EcsError
from plugins.module_utils.ecs_service import (
    DEFAULTS,
    LEFT_ALONE,
    OWN_OPTIONS,
    Service,
    checked,
    normalised,
)
from plugins.module_utils.several import Call
from plugins.modules import ecs_service
from tests.unit.aws_doubles import (
    Double,
    Path,
    at,
    changed,
    dotted,
    example,
    input_shape,
    leaves,
    refused,
    reordered,
    run,
)

CREATE = input_shape("ecs", "CreateService")
UPDATE = input_shape("ecs", "UpdateService")
ARN = "arn:aws:ecs:eu-central-1:123456789012"
MEMBERS = sorted(set(CREATE.members) & set(UPDATE.members) - set(OWN_OPTIONS))
FIXED = ("launchType", "role", "schedulingStrategy")
# Where AWS shows members that the description of a service lacks.
IN_DEPLOYMENT = ("serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations")
IN_REVISION = ("gatewayConnectors", "monitoring")
MINIMAL = {"taskDefinition": "api:1", "desiredCount": 2, "launchType": "FARGATE"}


def everything() -> Any:
    """A service with every field that can be updated, none at its default."""
    value = {name: example(CREATE.members[name]) for name in MEMBERS}
    value["taskDefinition"] = "api:1"
    value["propagateTags"] = "SERVICE"
    value["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] = "ENABLED"
    value["serviceConnectConfiguration"]["containerConfigurations"][0]["logLevel"] = "debug"
    value["deploymentConfiguration"]["deploymentCircuitBreaker"]["resetOnHealthyTask"] = False
    return value


def fields() -> list[tuple[Path, tuple[Any, ...]]]:
    found = [leaf for leaf in leaves(CREATE) if leaf[0][0] in MEMBERS and leaf[0] != ("taskDefinition",)]
    return [*found, (("taskDefinition",), ("api:1", f"{ARN}:task-definition/api:2"))]


def changeable() -> list[Any]:
    """Fields of which the API knows more than one value."""
    return [pytest.param(path, choices, id=dotted(path)) for path, choices in fields() if len(choices) > 1]


def removable() -> list[Any]:
    """Fields, or lists of one plain value, that the API does not require."""
    paths = [path[:-1] if isinstance(path[-1], int) else path for path, _ in fields()]
    found = [path for path in paths if path != ("taskDefinition",)]
    return [
        pytest.param(path, id=dotted(path))
        for path in found
        if not faults({**without(everything(), path), "serviceName": "api"}, CREATE)
    ]


def without(value: Any, path: Path) -> Any:
    less = copy.deepcopy(value)
    del at(less, path[:-1])[path[-1]]
    return less


def as_ecs_returns(members: dict[str, Any]) -> dict[str, Any]:
    """The part of a service that DescribeServices shows at its top: defaults filled in, sets reordered."""
    answer = {
        "availabilityZoneRebalancing": "ENABLED",
        "deploymentController": {"type": "ECS"},
        "enableECSManagedTags": False,
        "enableExecuteCommand": False,
        "healthCheckGracePeriodSeconds": 0,
        "loadBalancers": [],
        "placementConstraints": [],
        "placementStrategy": [],
        "platformVersion": "LATEST",
        "propagateTags": "NONE",
        "schedulingStrategy": "REPLICA",
        "serviceRegistries": [],
        **copy.deepcopy(members),
    }
    daemon = answer["schedulingStrategy"] == "DAEMON"
    answer["deploymentConfiguration"] = {
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        "maximumPercent": 100 if daemon else 200,
        "minimumHealthyPercent": 0 if daemon else 100,
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
        **answer.get("deploymentConfiguration", {}),
    }
    answer["taskDefinition"] = f"{ARN}:task-definition/{answer['taskDefinition'].rsplit('/', 1)[-1]}"
    for item in answer.get("capacityProviderStrategy", []):
        item.setdefault("base", 0)
        item.setdefault("weight", 0)
    vpc = answer.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
    if vpc:
        vpc.setdefault("assignPublicIp", "DISABLED")
        vpc.setdefault("securityGroups", [])
        vpc["subnets"].reverse()
    for name in ("loadBalancers", "serviceRegistries"):
        answer[name].reverse()
    if "role" in answer:
        answer["roleArn"] = f"arn:aws:iam::123456789012:role/{answer.pop('role')}"
    return answer


class Ecs(Double):
    """Services in memory, answered as ECS does.

    :param merging: whether an update of the deployment configuration keeps members that it does not name
    """

    def __init__(self, merging: bool = False) -> None:
        super().__init__()
        self.merging = merging
        self.services: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.status = "ACTIVE"
        self.ids = itertools.count(1)
        self.cluster = True

    def do_create_service(
        self, cluster: str, serviceName: str, tags: Any = (), **members: Any
    ) -> dict[str, Any]:
        assert cluster == "goals"
        assert serviceName not in self.services
        self.services[serviceName] = members
        self.tags[serviceName] = {tag["key"]: tag["value"] for tag in tags}
        return {"service": self.answer(serviceName)}

    def do_update_service(self, cluster: str, service: str, **members: Any) -> dict[str, Any]:
        assert cluster == "goals"
        known = self.services[service]
        configuration = "deploymentConfiguration"
        if self.merging and configuration in members:
            members[configuration] = {**known.get(configuration, {}), **members[configuration]}
        self.services[service] = {**known, **members}
        return {"service": self.answer(service)}

    def do_delete_service(self, service: str, **_params: Any) -> dict[str, Any]:
        return {"service": {"members": self.services.pop(service)}}

    def do_describe_services(self, services: list[str], **_params: Any) -> dict[str, Any]:
        if not self.cluster:
            raise refused("ClusterNotFoundException", "DescribeServices")
        found = [self.answer(name) for name in services if name in self.services]
        if self.status == "DRAINING":
            self.services.clear()
            self.status = "ACTIVE"
        gone = {"serviceName": services[0], "status": "INACTIVE"}
        return {"services": found or [gone], "failures": []}

    def do_describe_service_revisions(self, serviceRevisionArns: list[str]) -> dict[str, Any]:
        assert serviceRevisionArns == ["old", "new"]
        members = self.services["api"]
        shown = {name: members[name] for name in IN_REVISION if name in members}
        return {"serviceRevisions": [{"createdAt": 1}, {"createdAt": 2, **shown}]}

    def do_tag_resource(self, resourceArn: str, tags: list[dict[str, str]]) -> dict[str, Any]:
        self.tags[resourceArn.rsplit("/", 1)[1]].update({tag["key"]: tag["value"] for tag in tags})
        return {}

    def do_untag_resource(self, resourceArn: str, tagKeys: list[str]) -> dict[str, Any]:
        for key in tagKeys:
            del self.tags[resourceArn.rsplit("/", 1)[1]][key]
        return {}

    def answer(self, name: str) -> dict[str, Any]:
        members = self.services[name]
        hidden = {*IN_DEPLOYMENT, *IN_REVISION}
        top = as_ecs_returns({key: value for key, value in members.items() if key not in hidden})
        inside = {key: members[key] for key in IN_DEPLOYMENT if key in members}
        task_definition = top["taskDefinition"]
        deployments = [
            {"id": "ecs-svc/0", "status": "ACTIVE", "taskDefinition": f"{ARN}:task-definition/api:0"},
            {
                "id": f"ecs-svc/{next(self.ids)}",
                "status": "PRIMARY",
                "taskDefinition": task_definition,
                **inside,
            },
        ]
        return {
            **top,
            "serviceName": name,
            "serviceArn": f"{ARN}:service/goals/{name}",
            "clusterArn": f"{ARN}:cluster/goals",
            "status": self.status,
            "runningCount": 0,
            "pendingCount": 0,
            "deployments": deployments,
            "currentServiceRevisions": [{"arn": "old"}, {"arn": "new"}],
            "events": [],
            "createdBy": "someone",
            "tags": [{"key": key, "value": value} for key, value in self.tags[name].items()],
        }

    def updates(self) -> list[dict[str, Any]]:
        return [params for name, params in self.calls if name == "update_service"]


def asked(ecs: Ecs, check_mode: bool = False, **params: Any) -> tuple[Call, Service, dict[str, Any] | None]:
    defaults = {"name": "api", "tags": None, "keep_desired_count": False, "replace": False}
    service = Service(cast(Any, ecs), "goals", "api", 1, sleep=lambda _seconds: None)
    return Call({**defaults, **params}, check_mode), service, service.find()


def present(ecs: Ecs, service: Any = None, *, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    return ecs_service.present(*asked(ecs, check_mode, service=service or MINIMAL, **params))


class TestEveryField:
    @pytest.mark.parametrize(("path", "choices"), changeable())
    def test_a_change_of_it_makes_one_update_and_setting_it_back_one_more(
        self, path: Path, choices: tuple[Any, ...]
    ) -> None:
        ecs, whole = Ecs(), everything()
        other = changed(whole, path, next(choice for choice in choices if choice != at(whole, path)))
        assert present(ecs, whole)["changed"]
        assert not present(ecs, whole)["changed"]
        for count, service in enumerate((other, whole), start=1):
            told = present(ecs, service, check_mode=True)
            assert len(ecs.updates()) == count - 1
            done = present(ecs, service)
            assert told["updated"] == done["updated"] == [path[0]]
            assert told["diff"] == done["diff"]
            assert [name for name in ecs.updates()[-1] if name not in ("cluster", "service")] == [path[0]]
            assert not present(ecs, service)["changed"]
            assert len(ecs.updates()) == count

    @pytest.mark.parametrize("merging", [False, True], ids=["replacing", "merging"])
    @pytest.mark.parametrize("path", removable())
    def test_left_out_it_returns_to_its_default_or_stays(self, path: Path, merging: bool) -> None:
        ecs, whole = Ecs(merging), everything()
        less = without(whole, path)
        present(ecs, whole)
        present(ecs, less)
        stays = dotted(path) in LEFT_ALONE
        assert len(ecs.updates()) == (0 if stays else 1)
        assert not present(ecs, less)["changed"]

    @pytest.mark.parametrize("name", MEMBERS)
    def test_a_whole_member_left_out_returns_to_its_default_or_stays(self, name: str) -> None:
        for ecs in (Ecs(), Ecs(merging=True)):
            whole = everything()
            less = {key: value for key, value in whole.items() if key != name}
            if name == "taskDefinition":
                with pytest.raises(EcsError):
                    present(ecs, less)
                continue
            present(ecs, whole)
            present(ecs, less)
            assert len(ecs.updates()) == (0 if name in LEFT_ALONE else 1)
            assert not present(ecs, less)["changed"]

    def test_order_counts_for_placement_strategies_and_hooks_only(self) -> None:
        seen = set()
        for path, value, turned in reordered(CREATE, everything()):
            counts = normalised(value, CREATE) != normalised(turned, CREATE)
            assert counts == (path[-1] in ("placementStrategy", "lifecycleHooks")), dotted(path)
            seen.add(path[-1])
        assert {"subnets", "securityGroups", "loadBalancers", "placementStrategy"} <= seen

    def test_each_has_a_default_or_is_left_alone(self) -> None:
        known = {path.split(".")[0] for path in DEFAULTS} | LEFT_ALONE | {"taskDefinition"}
        assert set(MEMBERS) <= known

    def test_what_ecs_cannot_update_is_what_the_model_says(self) -> None:
        assert tuple(sorted(set(CREATE.members) - set(UPDATE.members) - set(OWN_OPTIONS))) == FIXED


class TestPresent:
    def test_a_service_of_defaults_is_left_alone(self) -> None:
        ecs = Ecs()
        present(ecs)
        written = {
            **MINIMAL,
            "desiredCount": "2",
            "taskDefinition": f"{ARN}:task-definition/api:1",
            "platformVersion": "LATEST",
            "deploymentConfiguration": {"maximumPercent": 200},
            "loadBalancers": [],
            "serviceConnectConfiguration": {"enabled": False},
            "propagateTags": "NONE",
            "role": "",
        }
        assert not present(ecs, written)["changed"]
        ecs.services["api"]["role"] = "AWSServiceRoleForECS"
        assert not present(ecs, written)["changed"]
        assert "describe_service_revisions" not in [name for name, _ in ecs.calls]

    def test_a_daemon_has_defaults_of_its_own(self) -> None:
        ecs = Ecs()
        daemon = {"taskDefinition": "api:1", "schedulingStrategy": "DAEMON"}
        present(ecs, {**daemon, "deploymentConfiguration": {"minimumHealthyPercent": 50}})
        assert present(ecs, daemon)["updated"] == ["deploymentConfiguration"]
        assert ecs.updates()[0]["deploymentConfiguration"] == {"minimumHealthyPercent": 0}
        assert not present(ecs, daemon)["changed"]

    def test_all_that_differs_is_mended_by_one_update(self) -> None:
        ecs = Ecs()
        first = present(ecs, everything())
        result = present(ecs, {"taskDefinition": "api:2"})
        assert len(ecs.updates()) == 1
        assert first["deployment"] != result["deployment"]
        assert result["deployment"] == f"ecs-svc/{next(ecs.ids) - 1}"
        assert set(result["updated"]) == set(MEMBERS) - LEFT_ALONE
        assert not present(ecs, {"taskDefinition": "api:2"})["changed"]

    def test_nothing_is_forced(self) -> None:
        ecs = Ecs()
        present(ecs)
        present(ecs, everything())
        assert not [name for _, params in ecs.calls for name in params if name == "forceNewDeployment"]

    @pytest.mark.parametrize("keep", [False, True])
    def test_a_count_that_autoscaling_owns_is_left_alone(self, keep: bool) -> None:
        ecs = Ecs()
        present(ecs, keep_desired_count=keep)
        assert ecs.services["api"]["desiredCount"] == 2
        ecs.services["api"]["desiredCount"] = 5
        assert present(ecs, keep_desired_count=keep)["changed"] != keep
        assert ecs.services["api"]["desiredCount"] == (5 if keep else 2)

    @pytest.mark.parametrize(
        "other", [{"launchType": "EC2"}, {"schedulingStrategy": "DAEMON"}, {"role": "other"}]
    )
    def test_what_cannot_be_updated_is_named_and_replaced_only_when_allowed(self, other: Any) -> None:
        ecs, whole = Ecs(), {**MINIMAL, "role": "ecs"}
        present(ecs, whole, tags={"app": "goals"})
        assert not present(ecs, {**whole, "role": "arn:aws:iam::123456789012:role/ecs"})["changed"]
        ((name, value),) = other.items()
        ecs.services["api"]["desiredCount"] = 5
        for check_mode in (True, False):
            with pytest.raises(
                EcsError, match=rf"{name} is \w+ \(wanted: {value}\), which ECS never changes"
            ):
                present(ecs, {**whole, **other}, check_mode=check_mode)
        allowed: Any = {"service": {**whole, **other}, "replace": True, "keep_desired_count": True}
        assert present(ecs, check_mode=True, **allowed)["replaced"] == [name]
        assert [call for call, _ in ecs.writes()] == ["create_service"]
        assert present(ecs, **allowed)["replaced"] == [name]
        assert [call for call, _ in ecs.writes()] == ["create_service", "delete_service", "create_service"]
        assert ecs.services["api"]["desiredCount"] == 5
        assert ecs.tags["api"] == {"app": "goals"}
        assert not present(ecs, **allowed)["changed"]

    def test_a_strategy_takes_a_launch_type_s_place_and_gives_it_back(self) -> None:
        ecs = Ecs()
        strategy = {
            "taskDefinition": "api:1",
            "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
        }
        present(ecs)
        assert present(ecs, strategy)["updated"] == ["capacityProviderStrategy"]
        del ecs.services["api"]["launchType"]
        assert not present(ecs, strategy)["changed"]
        assert present(ecs)["updated"] == ["capacityProviderStrategy"]
        assert ecs.updates()[-1]["capacityProviderStrategy"] == []

    def test_tags_are_changed_in_place(self) -> None:
        ecs = Ecs()
        present(ecs, tags={"app": "goals", "old": 1})
        ecs.tags["api"]["aws:ecs:serviceName"] = "api"
        result = present(ecs, tags={"app": "shop"})
        assert result["changed"]
        assert not result["updated"]
        assert result["deployment"]
        assert ecs.tags["api"] == {"app": "shop", "aws:ecs:serviceName": "api"}
        assert not present(ecs, tags={"app": "shop"})["changed"]
        assert not present(ecs)["changed"]

    def test_one_that_drains_is_waited_for_and_made_anew(self) -> None:
        ecs = Ecs()
        present(ecs)
        ecs.status = "DRAINING"
        result = present(ecs)
        assert result["changed"]
        assert [call for call, _ in ecs.writes()] == ["create_service", "create_service"]

    def test_a_plan_needs_neither_cluster_nor_task_definition(self) -> None:
        ecs = Ecs()
        ecs.cluster = False
        result = present(ecs, {**MINIMAL, "taskDefinition": "api:new"}, check_mode=True)
        assert result["changed"]
        assert result["service"]["arn"] is result["deployment"] is None
        assert not ecs.writes()

    def test_every_fault_is_named_at_once(self) -> None:
        wrong = {
            "taskDefinition": "api",
            "desiredCount": "two",
            "launchType": "FARGET",
            "capacityProviderStrategy": [{"weight": 1}],
            "cluster": "x",
            "loadBalancer": [],
        }
        with pytest.raises(EcsError) as error:
            checked("api", wrong, CREATE)
        for part in (
            "cluster is an option",
            "desiredCount, value: two",
            "FARGET, must be one of",
            'capacityProviderStrategy[0]: "capacityProvider"',
            '"loadBalancer"',
            "expected family:revision",
            "exclude each other",
        ):
            assert part in str(error.value)

    def test_the_diff_shows_both_sides_without_what_aws_fills_in(self) -> None:
        ecs = Ecs()
        present(ecs)
        diff = present(ecs, {**MINIMAL, "enableExecuteCommand": True}, check_mode=True)["diff"]
        rest = {"availabilityZoneRebalancing": "ENABLED", "desiredCount": 2, "launchType": "FARGATE"}
        assert diff["before"]["service"] == {**rest, "taskDefinition": "api:1"}
        assert diff["after"]["service"] == {**rest, "enableExecuteCommand": True, "taskDefinition": "api:1"}


class TestAbsent:
    def test_deletes_and_says_so_once(self) -> None:
        ecs = Ecs()
        assert not ecs_service.absent(*asked(ecs))["changed"]
        present(ecs)
        assert ecs_service.absent(*asked(ecs, check_mode=True))["changed"]
        assert "api" in ecs.services
        assert ecs_service.absent(*asked(ecs))["changed"]
        assert not ecs.services
        assert not ecs_service.absent(*asked(ecs))["changed"]
        ecs.cluster = False
        assert not ecs_service.absent(*asked(ecs))["changed"]

    def test_waits_so_long_and_says_what_keeps_it(self) -> None:
        ecs = Ecs()
        present(ecs)
        _call, service, _found = asked(ecs)
        service.timeout = -1
        with pytest.raises(EcsError, match=r"still ACTIVE after -1 s with 0 tasks running"):
            service.await_gone()


def test_other_errors_are_not_taken_for_a_missing_cluster() -> None:
    class Denied(Ecs):
        def do_describe_services(self, services: list[str], **_params: Any) -> dict[str, Any]:
            raise refused("AccessDeniedException", "DescribeServices")

    with pytest.raises(ClientError):
        present(Denied())


def test_normal_forms_of_what_ecs_returns_are_equal() -> None:
    whole = everything()
    assert normalised(as_ecs_returns(whole), CREATE) == normalised(whole, CREATE)


@pytest.fixture
def aws(moto: None) -> Any:
    client = boto3.client("ecs", region_name="eu-central-1")
    client.create_cluster(clusterName="goals")
    for _ in range(2):
        client.register_task_definition(
            family="api", containerDefinitions=[{"name": "api", "image": "api:1", "memory": 128}]
        )
    return client


def test_the_whole_module_on_moto(aws: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def go(service: Any, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        arguments = {
            "name": "api",
            "cluster": "goals",
            "service": service,
            "tags": {"app": "goals"},
            **params,
        }
        return run(ecs_service, capsys, check_mode, **arguments)

    assert go(MINIMAL, check_mode=True)["changed"]
    assert aws.list_services(cluster="goals")["serviceArns"] == []
    made = go(MINIMAL)
    assert made["changed"]
    assert made["deployment"].startswith("ecs-svc/")
    assert made["service"]["tags"] == {"app": "goals"}
    assert not go(MINIMAL)["changed"]
    other = {**MINIMAL, "taskDefinition": "api:2", "desiredCount": 3}
    assert go(other, check_mode=True)["updated"] == ["desiredCount", "taskDefinition"]
    assert not go(MINIMAL)["changed"]
    assert go(other)["updated"] == ["desiredCount", "taskDefinition"]
    assert not go(other)["changed"]
    assert go(other, tags={"app": "shop"})["changed"]
    assert not go(other, tags={"app": "shop"})["changed"]
    assert "launchType is FARGATE (wanted: EC2)" in go({**other, "launchType": "EC2"})["msg"]
    assert go({"taskDefinition": "api"})["failed"]
    assert "ECS refused service api in cluster none" in go(MINIMAL, cluster="none")["msg"]
    assert go(None, state="absent", check_mode=True)["changed"]
    assert go(None, state="absent")["changed"]
    assert not go(None, state="absent")["changed"]


class TestSeveral:
    @pytest.fixture
    def ecs(self, monkeypatch: pytest.MonkeyPatch) -> Ecs:
        ecs = Ecs()
        monkeypatch.setattr(AnsibleAWSModule, "client", lambda _self, _name: ecs)
        return ecs

    def go(self, capsys: pytest.CaptureFixture[str], each: Any, **params: Any) -> dict[str, Any]:
        return run(ecs_service, capsys, cluster="goals", each=each, **params)

    def test_ten_are_read_by_one_request_and_only_what_differs_is_changed(
        self, ecs: Ecs, capsys: pytest.CaptureFixture[str]
    ) -> None:
        each: dict[str, Any] = {f"s{number}": {"service": MINIMAL} for number in range(12)}
        made = self.go(capsys, each, tags={"app": "goals"})
        assert [result["item"] for result in made["results"]] == list(each)
        # At once, so in no order.
        assert ecs.services.keys() == each.keys()
        assert (made["changed"], made["left"]) == (True, [])
        ecs.calls.clear()
        assert not self.go(capsys, each, tags={"app": "goals"})["changed"]
        assert [name for name, _ in ecs.calls] == ["describe_services"] * 2
        each["s3"] = {"service": {**MINIMAL, "desiredCount": 3}}
        changed = self.go(capsys, each, tags={"app": "goals"})
        assert [update["service"] for update in ecs.updates()] == ["s3"]
        assert [result["changed"] for result in changed["results"]].count(True) == 1
        assert [diff["after_header"] for diff in changed["diff"]] == ["s3"]
        assert all("diff" not in result for result in changed["results"])

    def test_what_fails_hides_none_of_the_others(self, ecs: Ecs, capsys: pytest.CaptureFixture[str]) -> None:
        def refuse(serviceName: str, **members: Any) -> dict[str, Any]:
            if serviceName == "b":
                raise refused("AccessDeniedException", "CreateService")
            return Ecs.do_create_service(ecs, serviceName=serviceName, **members)

        ecs.__dict__["do_create_service"] = refuse
        each = {
            "a": {"service": {"launchType": "FARGATE"}},
            "b": {"service": MINIMAL},
            "c": {"service": MINIMAL},
        }
        found = self.go(capsys, each, waves=[["b"], ["a", "c"]])
        assert found["failed"]
        assert found["msg"].startswith("b: ECS refused service b in cluster goals: An error occurred")
        assert found["error"]["code"] == "AccessDeniedException"
        assert found["left"] == [["a", "c"]]
        found = self.go(capsys, each)
        assert [bool(result.get("failed")) for result in found["results"]] == [True, True, False]
        assert "a: Service a is not what AWS takes" in found["msg"]
        assert list(ecs.services) == ["c"]

    @pytest.mark.parametrize("check_mode", [True, False])
    def test_a_wave_begins_only_where_nothing_before_it_changed(
        self, ecs: Ecs, capsys: pytest.CaptureFixture[str], check_mode: bool
    ) -> None:
        each: dict[str, Any] = {name: {"service": MINIMAL} for name in ("a", "b", "c")}
        self.go(capsys, each)
        each["b"] = {"service": {**MINIMAL, "desiredCount": 3}}
        found = self.go(capsys, each, waves=[["a"], ["b"], ["c"]], check_mode=check_mode)
        assert [(result["item"], result["changed"]) for result in found["results"]] == [
            ("a", False),
            ("b", True),
        ]
        assert found["left"] == [["c"]]

    def test_options_are_held_against_what_each_needs(
        self, ecs: Ecs, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = self.go(capsys, {"a": {"service": MINIMAL}, "b": {"servise": {}}})
        assert "b: state is present but all of the following are missing: service" in found["msg"]
        assert "servise" in found["msg"]
        assert not ecs.calls
        assert (
            "waves is [['a']]: expected each of a, b once"
            in self.go(capsys, ["a", "b"], state="absent", waves=[["a"]])["msg"]
        )
        assert "mutually exclusive" in self.go(capsys, ["a"], name="a")["msg"]
        nothing = self.go(capsys, [], state="absent")
        assert (nothing["changed"], nothing["results"]) == (False, [])


def test_a_change_that_makes_no_deployment_is_said_to_be_in_place() -> None:
    ecs = Ecs()
    present(ecs)
    assert not present(ecs, {**MINIMAL, "taskDefinition": "api:2"})["in_place"]
    ecs.ids = itertools.repeat(7)  # type: ignore[assignment]
    assert (
        present(ecs, {**MINIMAL, "taskDefinition": "api:2", "desiredCount": 3}, check_mode=True)["in_place"]
        is False
    )
    assert present(ecs, {**MINIMAL, "taskDefinition": "api:2", "desiredCount": 3})["in_place"]
    assert not present(ecs, {**MINIMAL, "taskDefinition": "api:2", "desiredCount": 3})["in_place"]
