"""A host with a name gets a certificate by itself: from Pebble, Let's Encrypt's own test authority."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.module_utils.traefik import Certificate, Proxy
from tests.host.release_lab import TRAEFIK, Application, web
from tests.ports import free_port

IMAGE = "slipway-test/pebble"
ISSUER = b"Pebble"


@pytest.fixture
def authority(application: Application, tmp_path: Path) -> Iterator[Certificate]:
    """A running authority on the application's network, and the certificate to ask it for."""
    directory = str(Path(__file__).parent / "pebble")
    subprocess.run(["docker", "build", "-q", "-t", IMAGE, directory], check=True, capture_output=True)
    application.engine.create_network(application.name, {"slipway.app": application.name})
    name = f"{application.name}-authority"
    endpoint = {"EndpointsConfig": {application.name: {"Aliases": ["pebble"]}}}
    payload = {"Image": IMAGE, "HostConfig": {"NetworkMode": application.name}, "NetworkingConfig": endpoint}
    application.engine.create_container(name, payload)
    application.engine.start_container(name)
    ca_file = tmp_path / "ca.pem"
    subprocess.run(
        ["docker", "cp", f"{name}:/pebble/cert.pem", str(ca_file)], check=True, capture_output=True
    )
    # Docker's own DNS answers to `container.network`, which is name enough for the authority to come back by.
    domain = f"{application.name}-proxy.{application.name}"
    yield Certificate("somebody@example.com", [domain], "https://pebble:14000/dir", str(ca_file))
    application.engine.remove_container(name)


def served(port: int, domain: str) -> bytes:
    """Return the certificate that is served, whoever signed it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
        context.wrap_socket(connection, server_hostname=domain) as tls,
    ):
        return tls.getpeercert(binary_form=True) or b""


def obtained(port: int, domain: str) -> bytes:
    """Return the authority's certificate once it is served."""
    deadline = time.monotonic() + 60
    while ISSUER not in (certificate := served(port, domain)):
        assert time.monotonic() < deadline, "no certificate within a minute"
        time.sleep(0.5)
    return certificate


def test_a_certificate_is_obtained_kept_and_redirected_to(
    application: Application, authority: Certificate
) -> None:
    (domain,) = authority.domains
    proxy = Proxy(TRAEFIK, application.port, free_port(), authority)
    application.release(web(), proxy=proxy)
    assert proxy.https_port
    certificate = obtained(proxy.https_port, domain)
    assert domain.encode() in certificate

    connection = http.client.HTTPConnection("127.0.0.1", application.port, timeout=5)
    connection.request("GET", "/somewhere", headers={"Host": domain})
    response = connection.getresponse()
    assert response.status == 301
    assert response.getheader("Location") == f"https://{domain}:{proxy.https_port}/somewhere"
    connection.close()
    assert application.get("/-/health/web")["version"] == "1"

    assert not application.release(web(), proxy=proxy).changed
    other = Proxy(TRAEFIK, application.port, proxy.https_port, authority, trusted_ips=["192.0.2.1"])
    application.release(web(), proxy=other)
    assert obtained(proxy.https_port, domain) == certificate, "a new proxy asked for a new certificate"
