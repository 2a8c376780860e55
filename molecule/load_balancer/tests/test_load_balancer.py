"""The load balancer as AWS describes it."""

import json
from typing import Any

import pytest

from tests.e2e.environment import aws

STACK = "goals-load-balancer"
DOMAIN = "shop.load-balancer.example"


@pytest.fixture(scope="module")
def elb() -> Any:
    return aws("elbv2")


@pytest.fixture(scope="module")
def balancer(elb: Any) -> Any:
    (found,) = elb.describe_load_balancers(Names=[STACK])["LoadBalancers"]
    return found


@pytest.fixture(scope="module")
def listeners(elb: Any, balancer: Any) -> dict[int, Any]:
    found = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    return {listener["Port"]: listener for listener in found}


@pytest.fixture(scope="module")
def records() -> dict[str, Any]:
    route53 = aws("route53")
    (zone,) = route53.list_hosted_zones_by_name(DNSName="load-balancer.example")["HostedZones"]
    found = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    return {record["Name"]: record for record in found}


@pytest.fixture(scope="module")
def groups(elb: Any) -> dict[str, Any]:
    found = elb.describe_target_groups()["TargetGroups"]
    return {group["TargetGroupName"]: group for group in found if group["TargetGroupName"].startswith(STACK)}


@pytest.fixture(scope="module")
def hosts() -> list[str]:
    filters = [
        {"Name": "tag:slipway_environment", "Values": ["load-balancer"]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    reservations = aws("ec2").describe_instances(Filters=filters)["Reservations"]
    return [instance["InstanceId"] for reservation in reservations for instance in reservation["Instances"]]


def tags(elb: Any, arn: str) -> dict[str, str]:
    (described,) = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    return {tag["Key"]: tag["Value"] for tag in described["Tags"]}


def test_it_stands_in_two_zones(balancer: Any) -> None:
    zones = {zone["ZoneName"] for zone in balancer["AvailabilityZones"]}
    assert zones == {"eu-central-1a", "eu-central-1b"}
    assert balancer["Scheme"] == "internet-facing"


def test_it_drops_invalid_headers(elb: Any, balancer: Any) -> None:
    answer = elb.describe_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"])
    attributes = {each["Key"]: each["Value"] for each in answer["Attributes"]}
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes["idle_timeout.timeout_seconds"] == "60"
    assert attributes["deletion_protection.enabled"] == "false"


def test_it_writes_its_access_logs_into_a_bucket_of_their_own(elb: Any, balancer: Any) -> None:
    answer = elb.describe_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"])
    attributes = {each["Key"]: each["Value"] for each in answer["Attributes"]}
    assert attributes["access_logs.s3.enabled"] == "true"
    assert attributes["access_logs.s3.bucket"] == f"{STACK}-logs"
    policy = json.loads(aws("s3").get_bucket_policy(Bucket=f"{STACK}-logs")["Policy"])
    (writes,) = [each for each in policy["Statement"] if each["Action"] == "s3:PutObject"]
    assert writes["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}


def test_its_domain_leads_to_it_and_has_a_certificate(
    balancer: Any, listeners: dict[int, Any], records: dict[str, Any]
) -> None:
    assert records[f"{DOMAIN}."]["AliasTarget"]["DNSName"].rstrip(".") == balancer["DNSName"]
    (attached,) = listeners[443]["Certificates"]
    certificate = aws("acm").describe_certificate(CertificateArn=attached["CertificateArn"])["Certificate"]
    assert (certificate["DomainName"], certificate["Status"]) == (DOMAIN, "ISSUED")
    (proof,) = certificate["DomainValidationOptions"]
    assert proof["ResourceRecord"]["Name"] in records


def test_everybody_is_sent_from_port_80_to_443(elb: Any, listeners: dict[int, Any]) -> None:
    assert {port: each["Protocol"] for port, each in listeners.items()} == {80: "HTTP", 443: "HTTPS"}
    assert "TLS13" in listeners[443]["SslPolicy"]
    (rule,) = elb.describe_rules(ListenerArn=listeners[80]["ListenerArn"])["Rules"]
    redirect = rule["Actions"][0]["RedirectConfig"]
    assert (redirect["Protocol"], redirect["Port"], redirect["StatusCode"]) == ("HTTPS", "443", "HTTP_301")


def test_rules_follow_the_routes(elb: Any, listeners: dict[int, Any], groups: dict[str, Any]) -> None:
    names = {group["TargetGroupArn"]: name for name, group in groups.items()}
    rules = {
        rule["Priority"]: (rule["Conditions"], rule["Actions"][0])
        for rule in elb.describe_rules(ListenerArn=listeners[443]["ListenerArn"])["Rules"]
    }
    paths = {key: conditions[0]["Values"] for key, (conditions, _action) in rules.items() if conditions}
    assert paths == {"100": ["/goals", "/goals/*", "/version"], "200": ["/*"]}
    assert names[rules["100"][1]["TargetGroupArn"]] == f"{STACK}-backend"
    assert names[rules["200"][1]["TargetGroupArn"]] == f"{STACK}-frontend"
    assert rules["default"][1]["FixedResponseConfig"]["StatusCode"] == "404"


def test_each_routed_service_has_a_group_that_asks_for_its_health(groups: dict[str, Any]) -> None:
    checks = {
        name: (group["HealthCheckPath"], group["HealthCheckIntervalSeconds"])
        for name, group in groups.items()
    }
    assert checks == {
        f"{STACK}-backend": ("/-/health/backend", 5),
        f"{STACK}-frontend": ("/-/health/frontend", 5),
    }


def test_every_host_is_in_every_group_and_no_other(
    elb: Any, groups: dict[str, Any], hosts: list[str]
) -> None:
    assert len(hosts) == 1
    for group in groups.values():
        health = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])[
            "TargetHealthDescriptions"
        ]
        assert [(each["Target"]["Id"], each["Target"]["Port"]) for each in health] == [(hosts[0], 80)]


def test_leaving_targets_get_the_time_they_were_given(elb: Any, groups: dict[str, Any]) -> None:
    for group in groups.values():
        answer = elb.describe_target_group_attributes(TargetGroupArn=group["TargetGroupArn"])
        attributes = {each["Key"]: each["Value"] for each in answer["Attributes"]}
        assert attributes["deregistration_delay.timeout_seconds"] == "2"


def test_everything_is_tagged(elb: Any, balancer: Any, groups: dict[str, Any]) -> None:
    arns = [balancer["LoadBalancerArn"], *(group["TargetGroupArn"] for group in groups.values())]
    for arn in arns:
        shown = tags(elb, arn)
        assert shown["Name"].startswith(STACK)
        assert (shown["slipway_app"], shown["slipway_environment"]) == ("goals", "load-balancer")
