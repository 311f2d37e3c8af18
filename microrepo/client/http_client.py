"""The one place through which all requests go: redirects, retries, limits, bounded answers."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import requests
import urllib3
from requests.utils import requote_uri
from urllib3.exceptions import HTTPError, ProxyError
from urllib3.response import BaseHTTPResponse

from microrepo.client.addresses import leads_elsewhere, masked, public_url, redirected
from microrepo.client.bodies import PIECE_BYTES, put_aside, read_document, read_reply
from microrepo.client.reach import Reach
from microrepo.client.retry_delays import backoff_s, retry_after_s
from microrepo.client.settings import Answer, ClientSettings
from microrepo.client.transport.direct_connection import NoAnswer
from microrepo.client.transport.metered_response import TooSlow
from microrepo.client.transport.routes import Route, Routes
from microrepo.errors import MalformedResponse, Unavailable
from microrepo.formats.bounds import DOCUMENT, Bound

if TYPE_CHECKING:
    from microrepo.client.rate_limit import TokenBucket

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 10
_RETRY_STATUSES = frozenset({429, 500, 502, 503, 504, 520, 527})
_BODY_ATTEMPTS = 3
_LONGEST_WORDS = 300
_STRAY_BYTES_WAIT_S = 0.05
_IS_PLAIN = re.compile(r"[!-~]+").fullmatch


class Client:
    """Makes requests with retries, time-outs, credentials and limits. Threads may share it."""

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self.reach = Reach(settings.internal_hosts)
        self._routes = Routes(settings, self.reach)
        self._timeout = urllib3.Timeout(connect=settings.timeout_s, read=settings.timeout_s)
        self._api_bucket = self._bucket("api", settings.requests_per_second, settings.burst)
        # Larger pieces are no faster, and each thread holds two of them.
        bandwidth = settings.bandwidth_bytes
        self._byte_bucket = self._bucket("bytes", bandwidth, (bandwidth or 0) / 4)
        self.piece_bytes = min(PIECE_BYTES, max(4096, bandwidth // 8)) if bandwidth else PIECE_BYTES

    def get(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        bound: Bound = DOCUMENT,
        *,
        same_origin: bool = False,
    ) -> Answer:
        """Fetch a whole document; counts against the limit on API requests.

        Args:
            url: of the document, at a server that the user named.
            headers: to send besides the client's own.
            bound: what the document may cost.
            same_origin: do not follow redirects to other servers; their answer is returned.

        Returns:
            The answer, whatever its status, once the retries are used up. Only one with status 200
            has a body.

        Raises:
            Unavailable: no connection, or the body kept breaking off.
            MalformedResponse: it breaks `bound`, cannot be unpacked, or redirects to where it may
                not.
        """
        self.reach.admit(url)
        for attempt in range(_BODY_ATTEMPTS):
            if self._api_bucket is not None:
                self._api_bucket.take(1)
            response = self.open(url, headers, same_origin=same_origin)
            if response.status != 200:
                put_aside(response)
                return Answer(response.status, response.headers, b"", response.url or url)
            try:
                body = read_document(response, url, bound)
            except (HTTPError, OSError) as error:
                response.close()
                if attempt == _BODY_ATTEMPTS - 1 or isinstance(error, TooSlow):
                    raise Unavailable(public_url(url), words_of(error)) from error
                continue
            except MalformedResponse:
                response.close()
                raise
            response.release_conn()
            return Answer(response.status, response.headers, body, response.url or url)
        raise AssertionError("unreachable")

    def post(self, url: str, headers: Mapping[str, str], body: bytes | Iterable[bytes]) -> Answer:
        """Send one POST, once: neither retries nor redirects, which the caller decides on.

        Args:
            url: where to.
            headers: with the `Content-Length`, when `body` is not bytes.
            body: all of it, or pieces as they are sent.

        Returns:
            The answer, without our credentials in it, should the server repeat them.

        Raises:
            Unavailable: no answer; the server may have taken the body all the same.
        """
        self.reach.admit(url)
        route, target = self._find_route(url)
        try:
            plain = {**headers, "Accept-Encoding": "identity"}
            response = self._send_by_pool("POST", route, target, plain, body)
        except NoAnswer as error:
            raise Unavailable(public_url(url), words_of(error.why)) from error
        secret = route.headers.get("Authorization", "").rpartition(" ")[2]
        text = read_reply(response)
        reason, shown = response.reason or "", dict(response.headers.items())
        if secret:
            text = text.replace(secret.encode(), b"***")
            reason = reason.replace(secret, "***")
            shown = {name: value.replace(secret, "***") for name, value in shown.items()}
        return Answer(
            response.status, urllib3.HTTPHeaderDict(shown), text, url, reason[:_LONGEST_WORDS]
        )

    def open(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        same_origin: bool = False,
    ) -> BaseHTTPResponse:
        """Send a GET and return the answer with its body unread, packed as it comes.

        Follows redirects. The caller reads the body and then calls `release_conn()`, or `close()`
        to give it up.

        Raises:
            Unavailable: no answer after all retries.
            MalformedResponse: a redirect loop, a redirect to where it may not lead, or no URL.
        """
        if self.reach.knows_none():
            self.reach.admit(url)
        start = url
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._send(url, headers or {})
            if response.status not in _REDIRECTS:
                return response
            location = response.headers.get("Location")
            if not location or (same_origin and leads_elsewhere(url, location)):
                return response
            put_aside(response)
            target = redirected(start, url, location)
            if leads_elsewhere(url, target):
                self.reach.check_redirect(url, target)
            url = target
        raise MalformedResponse(public_url(start), f"more than {_MAX_REDIRECTS} redirects")

    def throttle(self, count_bytes: int) -> None:
        """Wait until `count_bytes` of file content fit the limit on bandwidth."""
        if self._byte_bucket is not None:
            self._byte_bucket.take(count_bytes)

    def is_out_of_step(self, url: str) -> bool:
        """Return whether the server of a URL sent more than it was asked for.

        An answer of it may be that to another request. From then on each request has a connection
        of its own, so that asking again gives the right one.
        """
        line = self._routes.line_to(url)
        return line is not None and line.is_out_of_step(_STRAY_BYTES_WAIT_S)

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._routes.close()

    def _send(self, url: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """Send a GET until there is an answer that another attempt would not better."""
        route, target = self._find_route(url)
        attempt = 0
        while True:
            wait_s: float | None = None
            try:
                response = self._send_once(route, target, headers)
            except NoAnswer as error:
                if attempt >= self._settings.retries:
                    raise Unavailable(public_url(url), words_of(error.why)) from error
            else:
                if response.status not in _RETRY_STATUSES or attempt >= self._settings.retries:
                    response.url = url
                    return response
                put_aside(response)
                now = datetime.now(timezone.utc)
                wait_s = retry_after_s(response.headers.get("Retry-After"), now)
            jitter = random.random()  # noqa: S311
            time.sleep(backoff_s(attempt, jitter) if wait_s is None else wait_s)
            attempt += 1

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

    def _bucket(self, name: str, rate: float | None, burst: float) -> TokenBucket | None:
        if not rate or not self._settings.limits_dir:
            return None
        from microrepo.client.rate_limit import TokenBucket

        return TokenBucket(Path(self._settings.limits_dir) / f"{name}.bucket", rate, max(burst, 1))


def words_of(error: object) -> str:
    """Return the gist of a network error, without objects, logins and signatures."""
    if isinstance(error, ProxyError):
        return f"by way of the proxy: {words_of(error.original_error)}"
    text = masked(str(error))
    _, arrow, rest = text.rpartition(">: ")
    text = rest if arrow else text.removeprefix("(").partition("): ")[2] or text
    return text[:_LONGEST_WORDS] or type(error).__name__
