"""A certificate that ACM issues, proved by a record in Route 53: asked for, proved, waited for, removed.

community.aws.acm_certificate imports certificates, and asks for none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .route53 import DnsError, Record, Route53, Zone, normal

NOT_MADE = "(to be made)"
ALIVE = ["ISSUED", "PENDING_VALIDATION"]


class CertificateError(Exception):
    """A certificate that cannot be had, worded for the operator."""


@dataclass(frozen=True)
class Wanted:
    """A certificate for one domain, in the zone named or in the one found."""

    domain: str
    zone: str
    tags: Mapping[str, str]
    # Those tags that tell our certificates from others.
    owners: tuple[str, ...] = ("slipway_app", "slipway_environment")


class Certificates:
    """The certificates of one account and region."""

    def __init__(self, acm: Any, *, timeout: float, sleep: Callable[[float], None] = time.sleep) -> None:
        self._acm = acm
        self._timeout = timeout
        self._sleep = sleep

    def find(self, wanted: Wanted) -> dict[str, Any] | None:
        """Find our certificate for the domain; one that is issued before one that is not."""
        found = [{**self.describe(arn), "Tags": self._tags(arn)} for arn in self.of_domain(wanted.domain)]
        ours = [
            each
            for each in found
            if each["Type"] == "AMAZON_ISSUED"
            and all(each["Tags"].get(key) == wanted.tags[key] for key in wanted.owners)
        ]
        return min(ours, key=lambda each: ALIVE.index(each["Status"]), default=None)

    def of_domain(self, domain: str) -> list[str]:
        """Find the ARNs of all certificates for a domain, whoever asked for them."""
        pages = self._acm.get_paginator("list_certificates").paginate(CertificateStatuses=ALIVE)
        summaries = [each for page in pages for each in page["CertificateSummaryList"]]
        return [each["CertificateArn"] for each in summaries if each["DomainName"] == domain]

    def describe(self, arn: str) -> dict[str, Any]:
        """Describe a certificate."""
        found: dict[str, Any] = self._acm.describe_certificate(CertificateArn=arn)["Certificate"]
        return found

    def request(self, wanted: Wanted) -> str:
        """Ask for a certificate; its ARN."""
        arn: str = self._acm.request_certificate(
            DomainName=wanted.domain,
            ValidationMethod="DNS",
            Tags=[{"Key": key, "Value": value} for key, value in sorted(wanted.tags.items())],
        )["CertificateArn"]
        return arn

    def await_proof(self, arn: str) -> Record:
        """Wait until ACM says which record proves the domain."""
        self._wait(f"ACM to say which record proves {arn}", lambda: proof(self.describe(arn)) is not None)
        record = proof(self.describe(arn))
        assert record is not None
        return record

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        """Add tags."""
        self._acm.add_tags_to_certificate(
            CertificateArn=arn, Tags=[{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        )

    def await_issued(self, arn: str, record: Record, zone: Zone) -> None:
        """Wait until ACM has seen the record and issued the certificate."""
        words = f"{record['Name']} {record['Type']} {record['ResourceRecords'][0]['Value']}"

        def issued() -> bool:
            found = self.describe(arn)
            if found["Status"] not in ALIVE:
                raise CertificateError(
                    f"ACM issued no certificate for {found['DomainName']}: {found['Status']}, "
                    f"{found.get('FailureReason', 'without a reason')}. The record {words} is in "
                    f"{zone.name}. Mend what ACM names (CAA_ERROR: a CAA record forbids Amazon), delete "
                    f"{arn}, and run again"
                )
            return bool(found["Status"] == "ISSUED")

        self._wait(
            f"ACM to see {words}, which is in the hosted zone {zone.name} ({zone.id})",
            issued,
            f"find out whether the name servers at the registrar of {zone.name} are that zone's (dig NS "
            f"{zone.name}), and run again",
        )

    def delete(self, arn: str) -> None:
        """Delete a certificate as soon as no load balancer uses it."""

        def deleted() -> bool:
            try:
                self._acm.delete_certificate(CertificateArn=arn)
            except self._acm.exceptions.ResourceInUseException:
                return False
            return True

        self._wait(f"{arn} to be used by nothing", deleted)

    def _wait(
        self, what: str, condition: Callable[[], bool], advice: str = "run again to go on waiting"
    ) -> None:
        deadline = time.monotonic() + self._timeout
        while not condition():
            if time.monotonic() > deadline:
                raise CertificateError(f"waited {self._timeout:.0f} s for {what}: {advice}")
            self._sleep(5)

    def _tags(self, arn: str) -> dict[str, str]:
        listed = self._acm.list_tags_for_certificate(CertificateArn=arn).get("Tags", [])
        return {tag["Key"]: tag.get("Value", "") for tag in listed}


def proof(certificate: Mapping[str, Any]) -> Record | None:
    """Give the record that proves the domain; None as long as ACM has not said which."""
    for option in certificate.get("DomainValidationOptions", []):
        if "ResourceRecord" in option:
            asked = option["ResourceRecord"]
            values = [{"Value": asked["Value"]}]
            return {"Name": asked["Name"], "Type": asked["Type"], "TTL": 300, "ResourceRecords": values}
    return None


def converge(certificates: Certificates, dns: Route53, wanted: Wanted, *, check_mode: bool) -> dict[str, Any]:
    """Have a certificate issued and its record there; give changed, its ARN and the diff.

    Raises:
        CertificateError, DnsError: it cannot be had, and what to do.
    """
    zone = dns.zone_of(wanted.domain, wanted.zone)
    found = certificates.find(wanted)
    record = proof(found) if found else None
    there = dns.record(zone, record["Name"], record["Type"]) if record else None
    tags = {**(found or {}).get("Tags", {}), **wanted.tags}
    before = {
        "status": found["Status"] if found else "",
        "record": normal(there),
        "tags": found["Tags"] if found else {},
    }
    after = {"status": "ISSUED", "record": normal(record) if record else "as ACM will say", "tags": tags}
    arn = found["CertificateArn"] if found else NOT_MADE
    if after != before and not check_mode:
        arn = _made(certificates, dns, zone, found, wanted)
    return {"changed": after != before, "diff": {"before": before, "after": after}, "arn": arn}


def remove(certificates: Certificates, dns: Route53, wanted: Wanted, *, check_mode: bool) -> dict[str, Any]:
    """Remove our certificate and the record that proves its domain."""
    found = certificates.find(wanted)
    # Every certificate of a domain and account is proved, and renewed, by the same record.
    shared = len(certificates.of_domain(wanted.domain)) > 1
    if found and not check_mode:
        certificates.delete(found["CertificateArn"])
        record = proof(found)
        if record and not shared:
            _forget(dns, wanted, record)
    before = {"status": found["Status"], "tags": found["Tags"]} if found else {}
    return {"changed": found is not None, "diff": {"before": before, "after": {}}}


def _forget(dns: Route53, wanted: Wanted, record: Record) -> None:
    """Delete the record, if its zone is still there."""
    try:
        zone = dns.zone_of(wanted.domain, wanted.zone)
    except DnsError:
        return
    there = dns.record(zone, record["Name"], record["Type"])
    if there and normal(there) == normal(record):
        dns.delete(zone, there)


def _made(
    certificates: Certificates, dns: Route53, zone: Zone, found: Mapping[str, Any] | None, wanted: Wanted
) -> str:
    arn: str = found["CertificateArn"] if found else certificates.request(wanted)
    if found and found["Tags"] != {**found["Tags"], **wanted.tags}:
        certificates.tag(arn, wanted.tags)
    record = certificates.await_proof(arn)
    if normal(dns.record(zone, record["Name"], record["Type"])) != normal(record):
        dns.put(zone, record)
    certificates.await_issued(arn, record, zone)
    return arn
