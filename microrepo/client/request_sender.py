"""Sender of single requests: the route of each, its credentials, retries."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from urllib.parse import urlsplit, urlunsplit

import requests
import urllib3
from requests.utils import requote_uri
from urllib3.exceptions import HTTPError, ProxyError
from urllib3.response import BaseHTTPResponse

from microrepo.client.addresses import masked, public_url
from microrepo.client.bodies import put_aside, read_reply
from microrepo.client.reach import Reach
from microrepo.client.retry_delays import backoff_s, retry_after_s
from microrepo.client.settings import Answer, ClientSettings
from microrepo.client.transport.direct_connection import NoAnswer
from microrepo.client.transport.routes import Route, Routes
from microrepo.errors import MalformedResponse, Unavailable

_RETRY_STATUSES = frozenset({429, 500, 502, 503, 504, 520, 527})
_LONGEST_TEXT = 300
_STRAY_BYTES_WAIT_S = 0.05
_IS_PLAIN = re.compile(r"[!-~]+").fullmatch


class RequestSender:
    """Sends requests, one at a time, without following redirects. Threads may share it."""

    def __init__(self, settings: ClientSettings, reach: Reach) -> None:
        self._retries = settings.retries
        self._routes = Routes(settings, reach)
        self._timeout = urllib3.Timeout(connect=settings.timeout_s, read=settings.timeout_s)

    def get(self, url: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """Send a GET until there is an answer that another attempt would not better.

        Raises:
            Unavailable: no answer after all retries.
            MalformedResponse: no URL.
        """
        route, target = self._find_route(url)
        attempt = 0
        while True:
            wait_s: float | None = None
            try:
                response = self._send_once(route, target, headers)
            except NoAnswer as error:
                if attempt >= self._retries:
                    raise Unavailable(public_url(url), error_text(error.why)) from error
            else:
                if response.status not in _RETRY_STATUSES or attempt >= self._retries:
                    response.url = url
                    return response
                put_aside(response)
                now = datetime.now(timezone.utc)
                wait_s = retry_after_s(response.headers.get("Retry-After"), now)
            jitter = random.random()  # noqa: S311
            time.sleep(backoff_s(attempt, jitter) if wait_s is None else wait_s)
            attempt += 1

    def post(self, url: str, headers: Mapping[str, str], body: bytes | Iterable[bytes]) -> Answer:
        """Send one POST, once; see `Client.post`."""
        route, target = self._find_route(url)
        try:
            plain = {**headers, "Accept-Encoding": "identity"}
            response = self._send_by_pool("POST", route, target, plain, body)
        except NoAnswer as error:
            raise Unavailable(public_url(url), error_text(error.why)) from error
        secret = route.headers.get("Authorization", "").rpartition(" ")[2]
        text = read_reply(response)
        reason, shown = response.reason or "", dict(response.headers.items())
        if secret:
            text = text.replace(secret.encode(), b"***")
            reason = reason.replace(secret, "***")
            shown = {name: value.replace(secret, "***") for name, value in shown.items()}
        return Answer(
            response.status, urllib3.HTTPHeaderDict(shown), text, url, reason[:_LONGEST_TEXT]
        )

    def _send_once(self, route: Route, target: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        if route.line is None:
            return self._send_by_pool("GET", route, target, headers, None)
        merged = {**route.headers, **headers}
        while True:
            try:
                return route.line.get(target, merged)
            except NoAnswer as error:
                if not error.stale:  # each stale connection is one less
                    raise

    def _send_by_pool(
        self,
        method: str,
        route: Route,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None,
    ) -> BaseHTTPResponse:
        try:
            response: BaseHTTPResponse = route.pool.urlopen(
                method,
                target,
                body=body,
                headers={**route.headers, **headers},
                retries=False,
                timeout=self._timeout,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
        except (HTTPError, OSError, ValueError) as error:
            raise NoAnswer(error) from error
        return response

    def _find_route(self, url: str) -> tuple[Route, str]:
        """Return the route to a URL, and what is asked for there."""
        try:
            if not _IS_PLAIN(url):
                url = requote_uri(url)
            parts = urlsplit(url)
            route = self._routes.find(url, parts)
        except (ValueError, requests.RequestException) as error:
            shown = public_url(url)[:80]
            raise MalformedResponse(shown, f"is not a proper URL: {masked(str(error))}") from error
        if route.absolute_targets:
            return route, url
        return route, urlunsplit(("", "", parts.path or "/", parts.query, ""))

    def is_out_of_step(self, url: str) -> bool:
        """Return whether the server of a URL sent more than it was asked for."""
        line = self._routes.line_to(url)
        return line is not None and line.is_out_of_step(_STRAY_BYTES_WAIT_S)

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._routes.close()


def error_text(error: object) -> str:
    """Return the gist of a network error, without objects, logins and signatures."""
    if isinstance(error, ProxyError):
        return f"by way of the proxy: {error_text(error.original_error)}"
    text = masked(str(error))
    _, arrow, rest = text.rpartition(">: ")
    text = rest if arrow else text.removeprefix("(").partition("): ")[2] or text
    return text[:_LONGEST_TEXT] or type(error).__name__
