"""Ask URLs over and over until each answers well, or the time is over.

Standard library only. Redirects are answers, not followed: where they lead may be outside of what is asked.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

EXCERPT = 200
ATTEMPT_SECONDS = 10.0


#: How modules take a `Question`.
QUESTION: dict[str, dict[str, Any]] = {
    "service": {"required": True},
    "url": {"required": True},
    "host": {"default": ""},
    "connect_to": {"default": ""},
}


@dataclass(frozen=True)
class Question:
    """One URL, and whose it is.

    ``host`` is sent as Host header (and TLS server name) in place of the URL's. ``connect_to`` is an address
    and port to connect to whatever the URL says, for names that do not point here yet.
    """

    service: str
    url: str
    host: str = ""
    connect_to: str = ""


@dataclass(frozen=True)
class Answer:
    """What came back at last: a status, or a problem in words."""

    status: int | None = None
    problem: str = ""
    excerpt: str = ""

    @property
    def good(self) -> bool:
        """Whether it is 2xx or 3xx."""
        return self.status is not None and 200 <= self.status < 400

    def __str__(self) -> str:
        """In words."""
        if self.status is None:
            return self.problem
        reason = http.client.responses.get(self.status, "")
        said = f", saying {self.excerpt!r}" if self.excerpt and not self.good else ""
        return f"{self.status} {reason}".strip() + said


@dataclass(frozen=True)
class Outcome:
    """The last answer to a question, after how many attempts and seconds."""

    question: Question
    answer: Answer
    attempts: int
    seconds: float


def resolvable(host: str) -> str:
    """The name to look up. Names under localhost are this machine (RFC 6761); resolvers may not know."""
    return "127.0.0.1" if host == "localhost" or host.endswith(".localhost") else host


def ask(question: Question, timeout: float, context: ssl.SSLContext) -> Answer:
    """Ask once."""
    url = urlsplit(question.url)
    name = url.hostname or ""
    port = url.port or (443 if url.scheme == "https" else 80)
    address = (resolvable(name), port)
    if question.connect_to:
        to, _, to_port = question.connect_to.rpartition(":")
        address = (resolvable(to), int(to_port))
    connection = http.client.HTTPConnection(name, port, timeout=timeout)
    try:
        connection.sock = socket.create_connection(address, timeout)
        if url.scheme == "https":
            connection.sock = context.wrap_socket(connection.sock, server_hostname=question.host or name)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request(
            "GET", path, headers={"Host": question.host or url.netloc, "User-Agent": "slipway"}
        )
        response = connection.getresponse()
        body = response.read(EXCERPT).decode("utf-8", "replace")
        return Answer(status=response.status, excerpt=" ".join(body.split()))
    except socket.gaierror as error:
        return Answer(problem=f"{address[0]} has no address ({error.strerror})")
    except ssl.SSLError as error:
        return Answer(problem=f"no TLS ({error.reason or error})")
    except (OSError, http.client.HTTPException) as error:
        return Answer(problem=f"no answer from {address[0]}:{address[1]} ({error or type(error).__name__})")
    finally:
        connection.close()


def ask_until_good(
    question: Question,
    timeout: float,
    interval: float,
    once: Callable[[Question, float], Answer],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Ask again until the answer is good; at least once."""
    start = clock()
    attempts = 0
    while True:
        attempts += 1
        left = timeout - (clock() - start)
        answer = once(question, max(1.0, min(left, ATTEMPT_SECONDS)))
        passed = clock() - start
        if answer.good or passed + interval > timeout:
            return Outcome(question, answer, attempts, round(passed, 1))
        sleep(interval)


def ask_all(
    questions: Sequence[Question], timeout: float, interval: float, verify_tls: bool
) -> list[Outcome]:
    """Ask all at the same time."""
    context = ssl.create_default_context()
    if not verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE

    def until_good(question: Question) -> Outcome:
        return ask_until_good(question, timeout, interval, lambda q, seconds: ask(q, seconds, context))

    with ThreadPoolExecutor(max_workers=max(1, len(questions))) as pool:
        return list(pool.map(until_good, questions))


def look_at(answer: Answer) -> str:
    """Where to look, from what came back."""
    if answer.status is None:
        return (
            "whether the name points there, whether the security groups let port 80 or 443 in, and whether "
            "the proxy runs (docker ps on the hosts)"
        )
    hints = {
        404: "route.paths and route.verify: nothing is routed there, or the service has no such page",
        502: "whether the proxy runs (docker ps on the hosts); the service's log: it may close connections",
        503: "the service's health: there is no healthy target or container to send the request to",
        504: "the service's log: it takes longer than the load balancer waits",
    }
    return hints.get(
        answer.status, "the service's log: this is its own answer, or its route.verify is not a page"
    )


def report(outcomes: Sequence[Outcome]) -> str:
    """Everything that does not answer, at once."""
    bad = [outcome for outcome in outcomes if not outcome.answer.good]
    lines = [
        f"{number}. service {outcome.question.service}: {outcome.question.url}"
        + (f" (Host: {outcome.question.host})" if outcome.question.host else "")
        + f"\n   found:    {outcome.answer} (after {outcome.attempts} attempts in {outcome.seconds:g} s)"
        + "\n   expected: a status of 200 to 399"
        + f"\n   look at:  {look_at(outcome.answer)}"
        for number, outcome in enumerate(bad, start=1)
    ]
    return f"{len(bad)} of {len(outcomes)} routes do not answer:\n" + "\n".join(lines)
