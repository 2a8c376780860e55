"""A new revision exactly when something differs: generated from the API's own model, for every field."""

import copy
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest

from plugins.module_utils.aws_shapes import coerced, faults
from plugins.module_utils.ecs_api import EcsError, TagChange, tag_change, tags_after
from plugins.module_utils.ecs_task_definition import TaskDefinitions, checked, normalised, surplus
from plugins.modules import ecs_task_definition
from tests.unit.aws_doubles import (
    Double,
    Path,
    changed,
    dotted,
    example,
    input_shape,
    leaves,
    refused,
    reordered,
    run,
)

SHAPE = input_shape("ecs", "RegisterTaskDefinition")
ACCOUNT = "arn:aws:ecs:eu-central-1:123456789012"
READ_ONLY = {
    "revision": 3,
    "status": "ACTIVE",
    "requiresAttributes": [{"name": "ecs.capability.task-eni"}],
    "compatibilities": ["EC2", "FARGATE"],
    "registeredAt": "2026-11-22",
    "registeredBy": "arn:aws:iam::123456789012:root",
    "taskDefinitionArn": f"{ACCOUNT}:task-definition/api:3",
    "family": "api",
}
# Lists in which another order is another meaning.
ORDERED = {
    "command",
    "entryPoint",
    "links",
    "environmentFiles",
    "dnsServers",
    "dnsSearchDomains",
    "mountOptions",
}
MINIMAL = {"containerDefinitions": [{"name": "api", "image": "api:1", "memory": 128}]}


def everything() -> Any:
    """A definition with every field, none at its default."""
    value = example(SHAPE)
    del value["family"], value["tags"]
    container = value["containerDefinitions"][0]
    container["essential"] = False
    container["portMappings"][0]["containerPort"] = 9999  # another than the host's
    container["versionConsistency"] = "disabled"
    value["runtimePlatform"]["operatingSystemFamily"] = "WINDOWS_SERVER_2025_CORE"  # not Fargate's own
    efs = value["volumes"][0]["efsVolumeConfiguration"]
    efs["transitEncryption"] = efs["authorizationConfig"]["iam"] = "ENABLED"
    return value


def fields() -> list[Any]:
    found = [leaf for leaf in leaves(SHAPE) if leaf[0][0] not in ("family", "tags")]
    return [pytest.param(path, choices, id=dotted(path)) for path, choices in found]


def as_ecs_returns(definition: Mapping[str, Any]) -> dict[str, Any]:
    """What DescribeTaskDefinition makes of a definition: defaults filled in, sets in another order."""
    answer = copy.deepcopy({**definition, **READ_ONLY})
    mode = answer.setdefault("networkMode", "bridge")
    answer.setdefault("volumes", [])
    answer.setdefault("placementConstraints", [])
    for volume in answer["volumes"]:
        if set(volume) == {"name"}:
            volume["host"] = {}
        if "efsVolumeConfiguration" in volume:
            volume["efsVolumeConfiguration"].setdefault("rootDirectory", "/")
    for container in answer["containerDefinitions"]:
        container.setdefault("cpu", 0)
        container.setdefault("essential", True)
        for name in ("environment", "mountPoints", "volumesFrom", "portMappings", "systemControls"):
            container.setdefault(name, [])
        for mapping in container["portMappings"]:
            mapping.setdefault("protocol", "tcp")
            if "containerPort" in mapping:
                mapping.setdefault("hostPort", 0 if mode == "bridge" else mapping["containerPort"])
        if "healthCheck" in container:
            check = container["healthCheck"]
            container["healthCheck"] = {"interval": 30, "timeout": 5, "retries": 3, **check}
        for name in ("environment", "secrets", "ulimits", "mountPoints", "dependsOn", "portMappings"):
            if name in container:
                container[name].reverse()
    answer["containerDefinitions"].reverse()
    return answer


class TestNormalForm:
    @pytest.mark.parametrize(("path", "choices"), fields())
    def test_every_other_value_of_every_field_differs_alone(
        self, path: Path, choices: tuple[Any, ...]
    ) -> None:
        forms = [normalised(changed(everything(), path, choice), SHAPE) for choice in choices]
        for index, form in enumerate(forms):
            for other in forms[index + 1 :]:
                assert [name for name in {*form, *other} if form.get(name) != other.get(name)] == [path[0]]

    @pytest.mark.parametrize(("path", "choices"), fields())
    def test_a_field_that_is_left_out_differs_from_any_value_but_its_default(
        self, path: Path, choices: tuple[Any, ...]
    ) -> None:
        if isinstance(path[-1], int):
            path = path[:-1]
        whole = everything()
        less = copy.deepcopy(whole)
        parent: Any = less
        for step in path[:-1]:
            parent = parent[step]
        del parent[path[-1]]
        same = normalised(less, SHAPE) == normalised(whole, SHAPE)
        # A choice of one that is the default: to leave it out says the same.
        assert same == (dotted(path) == "proxyConfiguration.type")

    def test_what_ecs_makes_of_everything_is_the_same(self) -> None:
        assert normalised(as_ecs_returns(everything()), SHAPE) == normalised(everything(), SHAPE)

    @pytest.mark.parametrize("mode", ["bridge", "awsvpc", "host", None])
    def test_what_ecs_fills_in_is_the_same(self, mode: str | None) -> None:
        definition: dict[str, Any] = {
            "cpu": 256,
            "memory": "0.5 GB",
            "containerDefinitions": [
                {
                    "name": "web",
                    "image": "web:1",
                    "portMappings": [{"containerPort": 53}, {"containerPort": 53, "protocol": "udp"}],
                    "environment": [{"name": "B", "value": 2}, {"name": "A", "value": ""}],
                    "healthCheck": {"command": ["CMD", "true"]},
                    "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}],
                    "essential": None,
                },
                {"name": "api", "image": "api:1", "cpu": "0", "command": []},
            ],
            "volumes": [{"name": "v"}, {"name": "e", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}],
        }
        if mode:
            definition["networkMode"] = mode
        returned = as_ecs_returns({**coerced(definition, SHAPE), "memory": "512"})
        assert normalised(returned, SHAPE) == normalised(definition, SHAPE)

    def test_a_host_port_counts_where_the_host_is_shared(self) -> None:
        def with_port(mode: str) -> dict[str, Any]:
            container = {"name": "a", "portMappings": [{"containerPort": 80, "hostPort": 80}]}
            return {"networkMode": mode, "containerDefinitions": [container]}

        without = changed(
            with_port("bridge"), ("containerDefinitions", 0, "portMappings", 0, "hostPort"), None
        )
        assert normalised(with_port("bridge"), SHAPE) != normalised(without, SHAPE)
        assert normalised(with_port("awsvpc"), SHAPE) == normalised(
            {**without, "networkMode": "awsvpc"}, SHAPE
        )

    @pytest.mark.parametrize(
        ("written", "returned"), [("1 vCPU", "1024"), (".25 vcpu", "256"), ("256", "256"), (256, "256")]
    )
    def test_sizes_are_compared_as_ecs_returns_them(self, written: Any, returned: str) -> None:
        assert normalised({"cpu": written}, SHAPE) == {"cpu": returned}

    def test_order_counts_exactly_where_it_means_something(self) -> None:
        seen = set()
        for path, value, turned in reordered(SHAPE, everything()):
            counts = normalised(value, SHAPE) != normalised(turned, SHAPE)
            assert counts == (path[-1] in ORDERED or path[-2:] == ("healthCheck", "command")), dotted(path)
            seen.add(path[-1])
        assert seen >= ORDERED

    def test_an_empty_role_is_none_and_an_empty_variable_is_one(self) -> None:
        assert normalised({"taskRoleArn": "", "pidMode": "", "cpu": "256"}, SHAPE) == {"cpu": "256"}
        empty, one = (
            {"containerDefinitions": [{"environment": [{"name": "A", "value": v}]}]} for v in ("", "1")
        )
        assert normalised(empty, SHAPE) != normalised(one, SHAPE) != normalised({}, SHAPE)
        assert normalised(empty, SHAPE) == empty

    def test_fargate_s_own_platform_is_the_same_as_none(self) -> None:
        fargate = {"requiresCompatibilities": ["FARGATE"]}
        platform = {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}
        assert normalised({**fargate, "runtimePlatform": platform}, SHAPE) == normalised(fargate, SHAPE)
        arm = {**platform, "cpuArchitecture": "ARM64"}
        assert normalised({**fargate, "runtimePlatform": arm}, SHAPE) != normalised(fargate, SHAPE)
        assert normalised({"runtimePlatform": platform}, SHAPE) != normalised({}, SHAPE)

    def test_the_user_that_ecs_gives_a_log_router_is_no_difference(self) -> None:
        router = {"name": "log", "firelensConfiguration": {"type": "fluentbit"}}
        returned = {"containerDefinitions": [{**router, "user": "0"}]}
        assert normalised(returned, SHAPE) == normalised({"containerDefinitions": [router]}, SHAPE)


class TestChecked:
    def test_takes_everything_that_the_model_has(self) -> None:
        assert checked("api", everything(), SHAPE) == everything()

    def test_names_every_fault_at_once(self) -> None:
        wrong = {
            "containerDefintions": [],
            "networkMode": "awspvc",
            "family": "other",
            "containerDefinitions": [
                {
                    "portMappings": [{"containerPort": "http"}],
                    "environment": [{"name": "DEBUG", "value": True}],
                    "secrets": [{"name": "KEY"}],
                    "command": "npm start",
                }
            ],
        }
        with pytest.raises(EcsError) as error:
            checked("api", wrong, SHAPE)
        for part in (
            "family is an option of its own",
            '"containerDefintions"',
            "awspvc, must be one of: bridge, host, awsvpc, none",
            "containerDefinitions[0].portMappings[0].containerPort, value: http",
            "containerDefinitions[0].environment[0].value, value: True",
            'containerDefinitions[0].secrets[0]: "valueFrom"',
            "containerDefinitions[0].command, value: npm start",
        ):
            assert part in str(error.value)
        assert len(str(error.value).splitlines()) == 8

    def test_numbers_and_texts_become_what_the_model_wants(self) -> None:
        container = {"cpu": "128", "essential": "true", "environment": [{"name": "PORT", "value": 8080}]}
        typed = checked("api", {"cpu": 256, "containerDefinitions": [container]}, SHAPE)
        assert typed == {
            "cpu": "256",
            "containerDefinitions": [
                {"cpu": 128, "essential": True, "environment": [{"name": "PORT", "value": "8080"}]}
            ],
        }
        assert not faults({**typed, "family": "api"}, SHAPE)


def test_tags_wanted_are_all_there_are_but_for_those_of_aws() -> None:
    actual = {"aws:cloudformation:stack-name": "x", "a": "1", "b": "2", "c": "3"}
    assert tag_change({"a": "1", "b": "9"}, actual) == TagChange({"b": "9"}, ("c",))
    assert tags_after({"a": "1"}, actual) == {"aws:cloudformation:stack-name": "x", "a": "1"}
    assert not tag_change(None, actual)
    assert not tag_change({"a": "1", "b": "2", "c": "3"}, actual)


def test_the_newest_revision_is_never_surplus() -> None:
    assert surplus(["c", "b", "a"], 1) == ["b", "a"]
    assert surplus(["c", "b", "a"], 3) == []
    assert surplus(["a"], 0) == []


class Ecs(Double):
    """Task definitions in memory, answered as ECS does, and what runs them."""

    def __init__(self) -> None:
        super().__init__()
        self.revisions: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, list[dict[str, str]]] = {}
        self.last = 0
        self.services: list[dict[str, Any]] = []
        self.tasks: list[dict[str, Any]] = []

    def do_register_task_definition(self, tags: Any = (), **definition: Any) -> dict[str, Any]:
        self.last += 1
        arn = f"{ACCOUNT}:task-definition/{definition['family']}:{self.last}"
        self.revisions[arn] = {**as_ecs_returns(definition), "taskDefinitionArn": arn}
        self.tags[arn] = list(tags)
        return {"taskDefinition": self.revisions[arn]}

    def do_list_task_definitions(self, **_params: Any) -> dict[str, Any]:
        return {"taskDefinitionArns": [*self.revisions, f"{ACCOUNT}:task-definition/api-other:9"]}

    def do_describe_task_definition(self, taskDefinition: str, **_params: Any) -> dict[str, Any]:
        """By its ARN, or the newest of a family."""
        if taskDefinition == "api":
            if not self.revisions:
                raise refused("ClientException", "DescribeTaskDefinition")
            taskDefinition = max(self.revisions, key=lambda arn: int(arn.rpartition(":")[2]))
        return {"taskDefinition": self.revisions[taskDefinition], "tags": self.tags[taskDefinition]}

    def do_deregister_task_definition(self, taskDefinition: str) -> dict[str, Any]:
        return {"taskDefinition": self.revisions.pop(taskDefinition)}

    def do_tag_resource(self, resourceArn: str, tags: list[dict[str, str]]) -> dict[str, Any]:
        new = {tag["key"] for tag in tags}
        self.tags[resourceArn] = [tag for tag in self.tags[resourceArn] if tag["key"] not in new] + tags
        return {}

    def do_untag_resource(self, resourceArn: str, tagKeys: list[str]) -> dict[str, Any]:
        self.tags[resourceArn] = [tag for tag in self.tags[resourceArn] if tag["key"] not in tagKeys]
        return {}

    def do_list_clusters(self) -> dict[str, Any]:
        return {"clusterArns": ["one"]}

    def do_list_services(self, **_params: Any) -> dict[str, Any]:
        return {"serviceArns": [service["serviceName"] for service in self.services]}

    def do_describe_services(self, services: list[str], **_params: Any) -> dict[str, Any]:
        assert len(services) <= 10
        return {"services": [each for each in self.services if each["serviceName"] in services]}

    def do_list_tasks(self, **_params: Any) -> dict[str, Any]:
        return {"taskArns": [task["taskArn"] for task in self.tasks]}

    def do_describe_tasks(self, **_params: Any) -> dict[str, Any]:
        return {"tasks": self.tasks}

    def arn(self, revision: int) -> str:
        return f"{ACCOUNT}:task-definition/api:{revision}"


def present(
    ecs: Ecs, definition: Any = MINIMAL, *, check_mode: bool = False, **params: Any
) -> dict[str, Any]:
    defaults = {"tags": None, "keep": 10, "cluster": None, "service": None}
    module = SimpleNamespace(params={"definition": definition, **defaults, **params}, check_mode=check_mode)
    return ecs_task_definition.present(cast(Any, module), TaskDefinitions(cast(Any, ecs), "api"))


class TestModule:
    @pytest.mark.parametrize(("path", "choices"), [each for each in fields() if len(each.values[1]) > 1])
    def test_each_field_s_change_makes_one_revision_and_setting_it_back_one_more(
        self, path: Path, choices: tuple[Any, ...]
    ) -> None:
        ecs, whole = Ecs(), everything()
        now = whole
        for step in path:
            now = now[step]
        other = changed(whole, path, next(choice for choice in choices if choice != now))
        for count, definition in enumerate((whole, other, whole), start=1):
            assert present(ecs, definition)["changed"]
            assert not present(ecs, definition)["changed"]
            assert ecs.last == count

    def test_a_change_of_tags_alone_is_made_in_place(self) -> None:
        ecs = Ecs()
        present(ecs, tags={"app": "goals", "old": "1"})
        result = present(ecs, tags={"app": "shop", "new": 1})
        assert result["changed"]
        assert ecs.last == 1
        assert result["task_definition"]["tags"] == {"app": "shop", "new": "1"}
        assert {tag["key"]: tag["value"] for tag in ecs.tags[ecs.arn(1)]} == {"app": "shop", "new": "1"}
        assert not present(ecs, tags={"new": "1", "app": "shop"})["changed"]
        assert not present(ecs)["changed"]

    def test_a_new_revision_keeps_tags_that_are_not_spoken_of(self) -> None:
        ecs = Ecs()
        present(ecs, tags={"app": "goals"})
        present(ecs, {**MINIMAL, "cpu": "256"})
        assert ecs.tags[ecs.arn(2)] == [{"key": "app", "value": "goals"}]

    def test_check_mode_says_the_same_and_does_nothing(self) -> None:
        ecs = Ecs()
        for definition in (MINIMAL, {**MINIMAL, "cpu": "256"}, {**MINIMAL, "cpu": "512"}):
            told = present(ecs, definition, check_mode=True, keep=1)
            assert not ecs.writes()
            done = present(ecs, definition, keep=1)
            ecs.calls.clear()
            assert told["changed"]
            assert told["task_definition"]["arn"] == "api:new"
            assert told["task_definition"]["revision"] is None
            assert told["deregistered"] == done["deregistered"]
            assert told["diff"]["before"] == done["diff"]["before"]
            assert not present(ecs, definition, check_mode=True, keep=1)["changed"]
            ecs.calls.clear()

    def test_old_revisions_go_unless_something_runs_them(self) -> None:
        ecs = Ecs()
        for cpu in range(6):
            present(ecs, {**MINIMAL, "cpu": str(cpu + 1)})
        ecs.services = [
            {
                "serviceName": f"s{number}",
                "taskDefinition": f"{ACCOUNT}:task-definition/other:1",
                "deployments": [{"taskDefinition": ecs.arn(1 if number == 11 else 6)}],
            }
            for number in range(12)
        ]
        ecs.tasks = [{"taskArn": "t", "taskDefinitionArn": ecs.arn(3)}]
        assert not present(ecs, {**MINIMAL, "cpu": "6"}, keep=2)["changed"], "they go when one more comes"
        result = present(ecs, {**MINIMAL, "cpu": "7"}, keep=2)
        assert result["changed"]
        assert result["deregistered"] == [ecs.arn(5), ecs.arn(4), ecs.arn(2)]
        assert sorted(ecs.revisions) == [ecs.arn(number) for number in (1, 3, 6, 7)]
        assert result["diff"]["before"]["active_revisions"] == [6, 5, 4, 3, 2, 1]
        assert result["diff"]["after"]["active_revisions"] == [7, 6, 3, 1]
        assert not present(ecs, {**MINIMAL, "cpu": "7"}, keep=2)["changed"]

    def test_what_differs_in_nothing_takes_one_question(self) -> None:
        ecs = Ecs()
        present(ecs)
        ecs.calls.clear()
        present(ecs)
        assert [name for name, _ in ecs.calls] == ["describe_task_definition"]

    def test_what_the_service_runs_is_taken_where_it_is_as_described(self) -> None:
        ecs, failed = Ecs(), {**MINIMAL, "cpu": "512"}
        for definition in (MINIMAL, failed):
            present(ecs, definition)
        went_back = {"serviceName": "web", "status": "ACTIVE", "taskDefinition": ecs.arn(1)}
        ecs.services = [went_back]
        place: dict[str, Any] = {"cluster": "shop", "service": "web"}
        again = present(ecs, MINIMAL, tags={"app": "shop"}, **place)
        assert again["task_definition"]["arn"] == ecs.arn(1)
        assert ecs.tags[ecs.arn(1)] == [{"key": "app", "value": "shop"}]
        assert present(ecs, failed, **place)["task_definition"]["arn"] == ecs.arn(2)
        assert present(ecs, MINIMAL)["task_definition"]["arn"] == ecs.arn(3), "no service is named"
        went_back["status"] = "INACTIVE"
        assert present(ecs, failed, **place)["task_definition"]["arn"] == ecs.arn(4)

    def test_the_diff_shows_what_is_written_and_not_what_aws_fills_in(self) -> None:
        ecs = Ecs()
        present(ecs)
        diff = present(ecs, {**MINIMAL, "cpu": 256}, check_mode=True)["diff"]
        container = {"name": "api", "image": "api:1", "memory": 128}
        assert diff["before"]["definition"] == {"containerDefinitions": [container]}
        assert diff["after"]["definition"] == {"containerDefinitions": [container], "cpu": "256"}
        assert diff["after"]["active_revisions"] == ["new", 1]


@pytest.fixture
def aws(moto: None) -> Any:
    return boto3.client("ecs", region_name="eu-central-1")


def test_the_whole_module_on_moto(aws: Any, capsys: pytest.CaptureFixture[str]) -> None:
    definition = {
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": 256,
        "memory": 512,
        "volumes": [{"name": "data"}],
        "containerDefinitions": [
            {
                "name": "api",
                "image": "api:1",
                "environment": [{"name": "A", "value": "1"}],
                "portMappings": [{"containerPort": 8080}],
                "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}],
            }
        ],
    }
    other = changed(definition, ("containerDefinitions", 0, "environment", 0, "value"), "2")

    def go(definition: Any, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        arguments = {"family": "api", "definition": definition, "tags": {"app": "goals"}, **params}
        return run(ecs_task_definition, capsys, check_mode, **arguments)

    def revisions() -> list[str]:
        arns: list[str] = aws.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
        return [arn.rsplit(":", 1)[1] for arn in arns]

    assert go(definition, check_mode=True)["changed"]
    assert revisions() == []
    first = go(definition)
    assert first["changed"]
    assert first["task_definition"]["revision"] == 1
    assert first["task_definition"]["tags"] == {"app": "goals"}
    assert not go(definition)["changed"]
    assert go(other, check_mode=True)["changed"]
    assert revisions() == ["1"]
    assert go(other)["task_definition"]["revision"] == 2
    assert go(definition, keep=2)["deregistered"] == [first["task_definition"]["arn"]]
    assert revisions() == ["2", "3"]
    assert not go(definition, cluster="nonesuch", service="api")["changed"]
    assert go(other, cluster="nonesuch", service="api", check_mode=True)["changed"]
    assert "containerDefinitions" in go({"cpu": "256"})["msg"]
    assert run(ecs_task_definition, capsys, family="api", definition={}, keep=0)["failed"]
    assert go(None, state="absent", check_mode=True)["changed"]
    assert len(go(None, state="absent")["deregistered"]) == 2
    assert revisions() == []
    assert not go(None, state="absent")["changed"]


def test_the_families_of_several_services(aws: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def go(each: Any) -> dict[str, Any]:
        return run(ecs_task_definition, capsys, each=each, tags={"app": "goals"}, cluster="goals")

    each = {name: {"family": f"goals-{name}", "definition": MINIMAL} for name in ("web", "api")}
    made = go(each)
    families = {result["item"]: result["task_definition"]["family"] for result in made["results"]}
    assert families == {"web": "goals-web", "api": "goals-api"}
    assert [diff["after_header"] for diff in made["diff"]] == ["web", "api"]
    assert not go(each)["changed"]
    each["api"] = {"family": "goals-api", "definition": {"cpu": "256"}}
    failed = go(each)
    assert failed["msg"].startswith("api: Task definition goals-api is not what AWS takes")
    assert failed["results"][0]["task_definition"]["family"] == "goals-web"
