"""One-off tasks: what is asked of ECS, and what is said of their ends."""

from typing import Any, cast

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import ClientError

from plugins.module_utils.ecs_api import EcsError
from plugins.module_utils.ecs_task import LOG_LINES, Ending, Order, Tasks
from plugins.modules import ecs_task
from tests.unit.aws_doubles import Double, refused, run

ARN = "arn:aws:ecs:eu-central-1:123456789012"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
SERVICE = {
    "serviceName": "api",
    "status": "ACTIVE",
    "taskDefinition": f"{ARN}:task-definition/goals-prod-api:7",
    "networkConfiguration": NETWORK,
    "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}],
    "launchType": "FARGATE",
    "platformVersion": "LATEST",
    "desiredCount": 2,
}
LOGGING = {"logDriver": "awslogs", "options": {"awslogs-group": "/goals", "awslogs-stream-prefix": "api"}}
COMMAND = ("node", "migrate.js")
ORDER = Order("goals-prod", "api", COMMAND)


class Ecs(Double):
    """A cluster with one service, whose tasks end as they are told to."""

    def __init__(self, exit_code: int | None = 0, **task: Any) -> None:
        super().__init__()
        self.services = [SERVICE]
        self.containers: list[Any] = [{"name": "api", "logConfiguration": LOGGING}]
        self.volumes: list[Any] = []
        self.failures: list[Any] = []
        self.statuses = ["", "PENDING", "RUNNING", "STOPPED"]
        code = {} if exit_code is None else {"exitCode": exit_code}
        self.task = {"containers": [{"name": "api", **code}], "stoppedReason": "Essential container", **task}

    def do_describe_services(self, services: list[str], **_params: Any) -> dict[str, Any]:
        return {"services": [each for each in self.services if each["serviceName"] in services]}

    def do_list_services(self, **_params: Any) -> dict[str, Any]:
        return {"serviceArns": [f"{ARN}:service/goals-prod/{each['serviceName']}" for each in self.services]}

    def do_describe_task_definition(self, taskDefinition: str) -> dict[str, Any]:
        self.asked = taskDefinition
        return {"taskDefinition": {"containerDefinitions": self.containers, "volumes": self.volumes}}

    def do_run_task(self, **_params: Any) -> dict[str, Any]:
        tasks = [] if self.failures else [{"taskArn": f"{ARN}:task/goals-prod/0123"}]
        return {"tasks": tasks, "failures": self.failures}

    def do_describe_tasks(self, **_params: Any) -> dict[str, Any]:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {"tasks": [{**self.task, "lastStatus": status}] if status else []}


class NoSuchStream(ClientError):
    pass


class Logs(Double):
    service = "logs"

    class exceptions:
        ResourceNotFoundException = NoSuchStream

    def __init__(self, *lines: str, missing: bool = False) -> None:
        super().__init__()
        self.lines = lines
        self.missing = missing

    def do_get_log_events(self, nextToken: str = "0", **_params: Any) -> dict[str, Any]:
        if self.missing:
            raise NoSuchStream({"Error": {"Code": "ResourceNotFoundException"}}, "GetLogEvents")
        page = int(nextToken)
        events = [{"message": f"{line}\n"} for line in self.lines[page : page + 10]]
        return {"events": events, "nextForwardToken": str(min(page + 10, len(self.lines)))}


def tasks_of(ecs: Ecs, logs: Logs | None = None, timeout: float = 60) -> Tasks:
    return Tasks(cast(Any, ecs), cast(Any, logs or Logs()), timeout, sleep=lambda _seconds: None)


def ended(tasks: Tasks) -> Ending:
    plan = tasks.plan(ORDER)
    return tasks.wait(plan, tasks.start(plan))


def test_a_task_is_started_as_the_service_s_own_are() -> None:
    ecs = Ecs()
    order = Order("goals-prod", "api", COMMAND, {"B": "2", "A": "1"}, tags={"app": "goals"})
    tasks = tasks_of(ecs)
    tasks.start(tasks.plan(order))
    assert ecs.asked == SERVICE["taskDefinition"]
    variables = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    override = {"name": "api", "command": list(COMMAND), "environment": variables}
    assert ecs.writes() == [
        (
            "run_task",
            {
                "cluster": "goals-prod",
                "taskDefinition": SERVICE["taskDefinition"],
                "count": 1,
                "startedBy": "slipway",
                "enableECSManagedTags": True,
                "overrides": {"containerOverrides": [override]},
                "networkConfiguration": NETWORK,
                "capacityProviderStrategy": SERVICE["capacityProviderStrategy"],
                "platformVersion": "LATEST",
                "tags": [{"key": "app", "value": "goals"}],
            },
        )
    ]


def test_another_revision_can_be_run() -> None:
    ecs = Ecs()
    order = Order("goals-prod", "api", COMMAND, task_definition="goals-prod-api:8")
    assert tasks_of(ecs).plan(order).request["taskDefinition"] == ecs.asked == "goals-prod-api:8"


def test_all_output_is_read_in_its_order() -> None:
    tasks = tasks_of(Ecs(), Logs(*(str(number) for number in range(25))))
    ending = ended(tasks)
    assert ending.exit_code == 0
    assert ending.output == [str(number) for number in range(25)]
    (_name, place) = tasks.logs.calls[0]  # type: ignore[attr-defined]
    assert (place["logGroupName"], place["logStreamName"]) == ("/goals", "api/api/0123")


@pytest.mark.parametrize(
    "logging", [{}, {"logDriver": "awsfirelens"}, {"logDriver": "awslogs", "options": {}}]
)
def test_a_container_that_logs_elsewhere_has_no_output(logging: dict[str, Any]) -> None:
    ecs = Ecs()
    ecs.containers = [{"name": "api", "logConfiguration": logging}]
    tasks = tasks_of(ecs, Logs("not mine"))
    assert ended(tasks).output == []


def test_a_failure_tells_code_reason_and_the_last_lines() -> None:
    tasks = tasks_of(
        Ecs(2, stopCode="EssentialContainerExited"), Logs(*(f"line {number}." for number in range(30)))
    )
    told = ended(tasks).told(COMMAND)
    assert "Task 0123 (node migrate.js) ended with exit code 2: Essential container" in told
    assert "Cause: start_crash" in told
    assert f"line {30 - LOG_LINES}." in told
    assert f"line {29 - LOG_LINES}." not in told


def test_a_task_that_never_ran_tells_why() -> None:
    reason = "CannotPullContainerError: pull access denied: repository does not exist"
    tasks = tasks_of(Ecs(None, stoppedReason=reason, stopCode="TaskFailedToStart"), Logs(missing=True))
    told = ended(tasks).told(COMMAND)
    assert "ended without an exit code: CannotPullContainerError" in told
    assert "Remedy:" in told


WITH_SIDECARS = [
    {
        "name": "api",
        "logConfiguration": LOGGING,
        "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}],
    },
    {"name": "init", "logConfiguration": LOGGING, "essential": False},
    {"name": "proxy", "logConfiguration": LOGGING},
]


def beside(exit_codes: dict[str, int | None], **task: Any) -> tuple[Tasks, Ending]:
    """Run a task with sidecars whose containers end as they are told to."""
    shown = [{"name": name, "exitCode": code} for name, code in exit_codes.items()]
    ecs = Ecs(**{"containers": shown, "stopCode": "EssentialContainerExited", **task})
    ecs.containers = WITH_SIDECARS
    tasks = tasks_of(ecs, Logs("a line"))
    return tasks, ended(tasks)


@pytest.mark.parametrize("proxy", [0, 1, 137, 143])
def test_a_task_ends_as_its_command_does_and_not_as_its_sidecars(proxy: int) -> None:
    tasks, ending = beside({"proxy": proxy, "init": 0, "api": 0})
    assert ending.exit_code == 0
    tasks, ending = beside({"proxy": proxy, "init": 0, "api": 7})
    assert (ending.exit_code, ending.cause and ending.cause.container) == (7, "api")
    assert tasks.logs.calls[0][1]["logStreamName"] == "api/api/0123"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("codes", "task", "guilty"),
    [
        ({"api": 143, "init": 0, "proxy": 3}, {}, "proxy"),
        (
            {"api": None, "init": 4, "proxy": 143},
            {"stopCode": "TaskFailedToStart", "stoppedReason": "Task failed to start"},
            "init",
        ),
    ],
)
def test_a_sidecar_that_keeps_a_task_from_its_end_is_named_with_its_own_log(
    codes: dict[str, int | None], task: dict[str, Any], guilty: str
) -> None:
    tasks, ending = beside(codes, **task)
    assert f"container {guilty} exited with code {codes[guilty]}" in ending.told(COMMAND)
    assert "| a line" in ending.told(COMMAND)
    assert tasks.logs.calls[0][1]["logStreamName"] == f"api/{guilty}/0123"  # type: ignore[attr-defined]


def test_one_that_takes_too_long_runs_on_and_the_way_to_it_is_told() -> None:
    ecs = Ecs()
    ecs.statuses = ["RUNNING"]
    tasks = tasks_of(ecs, timeout=-1)
    plan = tasks.plan(ORDER)
    with pytest.raises(
        EcsError, match=r"RUNNING after -1 s, and runs on.*stop-task --cluster goals-prod --task 0123"
    ):
        tasks.wait(plan, tasks.start(plan))
    assert [name for name, _params in ecs.writes()] == ["run_task"]


def test_what_cannot_be_run_is_said_before_anything_is() -> None:
    ecs = Ecs()
    tasks = tasks_of(ecs)
    with pytest.raises(EcsError, match="command is empty"):
        tasks.plan(Order("goals-prod", "api", []))
    with pytest.raises(EcsError, match="no service web in cluster goals-prod: expected one of api"):
        tasks.plan(Order("goals-prod", "web", COMMAND))
    ecs.containers = [{"name": "main"}, {"name": "proxy"}]
    with pytest.raises(EcsError, match="no container api: expected container to be one of main, proxy"):
        tasks.plan(ORDER)
    assert tasks.plan(Order("goals-prod", "api", COMMAND, container="main")).container == "main"
    ecs.volumes = [{"name": "scratch"}, {"name": "data", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}]
    with pytest.raises(EcsError, match="keeps data in data,"):
        tasks.plan(Order("goals-prod", "api", COMMAND, container="main"))
    assert tasks.plan(Order("goals-prod", "api", COMMAND, container="main", share_volumes=True))
    assert ecs.writes() == []


def test_a_cluster_that_is_not_there_and_a_task_that_is_not_started() -> None:
    class Nothing(Ecs):
        def do_describe_services(self, services: list[str], **_params: Any) -> dict[str, Any]:
            raise refused("ClusterNotFoundException", "DescribeServices")

    with pytest.raises(EcsError, match="There is no cluster goals-prod: deploy"):
        tasks_of(Nothing()).plan(ORDER)
    ecs = Ecs()
    ecs.failures = [{"reason": "Capacity is unavailable at this time"}]
    with pytest.raises(EcsError, match="did not start the task: Capacity is unavailable"):
        tasks_of(ecs).start(tasks_of(ecs).plan(ORDER))


def test_what_an_interrupted_run_has_left_is_ended_before_and_nothing_else() -> None:
    mine, theirs = f"{ARN}:task/goals-prod/mine", f"{ARN}:task/goals-prod/theirs"

    class Left(Ecs):
        def do_list_tasks(self, **_params: Any) -> dict[str, Any]:
            return {"taskArns": [mine, theirs]}

        def do_describe_tasks(self, **params: Any) -> dict[str, Any]:
            stopped = any(name == "stop_task" for name, _params in self.calls)
            status = "STOPPED" if stopped else "RUNNING"
            started = {mine: "slipway", theirs: "ecs-svc/1"}
            known = [{"taskArn": arn, "startedBy": by, "lastStatus": status} for arn, by in started.items()]
            return {"tasks": [task for task in known if task["taskArn"] in params["tasks"]]}

        def do_stop_task(self, **_params: Any) -> dict[str, Any]:
            return {}

    ecs = Left()
    tasks = tasks_of(ecs)
    tasks.end_others(tasks.plan(ORDER))
    assert [params["task"] for name, params in ecs.writes() if name == "stop_task"] == [mine]
    assert ("list_tasks", {"cluster": "goals-prod", "family": "goals-prod-api"}) in ecs.calls


def test_the_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clients: dict[str, Any] = {"ecs": Ecs(), "logs": Logs("done")}
    monkeypatch.setattr(AnsibleAWSModule, "client", lambda _self, name: clients[name])
    monkeypatch.setattr("plugins.module_utils.ecs_task.LOG_DELAY", 0)
    clients["ecs"].statuses = ["STOPPED"]
    given: Any = {"cluster": "goals-prod", "service": "api", "command": list(COMMAND)}
    assert run(ecs_task, capsys, check_mode=True, **given)["changed"]
    assert clients["ecs"].writes() == []
    done = run(ecs_task, capsys, **given)
    assert done["output"] == ["done"]
    assert done["task"]["exit_code"] == 0
    clients["ecs"] = Ecs(1)
    clients["ecs"].statuses = ["STOPPED"]
    failed = run(ecs_task, capsys, **given)
    assert failed["failed"]
    assert failed["task"]["exit_code"] == 1
    assert "| done" in failed["msg"]
    assert "command is empty" in run(ecs_task, capsys, **{**given, "command": []})["msg"]
