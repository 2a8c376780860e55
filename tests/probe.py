"""A load probe that forgives nothing: keep-alive clients that never retry, a quarter of their requests slow.

    python -m tests.probe --seconds 30 --slow http://host/slow http://host/

Every client keeps one connection open. A request fails when it gets no whole answer, an answer of 400 or
above, or none in time; and when the server has closed the connection without having said
`Connection: close` before. The exit code is 1 when any request failed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

CLIENTS = 8
SLOW_EVERY = 4
HTTP_ERROR = 400
BROKEN = (ConnectionError, asyncio.IncompleteReadError, OSError, ValueError)

Version = Callable[[dict[str, str], bytes], str]


@dataclass
class Result:
    """What the clients saw. Times in seconds; `longest_gap` is the longest time without any answer."""

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

    def __init__(self, url: SplitResult) -> None:
        self._url = url
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, url: SplitResult) -> tuple[int, dict[str, str], bytes]:
        """Make one request and return status, headers and body."""
        if self._streams is None:
            host = self._url.hostname or ""
            # RFC 6761: such names are this machine, whether or not the resolver knows.
            address = "127.0.0.1" if host.endswith(".localhost") else host
            self._streams = await asyncio.open_connection(address, self._url.port or 80)
        reader, writer = self._streams
        if reader.at_eof():
            raise ConnectionResetError("connection closed without notice")
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
        }
        body = await _body(reader, headers)
        if headers.get("connection", "").lower() == "close":
            await self.close()
        return status, headers, body

    async def close(self) -> None:
        """Close it from this end."""
        if self._streams:
            self._streams[1].close()
            with contextlib.suppress(OSError):
                await self._streams[1].wait_closed()
        self._streams = None


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "chunked" not in headers.get("transfer-encoding", ""):
        return await reader.readexactly(int(headers["content-length"]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return body


class Probe:
    """Clients in a thread of their own: `with Probe([url]) as probe: ...`, then `probe.result`."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        slow: Sequence[str] = (),
        clients: int = CLIENTS,
        seconds: float = 600,
        pause: float = 0.01,
        timeout: float = 10,
        version: Version = version_of,
    ) -> None:
        self.result = Result()
        self._urls = [urlsplit(url) for url in urls]
        self._slow = [urlsplit(url) for url in slow]
        self._clients = clients
        self._seconds = seconds
        self._pause = pause
        self._timeout = timeout
        self._version = version
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._last_answer = 0.0

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
        started = self._last_answer = time.monotonic()
        await asyncio.gather(
            *(self._client(number, started + self._seconds) for number in range(self._clients))
        )
        self._note_gap(time.monotonic())
        self.result.seconds = round(time.monotonic() - started, 2)
        self.result.longest_gap = round(self.result.longest_gap, 3)
        self.result.slowest = round(self.result.slowest, 3)

    async def _client(self, number: int, end: float) -> None:
        url = self._urls[number % len(self._urls)]
        slow = self._slow[number % len(self._slow)] if self._slow else url
        connection = _Connection(url)
        # Clients take their slow request in different turns, so that one is in flight at any moment.
        turn = number
        while not self._ending.is_set() and time.monotonic() < end:
            turn += 1
            is_slow = bool(self._slow) and turn % SLOW_EVERY == 0
            self.result.requests += 1
            self.result.slow_requests += is_slow
            if not await self._request(connection, slow if is_slow else url):
                await connection.close()
            await asyncio.sleep(self._pause)
        await connection.close()

    async def _request(self, connection: _Connection, url: SplitResult) -> bool:
        begun = time.monotonic()
        try:
            status, headers, body = await asyncio.wait_for(connection.get(url), self._timeout)
        except TimeoutError:
            return self._fail(f"no answer in {self._timeout:g} s")
        except asyncio.IncompleteReadError as error:
            return self._fail(
                "connection broken in an answer" if error.partial else "connection closed without answer"
            )
        except BROKEN as error:
            return self._fail(f"{type(error).__name__}: {error}")
        now = time.monotonic()
        self._note_gap(now)
        self.result.slowest = max(self.result.slowest, now - begun)
        if status >= HTTP_ERROR:
            return self._fail(f"HTTP {status}")
        self.result.versions[self._version(headers, body)] += 1
        return True

    def _note_gap(self, now: float) -> None:
        self.result.longest_gap = max(self.result.longest_gap, now - self._last_answer)
        self._last_answer = now

    def _fail(self, reason: str) -> bool:
        self.result.failed += 1
        self.result.reasons[reason] += 1
        return False


def main() -> int:
    """Run the probe from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("urls", nargs="+", metavar="URL", help="asked by the clients in turn")
    parser.add_argument("--slow", action="append", default=[], metavar="URL", help="every fourth request")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    result = Probe(options.urls, slow=options.slow, clients=options.clients, seconds=options.seconds).run()
    print(json.dumps(result.as_dict(), indent=2))
    return 1 if result.failed or not result.requests else 0


if __name__ == "__main__":
    sys.exit(main())
