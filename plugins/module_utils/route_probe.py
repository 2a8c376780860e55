"""Clients that ask the routes of an application all the time, and forgive nothing.

Every client keeps one connection open and never retries. A request fails when it gets no whole answer, an
answer of 400 or above, or none in time; and when the server has closed the connection without having said
`Connection: close` before. Standard library only. Redirects are answers, not followed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from .http_answers import Question, resolvable

#: Seconds until a request has failed.
REQUEST_TIMEOUT = 10.0
SLOW_EVERY = 4
HTTP_ERROR = 400
WITHOUT_BODY = (204, 304)
BROKEN = (ConnectionError, asyncio.IncompleteReadError, OSError, ValueError)

Version = Callable[[dict[str, str], bytes], str]


@dataclass
class Result:
    """What the clients saw. Times in seconds; `longest_gap` is the longest of a route without an answer."""

    requests: int = 0
    slow_requests: int = 0
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    longest_gap: float = 0.0
    slowest: float = 0.0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**vars(self), "reasons": dict(self.reasons), "versions": dict(self.versions)}


def version_of(headers: dict[str, str], body: bytes) -> str:
    """Read the version that an answer comes from: the header X-Version, or `version` of a JSON object."""
    if "x-version" in headers:
        return headers["x-version"]
    with contextlib.suppress(ValueError):
        answer = json.loads(body)
        if isinstance(answer, dict):
            return str(answer.get("version", ""))
    return ""


class _Connection:
    """One keep-alive connection; another is opened only where the server had announced the end of it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, question: Question) -> tuple[int, dict[str, str], bytes]:
        """Make one request and return status, headers and body."""
        url = urlsplit(question.url)
        if self._streams is None:
            self._streams = await self._open(question)
        reader, writer = self._streams
        if reader.at_eof():
            raise ConnectionResetError("connection closed without notice")
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        host = question.host or url.netloc
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: slipway\r\n\r\n".encode())
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
        }
        body = b"" if status in WITHOUT_BODY else await _body(reader, headers)
        if headers.get("connection", "").lower() == "close":
            await self.close()
        return status, headers, body

    async def _open(self, question: Question) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        url = urlsplit(question.url)
        name, secure = url.hostname or "", url.scheme == "https"
        address, port = resolvable(name), url.port or (443 if secure else 80)
        if question.connect_to:
            to, _, to_port = question.connect_to.rpartition(":")
            address, port = resolvable(to), int(to_port)
        if not secure:
            return await asyncio.open_connection(address, port)
        server_name = question.host or name
        return await asyncio.open_connection(address, port, ssl=self._context, server_hostname=server_name)

    async def close(self) -> None:
        """Close it from this end."""
        if self._streams:
            self._streams[1].close()
            with contextlib.suppress(OSError):
                await self._streams[1].wait_closed()
        self._streams = None


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", ""):
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
        return body
    if "content-length" not in headers and headers.get("connection", "").lower() == "close":
        return await reader.read()
    return await reader.readexactly(int(headers["content-length"]))


class Probe:
    """Clients in a thread of their own: `with Probe(questions) as probe: ...`, then `probe.result`.

    :param slow: what every fourth request of a client asks in place of its question
    :param clients: how many there are, each with a question; by default one for each
    :param pause: seconds between an answer and the next request
    """

    def __init__(
        self,
        questions: Sequence[Question],
        *,
        slow: Sequence[Question] = (),
        clients: int = 0,
        seconds: float = 600,
        pause: float = 0.05,
        timeout: float = REQUEST_TIMEOUT,
        version: Version = version_of,
        verify_tls: bool = True,
    ) -> None:
        self.result = Result()
        self._questions = questions
        self._slow = slow
        self._clients = clients or len(questions)
        self._seconds = seconds
        self._pause = pause
        self._timeout = timeout
        self._version = version
        self._context = ssl.create_default_context()
        if not verify_tls:
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._last_answer: dict[Question, float] = {}

    def __enter__(self) -> Self:
        """Start the clients."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let every client finish its request, and wait for them."""
        self._ending.set()
        self._thread.join()

    def run(self) -> Result:
        """Run the clients until they are told to end or the time is over."""
        asyncio.run(self._run())
        return self.result

    async def _run(self) -> None:
        started = time.monotonic()
        self._last_answer = dict.fromkeys(self._questions, started)
        await asyncio.gather(
            *(self._client(number, started + self._seconds) for number in range(self._clients))
        )
        for question in self._last_answer:
            self._note_gap(question, time.monotonic())
        self.result.seconds = round(time.monotonic() - started, 2)
        self.result.longest_gap = round(self.result.longest_gap, 3)
        self.result.slowest = round(self.result.slowest, 3)

    async def _client(self, number: int, end: float) -> None:
        question = self._questions[number % len(self._questions)]
        slow = self._slow[number % len(self._slow)] if self._slow else question
        connection = _Connection(self._context)
        # Clients take their slow request in different turns, so that one is in flight at any moment.
        turn = number
        while not self._ending.is_set() and time.monotonic() < end:
            turn += 1
            is_slow = bool(self._slow) and turn % SLOW_EVERY == 0
            self.result.requests += 1
            self.result.slow_requests += is_slow
            if await self._request(connection, slow if is_slow else question):
                self._note_gap(question, time.monotonic())
            else:
                await connection.close()
            await asyncio.sleep(self._pause)
        await connection.close()

    async def _request(self, connection: _Connection, question: Question) -> bool:
        begun = time.monotonic()
        try:
            status, headers, body = await asyncio.wait_for(connection.get(question), self._timeout)
        except TimeoutError:
            return self._fail(f"no answer in {self._timeout:g} s")
        except asyncio.IncompleteReadError as error:
            return self._fail(
                "connection broken in an answer" if error.partial else "connection closed without answer"
            )
        except BROKEN as error:
            return self._fail(f"{type(error).__name__}: {error}")
        self.result.slowest = max(self.result.slowest, time.monotonic() - begun)
        if status >= HTTP_ERROR:
            return self._fail(f"HTTP {status}")
        version = self._version(headers, body)
        if version:
            self.result.versions[version] += 1
        return True

    def _note_gap(self, question: Question, now: float) -> None:
        self.result.longest_gap = max(self.result.longest_gap, now - self._last_answer[question])
        self._last_answer[question] = now

    def _fail(self, reason: str) -> bool:
        self.result.failed += 1
        self.result.reasons[reason] += 1
        return False
