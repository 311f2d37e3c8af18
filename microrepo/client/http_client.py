"""HTTP client for all requests: redirects, limits, bounded responses."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from microrepo.client.addresses import leads_elsewhere, public_url, redirected
from microrepo.client.bodies import PIECE_BYTES, put_aside, read_document
from microrepo.client.reach import Reach
from microrepo.client.request_sender import RequestSender
from microrepo.client.settings import Answer, ClientSettings
from microrepo.client.transport.pace import DOCUMENT as DOCUMENT_PACE
from microrepo.client.transport.response_protocol import Response, TooSlow, error_text
from microrepo.errors import MalformedResponse, Unavailable
from microrepo.formats.bounds import DOCUMENT, Bound

if TYPE_CHECKING:
    from microrepo.client.rate_limit import TokenBucket

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 10
_BODY_ATTEMPTS = 3


class Client:
    """Client with retries, timeouts, credentials and limits. Thread-safe."""

    def __init__(self, settings: ClientSettings) -> None:
        self._longest_s = DOCUMENT_PACE.longest_s(settings.timeout_s, 0)
        document_bytes = settings.document_bytes
        self.document_bound = DOCUMENT.of_size(document_bytes) if document_bytes else DOCUMENT
        self.reach = Reach(settings.internal_hosts)
        self._sender = RequestSender(settings, self.reach)
        self._api_bucket = _open_bucket(
            settings, "api", settings.requests_per_second, settings.burst
        )
        # Larger pieces are no faster, and each thread holds two of them.
        bandwidth = settings.bandwidth_bytes
        self._byte_bucket = _open_bucket(settings, "bytes", bandwidth, (bandwidth or 0) / 4)
        self.piece_bytes = min(PIECE_BYTES, max(4096, bandwidth // 8)) if bandwidth else PIECE_BYTES

    def get(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        bound: Bound | None = None,
        *,
        same_origin: bool = False,
    ) -> Answer:
        """Return a whole document; counts against the limit on API requests.

        Args:
            url: URL of the document, at a server that the user named.
            headers: additional headers.
            bound: what the document may cost; None for a document or page of one project.
            same_origin: do not follow redirects to other servers, but return them.

        Returns:
            The response, whatever its status, after all retries. Only one with status 200 has a
            body.

        Raises:
            Unavailable: no connection, or no complete body after all retries.
            MalformedResponse: it exceeds `bound`, cannot be unpacked, or has a forbidden redirect.
        """
        bound = bound or self.document_bound
        self.reach.admit(url)
        ends_at = time.monotonic() + self._longest_s
        for attempt in range(_BODY_ATTEMPTS):
            self.await_turn()
            response = self.open(url, headers, same_origin=same_origin)
            if response.status != 200:
                put_aside(response)
                return Answer(response.status, response.headers, b"", response.url or url)
            try:
                body = read_document(response, url, bound)
            except OSError as error:
                response.close()
                is_late = isinstance(error, TooSlow) or time.monotonic() > ends_at
                if attempt == _BODY_ATTEMPTS - 1 or is_late:
                    raise Unavailable(public_url(url), error_text(error)) from error
                continue
            except MalformedResponse:
                response.close()
                raise
            response.release_conn()
            final = response.url or url
            body = self._sender.hide_secrets(final, body)
            return Answer(response.status, response.headers, body, final, bound=bound)
        raise AssertionError("unreachable")

    def post(self, url: str, headers: Mapping[str, str], body: bytes | Iterable[bytes]) -> Answer:
        """Send one POST, without retries or redirects, which the caller handles.

        Args:
            url: target URL.
            headers: headers, with `Content-Length` if `body` is not bytes.
            body: the whole body, or an iterator over pieces.

        Returns:
            The response, with our credentials removed if the server repeats them.

        Raises:
            Unavailable: no response; the server may still have processed the body.
        """
        self.reach.admit(url)
        return self._sender.post(url, headers, body)

    def open(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        same_origin: bool = False,
    ) -> Response:
        """Send a GET and return the response with its body unread and packed.

        Follows redirects. The caller reads the body and then calls `release_conn()`, or `close()`
        to discard it.

        Raises:
            Unavailable: no response after all retries.
            MalformedResponse: a redirect loop, a forbidden redirect, or an invalid URL.
        """
        if self.reach.knows_none():
            self.reach.admit(url)
        start = url
        ends_at = time.monotonic() + self._longest_s
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._sender.get(url, headers or {})
            if response.status not in _REDIRECTS:
                return response
            location = response.headers.get("Location")
            if not location or (same_origin and leads_elsewhere(url, location)):
                return response
            put_aside(response)
            target = redirected(start, url, location)
            if time.monotonic() > ends_at:
                raise Unavailable(
                    public_url(start), f"its redirects take longer than {self._longest_s:g} s"
                )
            if leads_elsewhere(url, target):
                self.reach.check_redirect(url, target)
            url = target
        raise MalformedResponse(public_url(start), f"more than {_MAX_REDIRECTS} redirects")

    def await_turn(self) -> None:
        """Wait until the limit on API requests allows one more, for a request by `open`."""
        if self._api_bucket is not None:
            self._api_bucket.take(1)

    def throttle(self, count_bytes: int) -> None:
        """Wait until the bandwidth limit allows `count_bytes` of file content."""
        if self._byte_bucket is not None:
            self._byte_bucket.take(count_bytes)

    def is_out_of_step(self, url: str) -> bool:
        """Return whether the server of a URL sent more than was requested.

        Its response can belong to another request. From then on each request has its own
        connection, so a repeated request gets the right response.
        """
        return self._sender.is_out_of_step(url)

    @property
    def keeps_connections(self) -> bool:
        """Whether a server has answered that takes several requests over a connection."""
        return self._sender.keeps_connections

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._sender.close()


def _open_bucket(
    settings: ClientSettings, name: str, rate: float | None, burst: float
) -> TokenBucket | None:
    """Return the bucket of a limit, None without one."""
    if not rate or not settings.limits_dir:
        return None
    from microrepo.client.rate_limit import TokenBucket

    return TokenBucket(Path(settings.limits_dir) / f"{name}.bucket", rate, max(burst, 1))
