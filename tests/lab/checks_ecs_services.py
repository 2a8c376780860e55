"""What AWS does with services: one check for each patch of these."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from tests.lab.cloud import Cloud
from tests.lab.containers import (
    define,
    log,
    logging_to,
    messages,
    service,
    shell,
    shown,
    steady,
    tasks,
    web,
)

SHORT_DRAIN = [{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


def deployments_complete_when_their_tasks_are_healthy(cloud: Cloud) -> None:
    family = cloud.name()
    first = define(cloud, shell("x", "exec sleep 600", stopTimeout=2), family=family)
    one_at_most = {"minimumHealthyPercent": 0, "maximumPercent": 100}
    with service(cloud, first, deploymentConfiguration=one_at_most) as name:
        described = shown(cloud, name)["deployments"][0]
        assert (described["rolloutState"], described["runningCount"]) == ("IN_PROGRESS", 0)
        cloud.eventually(lambda: steady(cloud, name), "completed")
        second = define(cloud, shell("x", "exec sleep 600", stopTimeout=2), family=family)
        cloud.ecs.update_service(service=name, taskDefinition=second)
        most = 0
        until = time.monotonic() + 20 * cloud.patience
        while not (steady(cloud, name) and shown(cloud, name)["taskDefinition"] == second):
            alive = tasks(cloud, name) + tasks(cloud, name, "STOPPED")
            most = max(most, sum(each["lastStatus"] != "STOPPED" for each in alive))
            assert time.monotonic() < until, "completed"
        assert most == 1, "two at once"
        assert [each["taskDefinitionArn"] for each in tasks(cloud, name)] == [second]
        old = tasks(cloud, name, "STOPPED")[0]
        assert old["stopCode"] == "ServiceSchedulerInitiated"
        assert old["stoppedReason"].startswith("Scaling activity initiated by (deployment ecs-svc/")
        cloud.ecs.delete_service(service=name, force=True)
        cloud.eventually(
            lambda: shown(cloud, name)["status"] == "INACTIVE", "inactive when its tasks are gone"
        )


@contextmanager
def _requests(cloud: Cloud, balancer: dict[str, Any]) -> Iterator[Counter[int]]:
    """Requests one after another until the end of the block, counted by status."""
    statuses: Counter[int] = Counter()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            statuses[cloud.get(balancer).status_code] += 1

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield statuses
    finally:
        stop.set()
        asking.join()


def _balanced(cloud: Cloud, path: str = "/", **more: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    group = cloud.target_group(HealthCheckPath=path, Port=8080, **more)
    cloud.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=SHORT_DRAIN)
    target = {"targetGroupArn": group, "containerName": "web", "containerPort": 8080}
    return group, cloud.balancer(group), {"loadBalancers": [target]}


def tasks_are_targets_while_they_serve(cloud: Cloud) -> None:
    group, balancer, wanted = _balanced(cloud)
    unused = [{**wanted["loadBalancers"][0], "targetGroupArn": cloud.target_group()}]
    family = cloud.name()
    first = define(cloud, web(), family=family)
    assert "associated load balancer" in _refusal(
        lambda: cloud.ecs.create_service(serviceName=family, taskDefinition=first, loadBalancers=unused)
    )
    with service(cloud, first, 2, **wanted) as name:
        cloud.eventually(lambda: steady(cloud, name), "completed")
        assert cloud.states(group) == ["healthy", "healthy"]
        with _requests(cloud, balancer) as statuses:
            for count in (4, 2):
                cloud.ecs.update_service(service=name, desiredCount=count)
                cloud.eventually(partial(_scaled, cloud, name, group, count), f"scaled to {count}")
            second = define(cloud, web(dockerLabels={"release": "2"}), family=family)
            cloud.ecs.update_service(service=name, taskDefinition=second)
            cloud.eventually(
                lambda: steady(cloud, name) and shown(cloud, name)["taskDefinition"] == second, "released"
            )
        assert set(statuses) == {200}, statuses


def _scaled(cloud: Cloud, name: str, group: str, count: int) -> bool:
    return steady(cloud, name) and cloud.states(group) == ["healthy"] * count


def _refusal(call: Callable[[], Any]) -> str:
    try:
        call()
    except ClientError as error:
        return str(error)
    return "none"


def unhealthy_tasks_are_replaced(cloud: Cloud) -> None:
    check = {"command": ["CMD-SHELL", "test ! -e /tmp/ill"], "interval": 1, "retries": 1, "timeout": 2}
    script = "sleep 4; touch /tmp/ill; exec sleep 600"
    definition = define(cloud, shell("x", script, healthCheck=check, stopTimeout=2))
    with service(cloud, definition) as name:
        cloud.eventually(lambda: bool(tasks(cloud, name, "STOPPED")), "the unhealthy task is stopped")
        stopped = tasks(cloud, name, "STOPPED")[0]
        assert stopped["stoppedReason"] == "Task failed container health checks"
        cloud.eventually(lambda: bool(tasks(cloud, name)), "and replaced")
    _group, _balancer, wanted = _balanced(cloud, "/no-such")
    with service(cloud, define(cloud, web(stopTimeout=2)), **wanted) as name:
        cloud.eventually(lambda: bool(tasks(cloud, name, "STOPPED")), "the task fails its load balancer")
        reason = tasks(cloud, name, "STOPPED")[0]["stoppedReason"]
        assert reason.startswith("Task failed ELB health checks in (target-group arn:")
        assert shown(cloud, name)["deployments"][0]["rolloutState"] == "IN_PROGRESS"


def failed_deployments_are_rolled_back(cloud: Cloud) -> None:
    family = cloud.name()
    first = define(cloud, shell("x", "exec sleep 600", stopTimeout=2), family=family)
    with service(cloud, first, deploymentConfiguration=BREAKER) as name:
        cloud.eventually(lambda: steady(cloud, name), "completed")
        deployment = shown(cloud, name)["deployments"][0]["id"]
        serving = tasks(cloud, name)[0]["taskArn"]
        second = define(cloud, shell("x", "exit 9"), family=family)
        cloud.ecs.update_service(service=name, taskDefinition=second)
        seen = set()
        until = time.monotonic() + 30 * cloud.patience
        while shown(cloud, name)["taskDefinition"] != first or not steady(cloud, name):
            seen |= {
                (each["rolloutState"], each.get("rolloutStateReason"))
                for each in shown(cloud, name)["deployments"]
            }
            assert time.monotonic() < until, "rolled back"
            time.sleep(0.1)
        described = shown(cloud, name)
        assert ("FAILED", "ECS deployment circuit breaker: tasks failed to start.") in seen
        assert described["deployments"][0]["id"] == deployment
        assert [each["taskArn"] for each in tasks(cloud, name)] == [serving]
        ends = [each["containers"][0]["exitCode"] for each in tasks(cloud, name, "STOPPED")]
        assert ends == [9, 9, 9]


def services_tell_what_they_do(cloud: Cloud) -> None:
    bad = shell("x", "true", secrets=[{"name": "SECRET", "valueFrom": "/no/such"}])
    family = cloud.name()
    first = define(cloud, shell("x", "exec sleep 600", stopTimeout=2), family=family)
    with service(cloud, first, deploymentConfiguration=BREAKER) as name:
        cloud.eventually(lambda: "has reached a steady state." in messages(cloud, name), "steady")
        assert f"(service {name}) has started 1 tasks: (task " in messages(cloud, name)
        cloud.ecs.update_service(service=name, taskDefinition=define(cloud, bad, family=family))
        cloud.eventually(
            lambda: "rolling back to deployment ecs-svc/" in messages(cloud, name), "rolled back"
        )
        told = messages(cloud, name)
        assert "was unable to place a task. Reason: ResourceInitializationError" in told
        assert "deployment failed: tasks failed to start." in told


def clusters_in_use_are_not_deleted(cloud: Cloud) -> None:
    cluster = cloud.name()
    cloud.ecs.create_cluster(clusterName=cluster)
    definition = define(cloud, shell("x", "exec sleep 600", stopTimeout=2))
    arn = cloud.ecs.run_task(cluster=cluster, taskDefinition=definition)["tasks"][0]["taskArn"]
    refusal = _refusal(lambda: cloud.ecs.delete_cluster(cluster=cluster))
    assert "ClusterContainsTasksException" in refusal
    cloud.ecs.create_service(cluster=cluster, serviceName="x", taskDefinition=definition, desiredCount=0)
    refusal = _refusal(lambda: cloud.ecs.delete_cluster(cluster=cluster))
    assert "ClusterContainsServicesException" in refusal
    cloud.ecs.delete_service(cluster=cluster, service="x")
    cloud.ecs.stop_task(cluster=cluster, task=arn)
    cloud.eventually(
        lambda: _refusal(lambda: cloud.ecs.delete_cluster(cluster=cluster)) == "none", "deleted when empty"
    )


def services_keep_what_they_are_given(cloud: Cloud) -> None:
    definition = define(cloud, shell("x", "exec sleep 600", stopTimeout=2))
    with service(
        cloud, definition, 0, availabilityZoneRebalancing="ENABLED", propagateTags="SERVICE"
    ) as name:
        assert shown(cloud, name).get("availabilityZoneRebalancing") == "ENABLED"
        before = shown(cloud, name)["deployments"][0]["id"]
        cloud.ecs.update_service(service=name, availabilityZoneRebalancing="DISABLED")
        described = shown(cloud, name)
        assert described["availabilityZoneRebalancing"] == "DISABLED"
        assert described["deployments"][0]["id"] == before
        cloud.ecs.update_service(service=name, propagateTags="TASK_DEFINITION")
        assert shown(cloud, name)["deployments"][0]["id"] != before


def scalable_targets_are_registered(cloud: Cloud) -> None:
    scaling, resource = (
        cloud.scaling,
        {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"},
    )
    with service(cloud, define(cloud, shell("x", "true")), 0) as name:
        place = {**resource, "ResourceId": f"service/default/{name}"}
        policy = {"PolicyName": "cpu", "PolicyType": "TargetTrackingScaling"}
        tracking = {
            "TargetValue": 60.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        }
        wanted = {**place, **policy, "TargetTrackingScalingPolicyConfiguration": tracking}
        assert "No scalable target registered" in _refusal(lambda: scaling.put_scaling_policy(**wanted))
        arn = scaling.register_scalable_target(**place, MinCapacity=2, MaxCapacity=4)["ScalableTargetARN"]
        assert shown(cloud, name)["desiredCount"] == 2
        scaling.register_scalable_target(**place, MaxCapacity=5)
        scaling.put_scaling_policy(**wanted)
        scaling.put_scheduled_action(
            **place,
            ScheduledActionName="night",
            Schedule="cron(0 20 * * ? *)",
            ScalableTargetAction={"MinCapacity": 1},
        )
        scaling.tag_resource(ResourceARN=arn, Tags={"a": "b"})
        time.sleep(1)
        cloud.control.kill()
        target = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[place["ResourceId"]])[
            "ScalableTargets"
        ][0]
        assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 5)
        shown_policy = scaling.describe_scaling_policies(**place)["ScalingPolicies"][0]
        assert shown_policy["TargetTrackingScalingPolicyConfiguration"] == tracking
        assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"a": "b"}
        assert len(scaling.describe_scheduled_actions(**place)["ScheduledActions"]) == 1
        scaling.deregister_scalable_target(**place)
        assert scaling.describe_scaling_policies(**place)["ScalingPolicies"] == []


def connect(*aliases: str) -> dict[str, Any]:
    """A service's configuration of Service Connect, by which others reach it under the aliases."""
    names = [{"port": 8080, "dnsName": alias} for alias in aliases]
    found = [{"portName": "web", "discoveryName": "web", "clientAliases": names}]
    return {"enabled": True, "namespace": "checks", "services": found if aliases else []}


def deployments_show_what_their_tasks_are_given(cloud: Cloud) -> None:
    definition = define(cloud, web(portMappings=[{"name": "web", "containerPort": 8080}]))
    with service(cloud, definition, 0, serviceConnectConfiguration=connect("one")) as name:
        assert shown(cloud, name)["deployments"][0].get("serviceConnectConfiguration") == connect("one")
        cloud.ecs.update_service(service=name, serviceConnectConfiguration=connect("two"))
        assert shown(cloud, name)["deployments"][0].get("serviceConnectConfiguration") == connect("two")
        volume = {"name": "data", "managedEBSVolume": {"roleArn": "arn:aws:iam::000000000000:role/ebs"}}
        cloud.ecs.update_service(service=name, forceNewDeployment=True, volumeConfigurations=[volume])
        assert shown(cloud, name)["deployments"][0].get("serviceConnectConfiguration") == connect("two")
        assert shown(cloud, name)["deployments"][0].get("volumeConfigurations") == [volume]


def services_find_each_other_by_service_connect(cloud: Cloud) -> None:
    definition = define(cloud, web(portMappings=[{"name": "web", "containerPort": 8080}]))
    script = (
        "until (exec 3<>/dev/tcp/found/8080) 2>/dev/null; do sleep 0.1; done; echo reached; exec sleep 600"
    )
    group, logs = logging_to(cloud)
    asking = define(cloud, shell("x", f"exec bash -c '{script}'", stopTimeout=2, logConfiguration=logs))
    with (
        service(cloud, definition, 1, serviceConnectConfiguration=connect("found")),
        service(cloud, asking, 1, serviceConnectConfiguration=connect()),
    ):
        cloud.eventually(lambda: "reached" in "".join(log(cloud, group)), "the name leads to the service")
