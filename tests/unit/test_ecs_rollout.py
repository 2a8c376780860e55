"""Rollouts of ECS services: their ends, and what is said of those that fail."""

import copy
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import ClientError

from plugins.module_utils.ecs_causes import PATTERNS, Cause, classify, crashed
from plugins.module_utils.ecs_evidence import Evidence
from plugins.module_utils.ecs_rollout import Outcome, Rollout, Verdict, Watch, judge, short_of_targets
from plugins.module_utils.release_causes import CAUSES
from plugins.modules import ecs_rollout
from tests.unit.aws_doubles import Double, refused, run

ARN = "arn:aws:ecs:eu-central-1:123456789012"
NEW = f"{ARN}:task-definition/api:2"
OLD = f"{ARN}:task-definition/api:1"
GROUP = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/goals-prod-api/0123456789abcdef"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROLLOUT = Rollout("api", NEW, "ecs-svc/2")


def deployment(number: int, task_definition: str = NEW, **other: Any) -> dict[str, Any]:
    return {
        "id": f"ecs-svc/{number}",
        "status": "PRIMARY",
        "taskDefinition": task_definition,
        "desiredCount": 2,
        "runningCount": 2,
        "pendingCount": 0,
        "failedTasks": 0,
        "createdAt": NOW,
        "rolloutState": "COMPLETED",
        "rolloutStateReason": f"ECS deployment ecs-svc/{number} completed.",
        **other,
    }


def service(*deployments: dict[str, Any], events: Any = (), **other: Any) -> dict[str, Any]:
    return {
        "serviceName": "api",
        "status": "ACTIVE",
        "desiredCount": 2,
        "deployments": list(deployments),
        "events": [
            {"createdAt": NOW + timedelta(seconds=at), "message": message} for at, message in reversed(events)
        ],
        "loadBalancers": [],
        **other,
    }


RUNNING = service(deployment(2))
STARTING = service(
    deployment(2, runningCount=1, pendingCount=1, rolloutState="IN_PROGRESS"),
    deployment(1, OLD, status="ACTIVE"),
)
ROLLING_BACK = service(
    deployment(
        3,
        OLD,
        rolloutState="IN_PROGRESS",
        rolloutStateReason="ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1",
    ),
    deployment(2, status="ACTIVE", rolloutState="FAILED", runningCount=0, failedTasks=3),
)
ROLLED_BACK = service(
    deployment(3, OLD),
    events=[
        (-3, "(service api) (deployment ecs-svc/2) deployment failed: tasks failed to start."),
        (-2, "(service api) rolling back to deployment ecs-svc/1."),
        (60, "(service api) (deployment ecs-svc/3) deployment completed."),
    ],
)


class TestJudge:
    def test_completed_is_the_revision_alone_and_whole(self) -> None:
        assert judge(ROLLOUT, RUNNING) == Verdict("completed", "2 of 2 tasks run")
        assert judge(Rollout("api", "api:2"), RUNNING).state == "completed"

    @pytest.mark.parametrize(
        "changes",
        [
            {"rolloutState": "IN_PROGRESS"},
            {"runningCount": 1},
            {"runningCount": 3},
            {"pendingCount": 1},
            {"runningCount": 1, "desiredCount": 1},
        ],
    )
    def test_anything_less_is_in_progress(self, changes: dict[str, Any]) -> None:
        assert judge(ROLLOUT, service(deployment(2, **changes))).state == "in_progress"

    def test_an_older_deployment_that_is_left_is_in_progress(self) -> None:
        left = service(deployment(2), deployment(1, OLD, status="ACTIVE"))
        assert judge(ROLLOUT, left) == Verdict("in_progress", "2 of 2 tasks run, 1 older deployments drain")

    def test_no_tasks_wanted_and_none_running_is_completed(self) -> None:
        empty = service(deployment(2, desiredCount=0, runningCount=0), desiredCount=0)
        assert judge(ROLLOUT, empty).state == "completed"

    def test_a_new_service_that_ecs_calls_complete_before_a_task_runs_is_not(self) -> None:
        assert judge(ROLLOUT, service(deployment(2, desiredCount=2, runningCount=0))).state == "in_progress"

    def test_failed_without_rollback(self) -> None:
        reason = "ECS deployment circuit breaker: tasks failed to start."
        failed = service(deployment(2, rolloutState="FAILED", rolloutStateReason=reason, runningCount=0))
        assert judge(ROLLOUT, failed) == Verdict("failed", reason)

    @pytest.mark.parametrize("seen", [ROLLING_BACK, ROLLED_BACK], ids=["going", "gone"])
    @pytest.mark.parametrize("rollout", [ROLLOUT, Rollout("api", NEW)], ids=["by id", "by revision"])
    def test_rolled_back(self, seen: dict[str, Any], rollout: Rollout) -> None:
        verdict = judge(rollout, seen)
        assert verdict.state == "rolled_back"
        assert verdict.detail.startswith("deployment ecs-svc/3 of api:1 took its place.")

    def test_rolled_back_by_an_alarm(self) -> None:
        reason = "ECS deployment alarm: rolling back to deploymentId ecs-svc/1"
        assert judge(ROLLOUT, service(deployment(3, OLD, rolloutStateReason=reason))).state == "rolled_back"

    def test_rolled_back_to_the_same_revision_with_other_settings(self) -> None:
        same = service(deployment(3, NEW), deployment(2, status="ACTIVE", rolloutState="FAILED"))
        assert judge(ROLLOUT, same).state == "rolled_back"

    def test_superseded_by_another_s_deployment(self) -> None:
        other = service(deployment(3, f"{ARN}:task-definition/api:3"), deployment(2, status="ACTIVE"))
        assert judge(ROLLOUT, other).state == "superseded"
        assert judge(Rollout("api", NEW), other).state == "superseded"

    def test_a_rollback_of_long_ago_is_not_taken_for_this_one(self) -> None:
        events = [(-3600, "(service api) rolling back to deployment ecs-svc/0.")]
        assert judge(ROLLOUT, service(deployment(3, OLD), events=events)).state == "superseded"

    def test_another_deployment_of_the_same_revision_is_superseding_only_where_the_id_is_known(self) -> None:
        other = service(deployment(3, NEW))
        assert judge(ROLLOUT, other).state == "superseded"
        assert judge(Rollout("api", NEW), other).state == "completed"

    def test_missing(self) -> None:
        assert judge(ROLLOUT, None) == Verdict("missing", "the service is not there")
        assert judge(ROLLOUT, service(status="DRAINING")) == Verdict("missing", "the service is DRAINING")
        assert judge(ROLLOUT, service()).state == "failed"


def target(state: str, reason: str = "", description: str = "") -> dict[str, Any]:
    health = {"State": state, "Reason": reason, "Description": description}
    return {"Target": {"Id": "10.0.0.7", "Port": 8080}, "TargetHealth": health}


def test_each_group_needs_as_many_healthy_targets_as_tasks_are_wanted() -> None:
    blue, green = GROUP, GROUP.replace("api", "api-green")
    seen = service(
        loadBalancers=[
            {"targetGroupArn": blue, "advancedConfiguration": {"alternateTargetGroupArn": green}},
            {"loadBalancerName": "classic"},
        ]
    )
    one, two = [target("healthy"), target("draining")], [target("healthy")] * 2
    assert short_of_targets(seen, {blue: two, green: []}) == ""
    assert short_of_targets(seen, {blue: [], green: two}) == ""
    assert short_of_targets(seen, {blue: one, green: []}) == "1 of 2 targets healthy in goals-prod-api"


PULL = "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
INIT = "ResourceInitializationError: unable to pull secrets or registry auth: "
ASM = f"{INIT}execution resource retrieval failed: unable to retrieve secret from asm: "
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:goals/prod/mongodb-AbCdEf"
IMAGE = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/goals/api@sha256:403404{'ab' * 29}"
TEXTS = [
    (f"{PULL}failed to resolve ref {IMAGE}: {IMAGE}: not found", "image_not_found"),
    ("CannotPullContainerError: API error (404): repository goals/api not found", "image_not_found"),
    (
        f"{PULL}manifest for goals/api:2 not found: manifest unknown: Requested image not found",
        "image_not_found",
    ),
    (f"{PULL}image Manifest does not contain descriptor matching platform 'linux/amd64'", "architecture"),
    (f"{PULL}no matching manifest for linux/arm64/v8 in the manifest list entries", "architecture"),
    (
        f"{PULL}failed to resolve ref {IMAGE}: unexpected status from HEAD request: 403 Forbidden",
        "pull_denied",
    ),
    (
        f"{PULL}pull access denied for goals/api, repository does not exist or may require 'docker login'",
        "pull_denied",
    ),
    (
        f"{INIT}execution resource retrieval failed: unable to retrieve ecr registry auth: service call has "
        "been retried 1 time(s): AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/x/y is "
        "not authorized to perform: ecr:GetAuthorizationToken on resource: *",
        "pull_denied",
    ),
    (
        "CannotPullContainerError: The task can't pull the image from Amazon ECR using the task execution "
        "role. To fix this, verify that the execution role has permission to pull",
        "pull_denied",
    ),
    (f"{PULL}toomanyrequests: You have reached your pull rate limit.", "pull_rate_limited"),
    (
        "CannotPullContainerError: write /var/lib/docker/tmp/GetImageBlob1: no space left on device",
        "disk_full",
    ),
    (
        "CannotPullContainerError: API error (500): Get "
        "https://111122223333.dkr.ecr.us-east-1.amazonaws.com/v2/: net/http: request canceled while "
        "waiting for connection",
        "registry_unreachable",
    ),
    (
        f"{PULL}failed to do request: Head https://x/: dial tcp 34.205.13.154:443: i/o timeout",
        "registry_unreachable",
    ),
    (
        f"{INIT}execution resource retrieval failed: unable to retrieve secrets from ssm: service "
        "call has been retried 5 time(s): RequestCanceled: request context canceled caused by: "
        "context deadline exceeded",
        "network",
    ),
    (
        f"{INIT}The task cannot pull registry auth from Amazon ECR: There is a connection issue "
        "between the task and Amazon ECR. Check your task network configuration.",
        "registry_unreachable",
    ),
    (
        f"{ASM}service call has been retried 1 time(s): failed to fetch secret {SECRET} from secrets "
        "manager: ResourceNotFoundException: Secrets Manager can't find the specified secret.",
        "secret_missing",
    ),
    (f"{INIT}execution resource retrieval failed: unable to retrieve secret {SECRET}", "secret_missing"),
    (f"{ASM}retrieved secret from Secrets Manager did not contain json key uri", "secret_missing"),
    (
        f"{INIT}execution resource retrieval failed: unable to retrieve secrets from ssm: service "
        "call has been retried 1 time(s): invalid ssm parameters: /goals/prod/uri",
        "secret_missing",
    ),
    (
        f"{ASM}service call has been retried 1 time(s): failed to fetch secret {SECRET} from secrets "
        "manager: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/x/y is not "
        f"authorized to perform: secretsmanager:GetSecretValue on resource: {SECRET}",
        "secret_denied",
    ),
    (
        f"{INIT}execution resource retrieval failed: unable to retrieve secrets from ssm: service "
        "call has been retried 1 time(s): AccessDeniedException: User: x is not authorized to "
        "perform: ssm:GetParameters",
        "secret_denied",
    ),
    (
        "ResourceInitializationError: failed to validate logger args: create stream has been retried "
        "1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified "
        "log group does not exist. : exit status 1",
        "log_group_missing",
    ),
    ("ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: x", "volume"),
    ("OutOfMemoryError: Container killed due to memory usage", "out_of_memory"),
    (f"Task failed ELB health checks in (target-group {GROUP})", "health_check"),
    ("Task failed container health checks", "health_check"),
    (
        "dependency graph: failed to resolve container ordering dependency [db] for target [api] as "
        "dependency did not exit successfully.",
        "dependency_unhealthy",
    ),
    (
        "Capacity is unavailable at this time. Please try again later or in a different availability zone",
        "no_capacity",
    ),
    ("Your Spot Task was interrupted.", "no_capacity"),
    ("Timeout waiting for network interface provisioning to complete.", "no_capacity"),
    ("CannotStartContainerError: failed to get container status: x", "start_refused"),
]
EVENTS = [
    (
        "(service api) was unable to place a task because no container instance met all of its "
        "requirements. The closest matching container-instance i-1 has insufficient CPU units available.",
        "no_capacity",
    ),
    (
        "(service api) was unable to place a task. Reason: You've reached the limit on the number of "
        "vCPUs you can run concurrently",
        "no_capacity",
    ),
    (
        f"(service api) (task abc) (port 8080) is unhealthy in (target-group {GROUP}) due to (reason "
        "Health checks failed with these codes: [502])",
        "health_check",
    ),
    (
        "(service api) was unable to stop or start tasks during a deployment because of the service "
        "deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.",
        "deployment_bounds",
    ),
    (
        "(service api) failed to launch a task with (error ECS was unable to assume the role 'x' that was "
        "provided for this task).",
        "role_denied",
    ),
]
NO_CAUSES = [
    "(service api) has reached a steady state.",
    "(service api) has started 1 tasks: (task abc).",
    "(service api) has stopped 1 running tasks: (task abc).",
    "(service api) registered 1 targets in (target-group x)",
    "(service api) (deployment ecs-svc/2) deployment failed: tasks failed to start.",
    "(service api) is unable to consistently start tasks successfully.",
]
EXITED = "Essential container in task exited"


def stopped(
    reason: str = EXITED, code: str = "EssentialContainerExited", **containers: Any
) -> dict[str, Any]:
    return {
        "taskArn": f"{ARN}:task/goals/abc",
        "taskDefinitionArn": NEW,
        "startedBy": "ecs-svc/2",
        "lastStatus": "STOPPED",
        "stopCode": code,
        "stoppedReason": reason,
        "stoppedAt": NOW,
        "containers": [{"name": name, **values} for name, values in containers.items()],
    }


# The agent tells whom it does not start; Fargate, only that it did not.
GRAPH = "CannotStartContainerError: dependency graph: container ordering dependency [proxy] for target [api]"
WAITING: list[dict[str, Any]] = [
    {"name": "api", "dependsOn": [{"containerName": "proxy", "condition": "HEALTHY"}]},
    {"name": "proxy", "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]},
    {"name": "init", "essential": False},
]


class TestClassify:
    @pytest.mark.parametrize(("text", "cause"), TEXTS)
    def test_stop_reasons(self, text: str, cause: str) -> None:
        for task in (
            stopped(text, "TaskFailedToStart", api={}),
            stopped("Task failed to start", "TaskFailedToStart", db={}, api={"reason": text, "exitCode": 1}),
        ):
            found = classify([task])
            assert found
            assert (found.name, found.because) == (cause, text)

    @pytest.mark.parametrize(("text", "cause"), EVENTS)
    def test_events(self, text: str, cause: str) -> None:
        found = classify([], [NO_CAUSES[0], text])
        assert found
        assert (found.name, found.because) == (cause, text)

    def test_ordinary_events_and_stops_are_no_causes(self) -> None:
        scaled = stopped(
            "Scaling activity initiated by (deployment ecs-svc/3)",
            "ServiceSchedulerInitiated",
            api={"exitCode": 143},
        )
        assert (
            classify([scaled], NO_CAUSES, [target("healthy"), target("draining"), target("initial")]) is None
        )

    def test_an_exit_code_is_that_of_the_container_that_ended_first(self) -> None:
        found = classify([stopped(proxy={"exitCode": 143}, api={"exitCode": 3}, db={"exitCode": 137})])
        assert found
        assert found.name == "start_crash"
        assert found.because == f"container api exited with code 3: {EXITED}"

    @pytest.mark.parametrize("others", [{"b": 143}, {"b": 143, "c": 0}, {"b": 0}, {}])
    def test_who_was_only_stopped_is_not_blamed(self, others: dict[str, int]) -> None:
        codes = {**others, "a": 1}
        containers = [{"name": name, "exitCode": code} for name, code in codes.items()]
        guilty = crashed(containers)
        assert guilty
        assert guilty["name"] == "a"
        assert crashed([{"name": "x"}]) is None

    def test_a_wrong_architecture_shows_in_the_log(self) -> None:
        found = classify([stopped(api={"exitCode": 255})], log=["exec /usr/bin/node: exec format error"])
        assert found
        assert found.name == "architecture"

    def test_what_a_program_logs_is_otherwise_not_believed(self) -> None:
        found = classify([stopped(api={"exitCode": 1})], log=["OutOfMemoryError", "connection refused"])
        assert found
        assert found.name == "start_crash"

    @pytest.mark.parametrize(
        "health",
        [
            target("unhealthy", "Target.ResponseCodeMismatch", "Health checks failed"),
            target("unused", "Target.NotInUse"),
        ],
    )
    def test_targets(self, health: dict[str, Any]) -> None:
        found = classify([], [], [target("healthy"), health])
        assert found
        assert found.name == "health_check"
        assert health["TargetHealth"]["Reason"] in found.because

    def test_an_unhealthy_container_that_still_runs(self) -> None:
        found = classify([stopped("", "", api={"healthStatus": "UNHEALTHY"})])
        assert found
        assert found.because == "container api is UNHEALTHY"

    def test_an_unhealthy_container_is_named_where_ecs_says_only_that_there_is_one(self) -> None:
        text = "Task failed container health checks"
        containers = {"api": {"healthStatus": "HEALTHY"}, "proxy": {"healthStatus": "UNHEALTHY"}}
        found = classify([stopped(text, "ServiceSchedulerInitiated", **containers)])
        assert found == Cause("health_check", f"container proxy is UNHEALTHY: {text}", "proxy")

    def test_a_container_whose_end_ends_no_task_is_not_blamed(self) -> None:
        ended = stopped(proxy={"exitCode": 1}, api={"exitCode": 0, "healthStatus": "UNKNOWN"})
        found = classify([ended], definitions=[{"name": "proxy", "essential": False}, {"name": "api"}])
        assert found
        assert found.container == "api"
        running = stopped("", "", proxy={"healthStatus": "UNHEALTHY"}, api={})
        assert classify([running], definitions=[{"name": "proxy", "essential": False}]) is None

    @pytest.mark.parametrize(
        ("others", "words"),
        [
            ({"init": {"exitCode": 4}}, "container init exited with code 4, and proxy waits for it: "),
            ({"init": {}}, "container init did not end in time, and proxy waits for it: "),
            (
                {"init": {"exitCode": 0}, "proxy": {"healthStatus": "UNHEALTHY", "exitCode": 143}},
                "container proxy is UNHEALTHY, and api waits for it: ",
            ),
            (
                {"init": {"exitCode": 0}, "proxy": {"exitCode": 3}},
                "container proxy exited with code 3, and api waits for it: ",
            ),
            (
                {"init": {"exitCode": 0}, "proxy": {"healthStatus": "UNKNOWN", "exitCode": 137}},
                "container proxy did not become healthy in time, and api waits for it: ",
            ),
        ],
    )
    @pytest.mark.parametrize(
        ("reason", "code", "api"),
        [
            ("Task failed to start", "TaskFailedToStart", {}),
            (EXITED, "EssentialContainerExited", {"exitCode": 143, "reason": f"{GRAPH} has timed out."}),
        ],
        ids=["Fargate", "agent"],
    )
    def test_whom_others_wait_for_in_vain_is_named(
        self, reason: str, code: str, api: dict[str, Any], others: dict[str, Any], words: str
    ) -> None:
        found = classify([stopped(reason, code, **{"api": api, "proxy": {}, **others})], definitions=WAITING)
        assert found == Cause("dependency_unhealthy", f"{words}{reason}", words.split()[1])

    def test_what_kept_an_awaited_container_from_its_start_comes_before_the_waiting(self) -> None:
        text = f"{PULL}{IMAGE}: not found"
        found = classify(
            [stopped("Task failed to start", "TaskFailedToStart", api={}, proxy={"reason": text})],
            definitions=WAITING,
        )
        assert found == Cause("image_not_found", text, "proxy")

    def test_every_pattern_has_a_documented_text(self) -> None:
        assert {name for name, _ in PATTERNS} == {cause for _, cause in (*TEXTS, *EVENTS)}


class Ecs(Double):
    """Services that change with the clock."""

    def __init__(self, *stages: tuple[float, Any]) -> None:
        super().__init__()
        self.now = 0.0
        self.stages = {"api": list(stages)}
        self.tasks: list[dict[str, Any]] = []
        self.looks: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def do_describe_services(self, services: list[str], **_params: Any) -> dict[str, Any]:
        assert len(services) <= 10
        self.looks.append(self.now)
        found = []
        for name in services:
            seen = [state for since, state in self.stages.get(name, []) if since <= self.now]
            if seen and seen[-1]:
                found.append({**copy.deepcopy(seen[-1]), "serviceName": name})
        date = format_datetime(NOW + timedelta(seconds=100 + self.now), usegmt=True)
        return {"services": found, "ResponseMetadata": {"HTTPHeaders": {"date": date}}}

    def do_list_tasks(self, desiredStatus: str, **_params: Any) -> dict[str, Any]:
        return {"taskArns": [task["taskArn"] for task in self.tasks if task["lastStatus"] == desiredStatus]}

    def do_describe_tasks(self, tasks: list[str], **_params: Any) -> dict[str, Any]:
        return (
            {"tasks": [task for task in self.tasks if task["taskArn"] in tasks]} if tasks else {"tasks": []}
        )

    def do_describe_task_definition(self, **_params: Any) -> dict[str, Any]:
        options = {"awslogs-group": "/goals/prod/api", "awslogs-stream-prefix": "api"}
        api = {"name": "api", "logConfiguration": {"logDriver": "awslogs", "options": options}}
        return {"taskDefinition": {"containerDefinitions": [{"name": "proxy"}, api]}}


class Elbv2(Double):
    service = "elbv2"

    def __init__(self, states: Callable[[], list[dict[str, Any]]] = list) -> None:
        super().__init__()
        self.states = states

    def do_describe_target_health(self, **_params: Any) -> dict[str, Any]:
        return {"TargetHealthDescriptions": self.states()}


class NoSuchStream(ClientError):
    pass


class Logs(Double):
    service = "logs"

    class exceptions:
        ResourceNotFoundException = NoSuchStream

    def __init__(self, *lines: str, error: ClientError | None = None) -> None:
        super().__init__()
        self.lines = lines
        self.error = error

    def do_get_log_events(self, **_params: Any) -> dict[str, Any]:
        if self.error:
            raise self.error
        return {"events": [{"message": line} for line in self.lines]}


_numbers = itertools.count(1)


def running(health: str, task_definition: str = NEW) -> dict[str, Any]:
    return {
        "taskArn": f"{ARN}:task/goals/r{next(_numbers)}",
        "taskDefinitionArn": task_definition,
        "lastStatus": "RUNNING",
        "healthStatus": health,
    }


def watch(
    ecs: Ecs, elbv2: Elbv2 | None = None, *rollouts: Rollout, **other: Any
) -> tuple[Watch, list[Outcome]]:
    settings = {"interval": 1, "stable_for": 3, "timeout": 60, **other}
    watching = Watch(
        cast(Any, ecs),
        cast(Any, elbv2 or Elbv2()),
        "goals",
        clock=lambda: ecs.now,
        sleep=ecs.sleep,
        **settings,
    )
    return watching, watching.run(rollouts or [ROLLOUT])


def seen_soon(at: float, seconds: float, held: float = 0) -> bool:
    """Whether what was there at a time, and held, was seen no more than a tenth of the time late."""
    latest = at + max(0.2, at * 0.1) + held
    return at + held <= seconds <= latest + (max(0.2, latest * 0.1) if held else 0)


CHECKED = [pytest.param("HEALTHY", 0, id="health checks vouch for them"), ("UNKNOWN", 3), ("UNHEALTHY", 3)]


class TestWatch:
    def test_a_completed_rollout_that_nothing_checks_has_to_hold(self) -> None:
        ecs = Ecs((0, STARTING), (5, RUNNING), (7, STARTING), (9, RUNNING))
        watching, (outcome,) = watch(ecs)
        assert outcome.verdict.state == "completed"
        assert seen_soon(9, outcome.seconds, held=3)
        assert [entry["state"] for entry in watching.timeline] == [
            "in_progress",
            "completed",
            "in_progress",
            "completed",
        ]
        assert all(map(seen_soon, (0, 5, 7, 9), (entry["seconds"] for entry in watching.timeline)))

    @pytest.mark.parametrize(("health", "held"), CHECKED)
    def test_health_checks_of_all_containers_vouch_for_an_end(self, health: str, held: float) -> None:
        ecs = Ecs((0, STARTING), (5, RUNNING))
        ecs.tasks = [running(health), running("HEALTHY")]
        assert seen_soon(5, watch(ecs)[1][0].seconds, held)

    def test_health_checks_vouch_for_the_revision_s_own_tasks_and_as_many_as_are_wanted(self) -> None:
        for tasks, held in (
            ([running("HEALTHY")], 3),
            ([running("HEALTHY"), running("HEALTHY", OLD)], 3),
            ([running("HEALTHY"), running("HEALTHY"), running("UNKNOWN", OLD)], 0),
        ):
            ecs = Ecs((0, STARTING), (5, RUNNING))
            ecs.tasks = tasks
            assert seen_soon(5, watch(ecs)[1][0].seconds, held)

    def test_where_no_task_is_wanted_none_can_end(self) -> None:
        ecs = Ecs((0, service(deployment(2, desiredCount=0, runningCount=0), desiredCount=0)))
        assert watch(ecs)[1][0].seconds == 0

    @pytest.mark.parametrize("balanced", [True, False])
    def test_what_was_changed_in_place_may_be_shown_as_it_was_before(self, balanced: bool) -> None:
        """The deployment is the same one: what its tasks' health is says nothing of a new count."""
        more = {"loadBalancers": [{"targetGroupArn": GROUP}]} if balanced else {}
        before = {**service(deployment(2, runningCount=1, desiredCount=1), desiredCount=1), **more}
        ecs = Ecs((0, before), (1, {**STARTING, **more}), (4, {**RUNNING, **more}))
        ecs.tasks = [running("HEALTHY"), running("HEALTHY")]
        elbv2 = Elbv2(lambda: [target("healthy")] * 2)
        rollout = Rollout("api", NEW, "ecs-svc/2", in_place=True)
        assert seen_soon(4, watch(ecs, elbv2, rollout)[1][0].seconds, held=3)

    def test_looks_often_at_first_and_never_more_often_than_aws_allows(self) -> None:
        for services, interval, pauses in ((1, 1, [0.1, 0.1]), (55, 1, [0.6, 0.6]), (1, 0.05, [0.1, 0.1])):
            ecs = Ecs()
            ecs.stages = {f"s{number}": [(0, STARTING)] for number in range(services)}
            looks: list[float] = []
            sleep = ecs.sleep

            def looked(seconds: float, looks: list[float] = looks, sleep: Any = sleep) -> None:
                looks.append(seconds)
                sleep(seconds)

            ecs.sleep = looked  # type: ignore[method-assign]
            rollouts = [Rollout(name, NEW, "ecs-svc/2") for name in ecs.stages]
            watch(ecs, None, *rollouts, interval=interval, timeout=30)
            assert looks[:2] == pytest.approx(pauses)
            assert looks[-1] == pytest.approx(max(interval, pauses[0]))

    @pytest.mark.parametrize(
        ("begun", "said", "seconds"),
        [
            pytest.param(False, 90, 0, id="as it has been for long"),
            pytest.param(False, 98, 1, id="the rest of the time is waited for"),
            pytest.param(False, 100, 3, id="something happened just now"),
            pytest.param(True, 90, 3, id="what was asked may not show yet"),
        ],
    )
    def test_what_held_before_is_believed_where_nothing_was_begun(
        self, begun: bool, said: int, seconds: int
    ) -> None:
        seen = service(deployment(2), events=[(said, "(service api) has reached a steady state.")])
        _, (outcome,) = watch(Ecs((0, seen)), None, Rollout("api", NEW, "ecs-svc/2", begun=begun))
        assert outcome.verdict.state == "completed"
        assert seconds <= outcome.seconds <= seconds * 1.1

    def test_quiet_is_no_end_by_itself(self) -> None:
        seen = {**RUNNING, "loadBalancers": [{"targetGroupArn": GROUP}]}
        ecs = Ecs((0, seen))
        elbv2 = Elbv2(lambda: [target("healthy"), target("healthy" if ecs.now >= 8 else "unhealthy")])
        _, (outcome,) = watch(ecs, elbv2, Rollout("api", NEW, begun=False))
        assert outcome.verdict.state == "completed"
        assert seen_soon(8, outcome.seconds)

    def test_a_description_from_before_the_deployment_is_no_end(self) -> None:
        """DescribeServices is eventually consistent."""
        ecs = Ecs((0, service(deployment(1, OLD))), (2, STARTING), (5, RUNNING))
        assert watch(ecs)[1][0].verdict.state == "completed"

    @pytest.mark.parametrize(
        ("end", "state"),
        [(ROLLING_BACK, "rolled_back"), (service(deployment(3, OLD)), "superseded"), (None, "missing")],
    )
    def test_other_ends_have_to_hold(self, end: Any, state: str) -> None:
        ecs = Ecs((0, STARTING), (4, end))
        ecs.tasks = [running("HEALTHY"), running("HEALTHY")]
        _, (outcome,) = watch(ecs)
        assert outcome.verdict.state == state
        assert seen_soon(4, outcome.seconds, held=3)

    def test_time_runs_out(self) -> None:
        _, (outcome,) = watch(Ecs((0, STARTING)), timeout=10)
        assert outcome.verdict.state == "timed_out"
        assert seen_soon(10, outcome.seconds)
        assert outcome.verdict.detail.startswith("after 10 s: 1 of 2 tasks run")

    def test_what_completes_too_late_to_hold_is_no_success(self) -> None:
        assert watch(Ecs((0, STARTING), (9, RUNNING)), timeout=10)[1][0].verdict.state == "timed_out"

    def test_a_rollback_at_the_last_moment_is_told_as_such(self) -> None:
        assert watch(Ecs((0, STARTING), (9, ROLLING_BACK)), timeout=10)[1][0].verdict.state == "rolled_back"

    def test_targets_have_to_be_healthy_too(self) -> None:
        seen = {**RUNNING, "loadBalancers": [{"targetGroupArn": GROUP}]}
        ecs = Ecs((0, STARTING), (3, seen))
        elbv2 = Elbv2(lambda: [target("healthy"), target("healthy" if ecs.now >= 8 else "initial")])
        watching, (outcome,) = watch(ecs, elbv2)
        assert outcome.verdict.state == "completed"
        assert seen_soon(8, outcome.seconds)
        assert watching.timeline[1]["detail"] == "2 of 2 tasks run, 1 of 2 targets healthy in goals-prod-api"
        # None before ECS called it complete.
        assert len(elbv2.calls) == sum(seen_at >= 3 for seen_at in ecs.looks)

    def test_many_are_watched_at_once_each_to_its_own_end(self) -> None:
        names = [f"s{number}" for number in range(12)]
        ecs = Ecs()
        ecs.stages = {name: [(0, STARTING), (number, RUNNING)] for number, name in enumerate(names)}
        ecs.stages["s11"] = [(0, STARTING), (2, ROLLING_BACK)]
        _, outcomes = watch(ecs, None, *(Rollout(name, NEW, "ecs-svc/2") for name in names))
        assert [outcome.rollout.name for outcome in outcomes] == names
        ends = [*range(11), 2]
        assert all(
            seen_soon(end, outcome.seconds, held=3) for end, outcome in zip(ends, outcomes, strict=True)
        )
        assert outcomes[-1].verdict.state == "rolled_back"
        asked = [call["services"] for name, call in ecs.calls if name == "describe_services"]
        assert [len(names) for names in asked[:2]] == [10, 2]
        assert len(asked[-1]) <= 2


def report(ecs: Ecs, logs: Logs, state: str, seen: Any = STARTING) -> dict[str, Any]:
    evidence = Evidence(cast(Any, ecs), cast(Any, Elbv2()), cast(Any, logs), "goals")
    return evidence.report(Outcome(ROLLOUT, Verdict(state, "so it is"), seen, 7.0))


class TestEvidence:
    def test_shows_the_log_of_the_container_that_crashed(self) -> None:
        ecs, logs = Ecs(), Logs(*(f"line {number}\n" for number in range(20)))
        older = {**stopped("OutOfMemoryError: x", api={}), "stoppedAt": NOW - timedelta(hours=1)}
        foreign = {**stopped("OutOfMemoryError: x", api={}), "startedBy": "ecs-svc/1"}
        other = {**stopped("OutOfMemoryError: x", api={}), "taskDefinitionArn": OLD}
        ecs.tasks = [older, foreign, other, stopped(proxy={"exitCode": 143}, api={"exitCode": 3})]
        for number, task in enumerate(ecs.tasks):
            task["taskArn"] = f"{ARN}:task/goals/t{number}"
        result = report(ecs, logs, "rolled_back")
        assert (result["cause"], result["remedy"]) == ("start_crash", CAUSES["start_crash"].remedy)
        assert [task["id"] for task in result["evidence"]["tasks"]] == ["t3", "t0"]
        assert result["evidence"]["tasks"][0]["containers"][1]["exit_code"] == 3
        log = result["evidence"]["log"]
        assert (log["group"], log["stream"]) == ("/goals/prod/api", "api/api/t3")
        assert (len(log["lines"]), log["lines"][-1]) == (20, "line 19")
        assert logs.calls[0][1]["limit"] == 20

    def test_no_log_is_shown_for_that_of_the_container_to_blame(self) -> None:
        ecs = Ecs()
        ecs.tasks = [stopped(proxy={"exitCode": 3}, api={"exitCode": 143})]
        result = report(ecs, Logs("of the other"), "rolled_back")
        assert result["because"].startswith("container proxy exited with code 3")
        assert result["evidence"]["log"] == {}
        assert (result["failure"]["container"], result["failure"]["exit_code"]) == ("proxy", 3)

    def test_what_cannot_be_read_hides_nothing_else(self) -> None:
        ecs = Ecs()
        ecs.tasks = [stopped(api={"exitCode": 3})]
        result = report(ecs, Logs(error=refused("AccessDeniedException", "GetLogEvents")), "failed")
        assert result["cause"] == "start_crash"
        assert "AccessDeniedException" in result["evidence"]["unreadable"][0]

    def test_a_log_that_is_not_there_is_no_fault(self) -> None:
        ecs = Ecs()
        ecs.tasks = [stopped("OutOfMemoryError: x", api={"exitCode": 137})]
        error = NoSuchStream({"Error": {"Code": "ResourceNotFoundException"}}, "GetLogEvents")
        result = report(ecs, Logs(error=error), "failed")
        assert result["cause"] == "out_of_memory"
        assert result["evidence"]["log"] == {}
        assert result["evidence"]["unreadable"] == []

    def test_events_are_those_since_the_rollout_began(self) -> None:
        text = EVENTS[0][0]
        seen = service(deployment(2), events=[(-60, text), (1, NO_CAUSES[0])])
        result = report(Ecs(), Logs(), "timed_out", seen)
        assert result["evidence"]["events"] == [NO_CAUSES[0]]
        assert result["cause"] == "timeout"
        seen = service(deployment(2), events=[(60, text)])
        assert report(Ecs(), Logs(), "timed_out", seen)["cause"] == "no_capacity"

    @pytest.mark.parametrize(
        ("state", "cause"),
        [
            ("superseded", "superseded"),
            ("missing", "missing"),
            ("failed", "unknown"),
            ("timed_out", "timeout"),
        ],
    )
    def test_ends_without_evidence(self, state: str, cause: str) -> None:
        result = report(Ecs(), Logs(), state, {} if state == "missing" else STARTING)
        assert (result["cause"], result["because"]) == (cause, "so it is")


def raise_(error: Exception) -> None:
    raise error


class TestModule:
    @pytest.fixture
    def doubles(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Double]:
        clients: dict[str, Double] = {"ecs": Ecs((0, RUNNING)), "elbv2": Elbv2(), "logs": Logs("boom")}
        monkeypatch.setattr(AnsibleAWSModule, "client", lambda _self, name: clients[name])
        return clients

    def go(self, capsys: pytest.CaptureFixture[str], **other: Any) -> dict[str, Any]:
        wanted = {"name": "api", "task_definition": NEW, "deployment": "ecs-svc/2"}
        arguments = {"cluster": "goals", "services": [wanted], "interval": 0.01, "stable_for": 0.02, **other}
        return run(ecs_rollout, capsys, **arguments)

    def test_success(self, doubles: dict[str, Double], capsys: pytest.CaptureFixture[str]) -> None:
        result = self.go(capsys)
        assert not result["changed"]
        assert result["services"][0]["state"] == "completed"
        assert "cause" not in result["services"][0]
        assert result["timeline"][0]["detail"] == "2 of 2 tasks run"

    def test_every_change_is_told_when_it_is_seen(
        self, doubles: dict[str, Double], capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        result = self.go(capsys, progress=str(tmp_path / "progress"))
        told = [json.loads(line) for line in (tmp_path / "progress").read_text().splitlines()]
        assert told == result["timeline"]
        assert set(told[0]) == {"service", "state", "detail", "seconds"}

    def test_a_rollback_is_a_failure_with_its_cause(
        self, doubles: dict[str, Double], capsys: pytest.CaptureFixture[str]
    ) -> None:
        ecs = Ecs((0, ROLLED_BACK))
        ecs.tasks = [stopped(api={"exitCode": 3})]
        doubles["ecs"] = ecs
        result = self.go(capsys)
        assert result["failed"]
        assert "1 of 1 services do not run what was released" in result["msg"]
        assert "api was rolled back by ECS: container api exited with code 3" in result["msg"]
        assert "(start_crash)" in result["msg"]
        assert "| boom" in result["msg"]
        assert result["services"][0]["state"] == "rolled_back"
        assert result["services"][0]["failure"]["exit_code"] == 3
        assert result["failure"] == result["services"][0]["failure"]
        assert result["timeline"]

    def test_an_aws_that_refuses_is_a_cause_too(
        self,
        doubles: dict[str, Double],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        error = refused("ThrottlingException", "DescribeServices")
        monkeypatch.setattr(Ecs, "do_describe_services", lambda _self, **_params: raise_(error))
        result = self.go(capsys)
        assert result["failure"]["cause"] == "throttled"
        assert "ThrottlingException" in result["failure"]["summary"]

    def test_check_mode_waits_for_nothing(
        self, doubles: dict[str, Double], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.go(capsys, check_mode=True)["services"] == []
        assert not doubles["ecs"].calls

    def test_a_service_named_twice_is_refused(
        self, doubles: dict[str, Double], capsys: pytest.CaptureFixture[str]
    ) -> None:
        wanted = {"name": "api", "task_definition": NEW}
        assert "names api more than once" in self.go(capsys, services=[wanted, wanted])["msg"]
