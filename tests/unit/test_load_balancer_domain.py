"""A domain's certificate and its record: made once, mended, waited for, removed; others left alone."""

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from plugins.module_utils import acm_certificates, load_balancer_alias
from plugins.module_utils.acm_certificates import CertificateError, Certificates, Wanted
from plugins.module_utils.route53 import DnsError, Route53, Zone, zone_of
from plugins.modules import acm_certificate_request
from plugins.modules import load_balancer_alias as alias_module
from tests.unit.aws_doubles import Double, refused, run

DOMAIN = "goals.example.org"
TAGS = {"slipway_app": "goals", "slipway_environment": "prod"}
WANTED = Wanted(DOMAIN, "", TAGS)
PROOF = {"Name": f"_x.{DOMAIN}.", "Type": "CNAME", "Value": "_y.acm-validations.aws."}
BALANCER = {
    "CanonicalHostedZoneId": "Z215JYRZR1TBD5",
    "DNSName": "goals-prod-123.eu-central-1.elb.amazonaws.com",
    "LoadBalancerName": "goals-prod",
}


class Dns(Double):
    """Two zones, and records that take a moment to be everywhere."""

    service = "route53"

    def __init__(self, *records: dict[str, Any]) -> None:
        super().__init__()
        self.records = list(records)

    def do_list_hosted_zones(self) -> Any:
        names = {"Z1": "example.org.", "Z2": "org."}
        return {
            "HostedZones": [
                {"Id": f"/hostedzone/{identity}", "Name": name, "Config": {"PrivateZone": False}}
                for identity, name in names.items()
            ]
            + [{"Id": "/hostedzone/Z3", "Name": f"{DOMAIN}.", "Config": {"PrivateZone": True}}]
        }

    def do_list_resource_record_sets(self, StartRecordName: str, **_params: Any) -> Any:
        later = [each for each in self.records if each["Name"].rstrip(".") >= StartRecordName.rstrip(".")]
        return {"ResourceRecordSets": sorted(later, key=lambda each: str(each["Name"]))[:1]}

    def do_change_resource_record_sets(self, HostedZoneId: str, ChangeBatch: Any) -> Any:
        assert HostedZoneId == "Z1"
        for change in ChangeBatch["Changes"]:
            record = change["ResourceRecordSet"]
            if change["Action"] == "DELETE":
                self.records.remove(record)
            else:
                name = record["Name"].rstrip(".") + "."
                self.records = [each for each in self.records if each["Name"] != name]
                self.records.append({**record, "Name": name})
        return {"ChangeInfo": {"Id": "C1", "Status": "PENDING"}}

    def do_get_change(self, Id: str) -> Any:
        return {"ChangeInfo": {"Id": Id, "Status": "INSYNC"}}


class Acm(Double):
    """Certificates that are issued once their record is there, and say late which record that is."""

    service = "acm"

    def __init__(self, dns: Dns) -> None:
        super().__init__()
        self.exceptions = SimpleNamespace(ResourceInUseException=ClientError)
        self.dns = dns
        self.numbers = itertools.count(1)
        self.certificates: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.late: set[str] = set()
        self.users = 0
        self.status = ""

    def add(self, domain: str = DOMAIN, tags: dict[str, str] | None = None) -> str:
        arn = f"arn:aws:acm:eu-central-1:123456789012:certificate/{next(self.numbers)}"
        self.certificates[arn] = {"CertificateArn": arn, "DomainName": domain, "Type": "AMAZON_ISSUED"}
        self.tags[arn] = dict(TAGS if tags is None else tags)
        return arn

    def shown(self, arn: str) -> dict[str, Any]:
        proved = any(each["Name"] == PROOF["Name"] for each in self.dns.records)
        status = self.status or ("ISSUED" if proved else "PENDING_VALIDATION")
        return {**self.certificates[arn], "Status": status}

    def do_list_certificates(self, **_params: Any) -> Any:
        return {"CertificateSummaryList": [self.shown(arn) for arn in self.certificates]}

    def do_describe_certificate(self, CertificateArn: str) -> Any:
        option = {"DomainName": DOMAIN}
        if CertificateArn in self.late:
            self.late.remove(CertificateArn)
        else:
            option["ResourceRecord"] = PROOF  # type: ignore[assignment]
        return {"Certificate": {**self.shown(CertificateArn), "DomainValidationOptions": [option]}}

    def do_list_tags_for_certificate(self, CertificateArn: str) -> Any:
        return {"Tags": [{"Key": key, "Value": value} for key, value in self.tags[CertificateArn].items()]}

    def do_request_certificate(self, DomainName: str, Tags: Any, **_params: Any) -> Any:
        arn = self.add(DomainName, {tag["Key"]: tag["Value"] for tag in Tags})
        self.late.add(arn)
        return {"CertificateArn": arn}

    def do_add_tags_to_certificate(self, CertificateArn: str, Tags: Any) -> None:
        self.tags[CertificateArn].update({tag["Key"]: tag["Value"] for tag in Tags})

    def do_delete_certificate(self, CertificateArn: str) -> None:
        if self.users:
            self.users -= 1
            raise refused("ResourceInUseException", "DeleteCertificate")
        del self.certificates[CertificateArn]


class World:
    """Both, and what the modules' code does with them."""

    def __init__(self, *records: dict[str, Any]) -> None:
        self.dns = Dns(*records)
        self.acm = Acm(self.dns)
        self.waited: list[float] = []

    def route53(self) -> Route53:
        return Route53(self.dns, timeout=60, sleep=self.waited.append)

    def certificate(
        self, act: Callable[..., Any] = acm_certificates.converge, *, timeout: float = 60, **other: Any
    ) -> Any:
        certificates = Certificates(self.acm, timeout=timeout, sleep=self.waited.append)
        options = {"check_mode": False, **other}
        return act(certificates, self.route53(), options.pop("wanted", WANTED), **options)

    def alias(self, balancer: Any = BALANCER, **other: Any) -> Any:
        options = {"name": "goals-prod", "overwrite": False, "check_mode": False, **other}
        return load_balancer_alias.converge(self.route53(), DOMAIN, "", balancer, **options)

    def writes(self) -> list[str]:
        return [name for name, _params in [*self.dns.writes(), *self.acm.writes()]]


def test_a_certificate_is_asked_for_proved_and_waited_for() -> None:
    world = World()
    made = world.certificate()
    assert made["arn"] in world.acm.certificates
    assert world.acm.shown(made["arn"])["Status"] == "ISSUED"
    assert world.waited
    world.acm.calls.clear()
    world.dns.calls.clear()
    again = world.certificate()
    assert (again["changed"], again["arn"], world.writes()) == (False, made["arn"], [])
    assert again["diff"]["before"] == again["diff"]["after"]


def test_check_mode_asks_for_nothing() -> None:
    world = World()
    told = world.certificate(check_mode=True)
    assert (told["changed"], told["arn"], world.writes()) == (True, "(to be made)", [])


def test_a_record_that_is_gone_comes_back_because_renewal_needs_it() -> None:
    world = World()
    world.certificate()
    world.dns.records.clear()
    assert world.certificate()["changed"]
    assert [each["Name"] for each in world.dns.records] == [PROOF["Name"]]
    assert len(world.acm.certificates) == 1


def test_tags_are_added_and_others_stay() -> None:
    world = World()
    arn = world.certificate()["arn"]
    world.acm.tags[arn]["team"] = "blue"
    tagged = Wanted(DOMAIN, "", {**TAGS, "cost": "7"})
    assert world.certificate(wanted=tagged)["changed"]
    assert world.acm.tags[arn] == {**TAGS, "cost": "7", "team": "blue"}
    assert not world.certificate(wanted=tagged)["changed"]


def test_certificates_of_others_are_not_ours() -> None:
    world = World()
    theirs = world.acm.add(tags={"slipway_app": "goals", "slipway_environment": "test"})
    assert world.certificate()["arn"] != theirs
    assert world.certificate(acm_certificates.remove)["changed"]
    assert list(world.acm.certificates) == [theirs]
    # Theirs is renewed by it too.
    assert [each["Name"] for each in world.dns.records] == [PROOF["Name"]]


def test_removing_waits_until_nothing_uses_it_and_takes_the_record_along() -> None:
    world = World()
    world.certificate()
    world.acm.users = 2
    assert world.certificate(acm_certificates.remove)["changed"]
    assert (world.acm.certificates, world.dns.records) == ({}, [])
    assert not world.certificate(acm_certificates.remove)["changed"]


def test_a_certificate_that_is_not_issued_names_its_record_and_what_to_do() -> None:
    world = World()
    world.acm.status = "PENDING_VALIDATION"
    with pytest.raises(CertificateError) as told:
        world.certificate(
            timeout=-1, wanted=Wanted(world.acm.certificates[world.acm.add()]["DomainName"], "", TAGS)
        )
    for words in (PROOF["Name"], PROOF["Value"], "dig NS example.org", "Z1"):
        assert words in str(told.value)


def test_a_refusal_of_acm_is_told_at_once() -> None:
    world = World()
    world.acm.add()

    def fail_soon(_seconds: float) -> None:
        world.acm.status = "FAILED"

    world.acm.status = "PENDING_VALIDATION"
    certificates = Certificates(world.acm, timeout=60, sleep=fail_soon)
    with pytest.raises(CertificateError, match=r"FAILED.*CAA"):
        acm_certificates.converge(certificates, world.route53(), WANTED, check_mode=False)


@pytest.mark.parametrize(
    ("domain", "named", "found"),
    [
        ("goals.example.org", "", "Z1"),
        ("example.org", "", "Z1"),
        ("goals.example.org", "org.", "Z2"),
        ("goodexample.org", "", "Z2"),
    ],
)
def test_the_zone_with_the_longest_name_or_the_one_named(domain: str, named: str, found: str) -> None:
    assert zone_of(domain, [Zone("Z2", "org"), Zone("Z1", "example.org")], named).id == found


@pytest.mark.parametrize(
    ("zones", "named", "said"),
    [
        ([], "", "no zones at all"),
        ([Zone("Z1", "example.com")], "", r"none, of example\.com"),
        ([Zone("Z1", "example.org")], "goals.example.org", "zone goals.example.org, and Route 53 has none"),
        ([Zone("Z1", "example.org"), Zone("Z2", "example.org")], "", "2 of the name example.org"),
    ],
)
def test_a_zone_that_is_missing_or_ambiguous_is_named(zones: list[Zone], named: str, said: str) -> None:
    with pytest.raises(DnsError, match=said):
        zone_of(DOMAIN, zones, named)


def test_the_domain_leads_to_the_load_balancer() -> None:
    world = World()
    assert world.alias()["changed"]
    (record,) = world.dns.records
    assert record["AliasTarget"]["DNSName"] == BALANCER["DNSName"]
    assert not world.alias()["changed"]


def test_route_53_s_spelling_is_no_change() -> None:
    spelt = {
        "Name": f"{DOMAIN}.",
        "Type": "A",
        "AliasTarget": {
            "HostedZoneId": BALANCER["CanonicalHostedZoneId"],
            "DNSName": f"{BALANCER['DNSName']}.",
            "EvaluateTargetHealth": False,
        },
    }
    assert not World(spelt).alias()["changed"]


def test_a_new_load_balancer_of_the_name_takes_the_record_over() -> None:
    world = World()
    world.alias({**BALANCER, "DNSName": "goals-prod-99.eu-central-1.elb.amazonaws.com"})
    assert world.alias()["changed"]
    assert world.dns.records[0]["AliasTarget"]["DNSName"] == BALANCER["DNSName"]


ELSEWHERE: list[dict[str, Any]] = [
    {"Name": f"{DOMAIN}.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "203.0.113.7"}]},
    {
        "Name": f"{DOMAIN}.",
        "Type": "A",
        "AliasTarget": {
            "HostedZoneId": "Z2",
            "DNSName": "goals-prod-two-1.eu-central-1.elb.amazonaws.com.",
            "EvaluateTargetHealth": True,
        },
    },
]


@pytest.mark.parametrize("record", ELSEWHERE)
def test_a_record_that_leads_elsewhere_stays_unless_told(record: dict[str, Any]) -> None:
    world = World(record)
    with pytest.raises(DnsError, match="leads elsewhere"):
        world.alias(check_mode=True)
    with pytest.raises(DnsError, match="leads elsewhere"):
        world.alias()
    removed = load_balancer_alias.remove(world.route53(), DOMAIN, "", name="goals-prod", check_mode=False)
    assert (removed["changed"], world.dns.records) == (False, [record])
    assert world.alias(overwrite=True)["changed"]
    removed = load_balancer_alias.remove(world.route53(), DOMAIN, "", name="goals-prod", check_mode=False)
    assert (removed["changed"], world.dns.records) == (True, [])


def test_a_zone_that_is_gone_took_the_record_along() -> None:
    dns = World().route53()
    removed = load_balancer_alias.remove(dns, "goals.example.com", "", name="goals-prod", check_mode=False)
    assert not removed["changed"]


def test_check_mode_before_there_is_a_load_balancer() -> None:
    world = World()
    assert world.alias(None, check_mode=True)["diff"]["after"]["AliasTarget"] == "load balancer goals-prod"
    assert world.writes() == []


class Balancers(Double):
    service = "elbv2"

    def do_describe_load_balancers(self) -> Any:
        return {"LoadBalancers": [BALANCER]}


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    found = {"route53": world.dns, "acm": world.acm, "elbv2": Balancers()}
    for module in (acm_certificate_request, alias_module):
        monkeypatch.setattr(module.AnsibleAWSModule, "client", lambda _self, name: found[name])
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    return world


def test_the_whole_modules(clients: World, capsys: pytest.CaptureFixture[str]) -> None:
    asked: dict[str, Any] = {"domain": "Goals.example.org", "resource_tags": TAGS}
    led: dict[str, Any] = {"domain": DOMAIN, "load_balancer": "goals-prod"}
    for module, params in ((acm_certificate_request, asked), (alias_module, led)):
        assert run(module, capsys, check_mode=True, **params)["changed"]
        assert run(module, capsys, **params)["changed"]
        assert not run(module, capsys, **params)["changed"]
    for module, params in ((alias_module, led), (acm_certificate_request, asked)):
        assert run(module, capsys, state="absent", **params)["changed"]
        assert not run(module, capsys, state="absent", **params)["changed"]
    assert clients.dns.records == []
    assert "none" in run(alias_module, capsys, **{**led, "domain": "goals.example.com"})["msg"]
