"""What AWS does with load balancers and targets: one check for each patch of Elastic Load Balancing."""

import threading
from collections import Counter
from typing import Any

from botocore.exceptions import ClientError

from tests.lab.cloud import Cloud, target


def load_balancers_have_every_attribute(cloud: Cloud) -> None:
    arn = cloud.balancer()["LoadBalancerArn"]
    attributes = cloud.elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    shown = {each["Key"]: each["Value"] for each in attributes}
    assert shown.get("routing.http.drop_invalid_header_fields.enabled") == "false"
    assert shown["idle_timeout.timeout_seconds"] == "60"


def actions_have_an_order_only_if_given(cloud: Cloud) -> None:
    group = cloud.target_group()
    arn = cloud.balancer(group)["LoadBalancerArn"]
    listener = cloud.elb.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]
    assert listener["DefaultActions"] == [{"Type": "forward", "TargetGroupArn": group}]
    made = cloud.elb.create_rule(
        ListenerArn=listener["ListenerArn"],
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/a"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": group, "Order": 7}],
    )
    assert made["Rules"][0]["Actions"][0]["Order"] == 7


def load_balancers_are_in_the_zones_of_their_subnets(cloud: Cloud) -> None:
    arn = cloud.balancer()["LoadBalancerArn"]
    shown = cloud.elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]
    zones = [each["ZoneName"] for each in shown["AvailabilityZones"]]
    assert zones == [f"{cloud.settings.region}a", f"{cloud.settings.region}b"]
    first = cloud.ec2.describe_subnets(SubnetIds=[shown["AvailabilityZones"][0]["SubnetId"]])["Subnets"][0]
    assert shown["VpcId"] == first["VpcId"]


def target_groups_know_the_load_balancers_that_use_them(cloud: Cloud) -> None:
    group, in_a_rule = cloud.target_group(), cloud.target_group()
    arn = cloud.balancer(group)["LoadBalancerArn"]
    listener = cloud.elb.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]["ListenerArn"]
    cloud.elb.create_rule(
        ListenerArn=listener,
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/a"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": in_a_rule}],
    )
    shown = cloud.elb.describe_target_groups(TargetGroupArns=[group, in_a_rule])["TargetGroups"]
    assert [each["LoadBalancerArns"] for each in shown] == [[arn], [arn]]
    assert _code(lambda: cloud.elb.delete_target_group(TargetGroupArn=in_a_rule)) == "ResourceInUse"
    assert _code(lambda: cloud.elb.describe_target_groups(Names=["none"])) == "TargetGroupNotFound"


def _code(call: Any) -> str:
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "no error"


def deleting_a_load_balancer_deletes_its_listeners(cloud: Cloud) -> None:
    group = cloud.target_group()
    arn = cloud.balancer(group)["LoadBalancerArn"]
    cloud.elb.delete_load_balancer(LoadBalancerArn=arn)
    assert cloud.elb.describe_listeners(LoadBalancerArn=arn)["Listeners"] == []
    cloud.elb.delete_target_group(TargetGroupArn=group)


def targets_are_registered_by_id_and_port(cloud: Cloud) -> None:
    group = cloud.target_group()
    twice = [{"Id": "10.0.0.1", "Port": 80}, {"Id": "10.0.0.1", "Port": 81}]
    cloud.elb.register_targets(TargetGroupArn=group, Targets=twice)
    assert [each["Target"]["Port"] for each in cloud.health(group)] == [80, 81]
    other = cloud.health(group, {"Id": "10.0.0.2", "Port": 80})
    assert [each["TargetHealth"]["Reason"] for each in other] == ["Target.NotRegistered"]
    cloud.elb.deregister_targets(TargetGroupArn=group, Targets=twice[:1])
    cloud.eventually(
        lambda: [each["Target"]["Port"] for each in cloud.health(group)] == [81], "one port is left"
    )


def target_health_follows_health_checks(cloud: Cloud) -> None:
    with target("x") as server:
        group = cloud.target_group()
        cloud.elb.register_targets(TargetGroupArn=group, Targets=[server.address])
        cloud.eventually(
            lambda: cloud.states(group) == ["unused"], "unused while no load balancer forwards to it"
        )
        cloud.balancer(group)
        cloud.eventually(lambda: cloud.states(group) == ["healthy"], "healthy after its first check")
        server.health = 503
        cloud.eventually(lambda: cloud.states(group) == ["unhealthy"], "unhealthy after two failures")
        health = cloud.health(group)[0]["TargetHealth"]
        assert health["Reason"] == "Target.ResponseCodeMismatch"
        assert "[503]" in health["Description"]
        server.health = 200
        cloud.eventually(lambda: cloud.states(group) == ["healthy"], "healthy after two successes")


def deregistered_targets_drain(cloud: Cloud) -> None:
    with target("staying") as staying, target("leaving") as leaving:
        group = cloud.target_group()
        cloud.elb.register_targets(TargetGroupArn=group, Targets=[leaving.address])
        balancer = cloud.balancer(group)
        cloud.eventually(lambda: cloud.states(group) == ["healthy"], "healthy")
        leaving.delay = 2.0
        answers: list[str] = []
        slow = threading.Thread(target=lambda: answers.append(cloud.get(balancer, "/slow").text))
        slow.start()
        cloud.eventually(lambda: leaving_is_busy(cloud, balancer), "the slow request is on its way")
        cloud.elb.register_targets(TargetGroupArn=group, Targets=[staying.address])
        cloud.elb.deregister_targets(TargetGroupArn=group, Targets=[leaving.address])
        assert "draining" in cloud.states(group)
        assert {cloud.get(balancer).text for _ in range(6)} == {"staying"}
        slow.join()
        assert answers == ["leaving"]
        cloud.eventually(lambda: "draining" not in cloud.states(group), "gone once its request was answered")


def leaving_is_busy(cloud: Cloud, balancer: dict[str, Any]) -> bool:
    """The slow request was sent first, so an answer to a later one says that it is in the target's hands."""
    return cloud.get(balancer).status_code == 200


def instance_targets_are_reached_at_their_address(cloud: Cloud) -> None:
    instance = cloud.launch(cloud.image())["InstanceId"]
    try:
        group = cloud.target_group(TargetType="instance", Port=8080, HealthCheckPath="/")
        cloud.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": instance}])
        balancer = cloud.balancer(group)
        cloud.eventually(lambda: cloud.states(group) == ["healthy"], "healthy")
        answer = cloud.get(balancer)
        assert (answer.status_code, "nginx answers" in answer.text) == (200, True)
    finally:
        cloud.ec2.terminate_instances(InstanceIds=[instance])


def requests_go_to_healthy_targets(cloud: Cloud) -> None:
    with target("a") as first, target("b") as second:
        group = cloud.target_group()
        balancer = cloud.balancer(group)
        assert cloud.get(balancer).status_code == 503
        cloud.elb.register_targets(TargetGroupArn=group, Targets=[first.address, second.address])
        cloud.eventually(lambda: cloud.states(group) == ["healthy", "healthy"], "both healthy")
        assert set(_answers(cloud, balancer)) == {"a", "b"}
        nowhere = {"Id": "127.0.0.1", "Port": 9}
        cloud.elb.register_targets(TargetGroupArn=group, Targets=[nowhere])
        assert set(_answers(cloud, balancer)) == {"a", "b"}, "a new target gets nothing before it is healthy"
        cloud.elb.deregister_targets(TargetGroupArn=group, Targets=[nowhere])
        cloud.eventually(lambda: cloud.states(group) == ["healthy", "healthy"], "both healthy again")
        second.health = 500
        cloud.eventually(lambda: cloud.states(group) == ["healthy", "unhealthy"], "one unhealthy")
        assert set(_answers(cloud, balancer)) == {"a"}
        first.health = 500
        cloud.eventually(lambda: cloud.states(group) == ["unhealthy", "unhealthy"], "none healthy")
        assert set(_answers(cloud, balancer)) == {"a", "b"}


def _answers(cloud: Cloud, balancer: dict[str, Any]) -> Counter[str]:
    return Counter(cloud.get(balancer).text for _ in range(16))
