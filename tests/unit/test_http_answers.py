"""Questions asked of a server on this machine, until its answers are good."""

import datetime
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from plugins.module_utils.http_answers import (
    Answer,
    Outcome,
    Question,
    ask,
    ask_all,
    ask_until_good,
    look_at,
    report,
    resolvable,
)


class Server(ThreadingHTTPServer):
    """Answers by the path: /200, /302, /503; /late is 503 twice and then 200; /host is the Host header."""

    asked = 0
    hosts: list[str]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.split("?")[0].strip("/")
        self.server.hosts.append(self.headers["Host"])
        if name == "late":
            self.server.asked += 1
            name = "200" if self.server.asked > 2 else "503"
        self.send_response(int(name))
        self.send_header("Location", "http://nowhere.invalid/")
        self.end_headers()
        self.wfile.write(b"  some\n words " + b"x" * 1000)

    def log_message(self, *_arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server(("127.0.0.1", 0), Handler)
    served.hosts = []
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server_close()


def once(question: Question) -> Answer:
    return ask(question, 5, ssl.create_default_context())


class TestAsk:
    @pytest.mark.parametrize(("path", "good"), [("200", True), ("302", True), ("404", False), ("503", False)])
    def test_gives_the_status_and_follows_nothing(self, server: Server, path: str, good: bool) -> None:
        answer = once(Question("web", f"http://127.0.0.1:{server.server_port}/{path}"))
        assert (answer.status, answer.good) == (int(path), good)

    def test_gives_the_beginning_of_what_was_said(self, server: Server) -> None:
        answer = once(Question("web", f"http://127.0.0.1:{server.server_port}/503"))
        assert str(answer).startswith("503 Service Unavailable, saying 'some words xxx")
        assert len(answer.excerpt) <= 200

    def test_sends_the_url_s_host_or_the_one_given(self, server: Server) -> None:
        url = f"http://goals.localhost:{server.server_port}/200?x=1"
        assert once(Question("web", url)).good
        assert once(Question("web", url, host="api.example.com")).good
        assert server.hosts == [f"goals.localhost:{server.server_port}", "api.example.com"]

    def test_connects_elsewhere_if_told(self, server: Server) -> None:
        to = f"127.0.0.1:{server.server_port}"
        assert once(Question("web", "http://goals.example.com/200", connect_to=to)).good
        assert server.hosts == ["goals.example.com"]

    def test_says_that_a_name_has_no_address(self) -> None:
        answer = once(Question("web", "http://nowhere.invalid/"))
        assert answer.problem.startswith("nowhere.invalid has no address")

    def test_says_that_nobody_listens(self, unused_port: int) -> None:
        answer = once(Question("web", f"http://127.0.0.1:{unused_port}/"))
        assert answer.problem.startswith(f"no answer from 127.0.0.1:{unused_port}")

    def test_says_that_there_is_no_tls(self, server: Server) -> None:
        answer = once(Question("web", f"https://127.0.0.1:{server.server_port}/200"))
        assert answer.problem.startswith("no TLS")


@pytest.fixture
def unused_port() -> int:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as passing:
        return passing.server_port


class TestAskUntilGood:
    def test_asks_again_until_the_answer_is_good(self, server: Server) -> None:
        url = f"http://127.0.0.1:{server.server_port}/late"
        (outcome,) = ask_all([Question("web", url)], timeout=5, interval=0.01, verify_tls=True)
        assert (outcome.answer.status, outcome.attempts) == (200, 3)

    def test_stops_when_the_time_is_over(self) -> None:
        now = iter([0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0])
        outcome = ask_until_good(
            Question("web", "http://x/"),
            2.5,
            1,
            lambda _question, _seconds: Answer(status=503),
            sleep=lambda _seconds: None,
            clock=lambda: next(now),
        )
        assert outcome.attempts == 2

    def test_asks_at_least_once(self) -> None:
        outcome = ask_until_good(
            Question("web", "http://x/"), 0, 1, lambda _question, _seconds: Answer(status=200)
        )
        assert outcome.answer.good

    def test_asks_all_at_the_same_time_and_reports_all_that_fail(self, server: Server) -> None:
        base = f"http://127.0.0.1:{server.server_port}"
        questions = [Question(name, f"{base}/{name}") for name in ("503", "200", "404")]
        outcomes = ask_all(questions, timeout=1, interval=0.3, verify_tls=True)
        text = report(outcomes)
        assert text.startswith("2 of 3 routes do not answer:\n1. service 503: ")
        assert f"2. service 404: {base}/404" in text
        assert "expected: a status of 200 to 399" in text


def test_names_under_localhost_are_this_machine() -> None:
    assert [resolvable(name) for name in ("localhost", "goals.alb.localhost", "localhost.example")] == [
        "127.0.0.1",
        "127.0.0.1",
        "localhost.example",
    ]


@pytest.mark.parametrize("status", [None, 404, 418, 502, 503, 504])
def test_every_failure_says_where_to_look(status: int | None) -> None:
    assert len(look_at(Answer(status=status))) > 30


def test_report_names_the_host_header() -> None:
    outcome = Outcome(Question("api", "http://x/", host="api.example.com"), Answer(status=503), 3, 2.0)
    assert "http://x/ (Host: api.example.com)" in report([outcome])


@pytest.fixture
def tls_server(server: Server, tmp_path: Path) -> Server:
    """The same with a certificate that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "goals.localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


@pytest.mark.parametrize(
    ("verify", "answer"), [(True, "no TLS (CERTIFICATE_VERIFY_FAILED)"), (False, "200 OK")]
)
def test_certificates_are_trusted_only_without_verification(
    tls_server: Server, verify: bool, answer: str
) -> None:
    url = f"https://goals.localhost:{tls_server.server_port}/200"
    (outcome,) = ask_all([Question("web", url)], timeout=0, interval=1, verify_tls=verify)
    assert str(outcome.answer) == answer
