"""The Atlas Administration API, version 2: authentication, versions of resources, pages, errors, patience.

https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, Union
from urllib.error import HTTPError
from urllib.parse import quote, urlencode

from ansible.module_utils.urls import Request, make_context

URL = "https://cloud.mongodb.com"
# Each resource has versions of its own: here are the newest, by the methods that we call, of those that have
# another than their first.
VERSIONS: Mapping[str, Mapping[str, str]] = {
    "clusters": {"GET": "2024-08-05", "POST": "2024-10-23", "PATCH": "2024-10-23", "DELETE": "2023-02-01"},
    "flexClusters": dict.fromkeys(("GET", "POST", "PATCH", "DELETE"), "2024-11-13"),
}
FIRST_VERSION = "2023-01-01"
ITEMS_PER_PAGE = 500

TIMEOUT_SECONDS = 30
ATTEMPTS = 6
LONGEST_PAUSE_SECONDS = 120
TOO_MANY_REQUESTS = 429
# Answers after which a request that only reads is sent again.
PASSING = {500, 502, 503, 504}
# A token is renewed so many seconds before it ends.
EARLY_SECONDS = 60

_REMEDIES = {
    401: "check the service account's id and secret, or the API key's public and private key",
    402: "add a payment method to the organization",
    403: "give the service account or API key the role Project Owner (for a new project, Organization "
    "Project Creator), and see that its API access list has this machine's address",
}


@dataclass(frozen=True)
class ServiceAccount:
    """An OAuth 2.0 service account."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class ApiKey:
    """A programmatic API key, for HTTP Digest authentication."""

    public_key: str
    private_key: str = field(repr=False)


Credentials = Union[ServiceAccount, ApiKey]


class AtlasError(Exception):
    """Something that Atlas refuses or that cannot be as it is wanted, worded for the operator.

    ``status`` and ``code`` are those of Atlas's answer (``errorCode``); 0 and empty where there is none.
    """

    def __init__(self, message: str, status: int = 0, code: str = "", retry_after: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after


class Atlas:
    """Atlas as one identity sees it. Raises AtlasError, whose message never holds a credential."""

    def __init__(
        self, credentials: Credentials, url: str = URL, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._credentials = credentials
        self._url = url.rstrip("/")
        self._sleep = sleep
        self._token = ""
        self._token_ends = 0.0
        self._hidden = {_secret(credentials)}
        # One for all requests: it takes a tenth of a second to make.
        self._request = Request(
            timeout=TIMEOUT_SECONDS,
            http_agent="slipway",
            # A redirect would carry the credentials elsewhere.
            follow_redirects="none",
            context=make_context(),
        )

    def hide(self, secret: str) -> None:
        """Keep a text that requests hold out of every message, should Atlas repeat it."""
        if secret:
            self._hidden.add(secret)

    def find(self, *path: str) -> dict[str, Any] | None:
        """Get a resource; None where there is none."""
        try:
            found: dict[str, Any] = self.call("GET", *path)
        except AtlasError as error:
            if error.status == 404:
                return None
            raise
        return found

    def every(self, *path: str) -> Iterator[dict[str, Any]]:
        """Get all items of a list, page by page."""
        page = 1
        while True:
            answer = self.call("GET", *path, query={"pageNum": page, "itemsPerPage": ITEMS_PER_PAGE})
            yield from answer["results"]
            if not any(link["rel"] == "next" for link in answer.get("links", [])):
                return
            page += 1

    def call(
        self, method: str, *path: str, body: Any = None, query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send a request to ``/api/atlas/v2/<path>``; its parts are quoted here.

        Sent again: what was refused by the rate limit, and what only reads when Atlas is out of order.
        """
        attempt = 1
        while True:
            try:
                return self._send(method, path, body, query or {})
            except AtlasError as error:
                again = error.status == TOO_MANY_REQUESTS or (method == "GET" and error.status in PASSING)
                if not again or attempt == ATTEMPTS:
                    raise
                self._sleep(_pause(error.retry_after, attempt))
            attempt += 1

    def _send(
        self, method: str, path: tuple[str, ...], body: Any, query: Mapping[str, Any]
    ) -> dict[str, Any]:
        media_type = f"application/vnd.atlas.{version(method, path)}+json"
        headers = {"Accept": media_type}
        if body is not None:
            headers["Content-Type"] = media_type
        place = "/".join(quote(part, safe="") for part in path)
        asked = f"?{urlencode(query)}" if query else ""
        return self._open(
            method,
            f"/api/atlas/v2/{place}{asked}",
            None if body is None else json.dumps(body),
            headers,
            **self._authorization(headers),
        )

    def _authorization(self, headers: dict[str, str]) -> dict[str, Any]:
        """Authorise a request, by a header or by arguments of the request."""
        known = self._credentials
        if isinstance(known, ApiKey):
            # The request answers Atlas's challenge by Digest.
            return {"url_username": known.public_key, "url_password": known.private_key}
        if time.monotonic() > self._token_ends:
            asked = time.monotonic()
            answer = self._open(
                "POST",
                "/api/oauth/token",
                urlencode({"grant_type": "client_credentials"}),
                {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
                url_username=known.client_id,
                url_password=known.client_secret,
                force_basic_auth=True,
            )
            self._token = answer["access_token"]
            self._token_ends = asked + answer["expires_in"] - EARLY_SECONDS
            self.hide(self._token)
        headers["Authorization"] = f"Bearer {self._token}"
        return {}

    def _open(
        self, method: str, place: str, data: str | None, headers: Mapping[str, str], **login: Any
    ) -> dict[str, Any]:
        try:
            with self._request.open(
                method, f"{self._url}{place}", data=data, headers=dict(headers), **login
            ) as response:
                text = response.read()
        except HTTPError as error:
            raise self._refused(method, place, error) from None
        except (OSError, HTTPException) as error:
            # Without `from`: only what is said here is known to be free of credentials.
            raise AtlasError(self._clean(f"{self._url} does not answer: {error}"), 503) from None
        answer: dict[str, Any] = json.loads(text) if text else {}
        return answer

    def _refused(self, method: str, place: str, error: HTTPError) -> AtlasError:
        try:
            said: dict[str, Any] = json.loads(error.read())
        except ValueError:
            said = {}
        # The token's endpoint answers as OAuth has it.
        code = said.get("errorCode") or (said["error"] if isinstance(said.get("error"), str) else "")
        detail = said.get("detail") or said.get("error_description") or error.reason
        message = f"Atlas refuses {method} {place}: {error.code} {code}: {detail}"
        remedy = _REMEDIES.get(error.code)
        retry_after = error.headers.get("Retry-After", "") if error.headers else ""
        return AtlasError(
            self._clean(f"{message}: {remedy}" if remedy else message), error.code, code, retry_after
        )

    def _clean(self, message: str) -> str:
        # A password may be part of a longer secret.
        for secret in sorted(self._hidden, key=len, reverse=True):
            message = message.replace(secret, "********")
        return message


def version(method: str, path: tuple[str, ...]) -> str:
    """Give the version of the resource that a path names, for a method.

    >>> version("PATCH", ("groups", "5f9f1b9e", "clusters", "goals"))
    '2024-10-23'
    """
    resource = path[2] if len(path) > 2 else path[0]
    return VERSIONS.get(resource, {}).get(method, FIRST_VERSION)


def _secret(credentials: Credentials) -> str:
    return credentials.private_key if isinstance(credentials, ApiKey) else credentials.client_secret


def _pause(retry_after: str, attempt: int) -> float:
    """Seconds until the next attempt: what Atlas asks for, otherwise twice as long each time."""
    seconds = float(retry_after) if retry_after.isdigit() else 2.0**attempt
    return min(seconds, LONGEST_PAUSE_SECONDS)
