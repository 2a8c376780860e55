"""The service as ECS describes it and as a client sees it."""

import json
import urllib.request
from typing import Any

import pytest

from tests.e2e.environment import Run, ansible, aws

STACK = "goals-ecs-services"


@pytest.fixture
def service() -> Any:
    (found,) = aws("ecs").describe_services(cluster=STACK, services=["web"])["services"]
    return found


def test_as_many_tasks_run_as_are_described_in_one_deployment(service: Any) -> None:
    assert service["desiredCount"] == 2
    assert service["runningCount"] == 2
    (deployment,) = service["deployments"]
    assert deployment["rolloutState"] == "COMPLETED"


def place(name: str) -> Any:
    return {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{STACK}/{name}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }


def test_a_service_scales_as_described_again() -> None:
    scaling = aws("application-autoscaling")
    (target,) = scaling.describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[place("web")["ResourceId"]]
    )["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 4)
    policies = {
        policy["PolicyName"]: policy["TargetTrackingScalingPolicyConfiguration"]
        for policy in scaling.describe_scaling_policies(**place("web"))["ScalingPolicies"]
    }
    assert {name: each["TargetValue"] for name, each in policies.items()} == {"cpu": 60, "requests": 500}
    label = policies["requests"]["PredefinedMetricSpecification"]["ResourceLabel"]
    groups = aws("elbv2").describe_target_groups()["TargetGroups"]
    (group,) = [group for group in groups if group["TargetGroupArn"].endswith(label.split("/", 3)[3])]
    (balancer,) = group["LoadBalancerArns"]
    assert f"{STACK}/" in balancer
    assert balancer.endswith(label.rsplit("/targetgroup/", 1)[0])
    (action,) = scaling.describe_scheduled_actions(**place("web"))["ScheduledActions"]
    assert action["ScheduledActionName"] == "night"
    assert action["Timezone"] == "Europe/Berlin"
    assert action["ScalableTargetAction"] == {"MinCapacity": 1, "MaxCapacity": 1}


def test_replicas_rule_where_nothing_shall_scale() -> None:
    targets = aws("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[place("worker")["ResourceId"]]
    )["ScalableTargets"]
    assert targets == []
    (worker,) = aws("ecs").describe_services(cluster=STACK, services=["worker"])["services"]
    assert worker["desiredCount"] == worker["runningCount"] == 1


def test_tasks_are_in_two_zones(service: Any) -> None:
    tasks = aws("ecs").list_tasks(cluster=STACK, serviceName="web")["taskArns"]
    described = aws("ecs").describe_tasks(cluster=STACK, tasks=tasks)["tasks"]
    assert len({task["availabilityZone"] for task in described}) == 2


def test_the_load_balancer_leads_to_them() -> None:
    request = urllib.request.Request(
        "http://127.0.0.1:4566/", headers={"Host": f"{STACK}.alb.localhost:4566"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        assert answer.read() == b"hello"


def test_a_failing_deployment_is_broken_off(service: Any) -> None:
    breaker = service["deploymentConfiguration"]["deploymentCircuitBreaker"]
    assert breaker == {"enable": True, "rollback": True}


def test_the_task_that_shall_run_at_night_is_scheduled_as_one_of_the_service(service: Any) -> None:
    scheduler = aws("scheduler")
    (found,) = scheduler.list_schedules(GroupName=STACK)["Schedules"]
    assert found["Name"] == "web-cleanup"
    schedule = scheduler.get_schedule(GroupName=STACK, Name="web-cleanup")
    assert schedule["ScheduleExpression"] == "cron(0 3 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"
    target = schedule["Target"]
    assert target["Arn"] == service["clusterArn"]
    assert target["EcsParameters"]["TaskDefinitionArn"] == service["taskDefinition"]
    overrides = json.loads(target["Input"])["containerOverrides"]
    assert overrides == [{"name": "web", "command": ["node", "cleanup.js"]}]
    aws("iam").get_role(RoleName=target["RoleArn"].rpartition("/")[2])


def once(program: str, **variables: Any) -> Run:
    command = ["node", "--eval", program]
    given = {
        "app_environment": "ecs-services",
        "task_service": "worker",
        "task_command": command,
        **variables,
    }
    return ansible(
        "ansible-playbook",
        "playbooks/run_task.yml",
        "--inventory=molecule/shared/lab",
        f"--extra-vars={json.dumps(given)}",
    )


def test_a_task_runs_once_and_its_output_is_printed() -> None:
    program = "console.log('rows:', 40 + 2, process.env.UNIT)"
    assert "rows: 42 goals" in once(program, task_environment={"UNIT": "goals"}).succeeded().output


def test_a_task_that_fails_is_a_failure_with_its_code_and_lines() -> None:
    run = once("console.log('no such table'); process.exit(3)")
    assert run.returncode != 0
    assert "exit code 3" in run.output
    assert "| no such table" in run.output


def test_a_task_of_a_service_that_is_not_there_names_those_that_are() -> None:
    run = once("", task_service="backend")
    assert run.returncode != 0
    assert "expected one of web, worker" in run.output
