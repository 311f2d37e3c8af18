"""Route to one server: by a direct connection, or through the pool below `requests`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from urllib3 import HTTPHeaderDict
from urllib3.exceptions import HTTPError, ProxyError
from urllib3.response import BaseHTTPResponse
from urllib3.util.timeout import Timeout

from microrepo.client.transport.direct_connection import Line
from microrepo.client.transport.response_protocol import (
    BrokenAnswer,
    NoAnswer,
    Response,
    error_text,
)


class PooledRoute:
    """Route to one origin. Thread-safe.

    Args:
        pool: urllib3's, for everything but a plain GET.
        timeout_s: of the pool's requests.
        headers: sent with each request.
        has_absolute_targets: the proxy is given whole URLs.
        line: the direct connections, if no proxy is used.

    Attributes:
        secret: the credentials as they are sent; "" without any.
    """

    def __init__(
        self,
        pool: Any,
        timeout_s: float,
        headers: Mapping[str, str],
        *,
        has_absolute_targets: bool,
        line: Line | None,
    ) -> None:
        self._pool = pool
        self._timeout = Timeout(connect=timeout_s, read=timeout_s)
        self._headers = headers
        self.secret = headers.get("Authorization", "").rpartition(" ")[2]
        self.has_absolute_targets = has_absolute_targets
        self._line = line

    def get(self, target: str, headers: Mapping[str, str]) -> Response:
        """Send a GET once; repeat it on connections that the server had closed.

        Raises:
            NoAnswer: no response.
        """
        if self._line is None:
            return self._send("GET", target, headers)
        merged = {**self._headers, **headers}
        while True:
            try:
                return self._line.get(target, merged)
            except NoAnswer as error:
                if not error.stale:  # each stale connection is one less
                    raise

    def post(
        self, target: str, headers: Mapping[str, str], body: bytes | Iterable[bytes]
    ) -> Response:
        """Send a POST, once; see `Route.post`."""
        return self._send("POST", target, headers, body)

    def is_out_of_step(self, wait_s: float) -> bool:
        """Return whether the server sends more than was asked for; see `Route.is_out_of_step`."""
        return self._line is not None and self._line.is_out_of_step(wait_s)

    def _send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None = None,
    ) -> Response:
        """Send a request once, through the pool; hide our credentials if the head repeats them.

        Raises:
            NoAnswer: no response.
        """
        try:
            response = self._pool.urlopen(
                method,
                target,
                body=body,
                headers={**self._headers, **headers},
                retries=False,
                timeout=self._timeout,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
        except ProxyError as error:
            raise NoAnswer(f"through the proxy: {error_text(error.original_error)}") from error
        except (HTTPError, OSError, ValueError) as error:
            raise NoAnswer(error) from error
        return _PooledResponse(response, self.secret)

    def close(self) -> None:
        """Close idle direct connections; the pool's owner closes the others."""
        if self._line is not None:
            self._line.close()


class _PooledResponse:
    """A response from the pool."""

    def __init__(self, inside: BaseHTTPResponse, secret: str) -> None:
        self._inside = inside
        self.url: str | None = None
        self.status = inside.status
        self.reason = inside.reason
        self.headers = inside.headers
        if secret:
            self.reason = (self.reason or "").replace(secret, "***")
            self.headers = HTTPHeaderDict(
                {name: value.replace(secret, "***") for name, value in inside.headers.items()}
            )
        self.release_conn = inside.release_conn
        self.close = inside.close

    def read(self, amt: int | None = None) -> bytes:
        try:
            return self._inside.read(amt)
        except HTTPError as error:
            raise BrokenAnswer(error_text(error)) from error
