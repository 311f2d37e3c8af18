"""Route to one server through the pool below `requests`."""

from __future__ import annotations

import selectors
from collections.abc import Iterable, Mapping
from contextlib import suppress
from queue import Empty, Full
from typing import Any, cast

from urllib3 import HTTPHeaderDict
from urllib3.exceptions import HTTPError, ProxyError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse
from urllib3.util.timeout import Timeout

from microrepo.client.reach import Reach
from microrepo.client.transport.pace import Pace
from microrepo.client.transport.pooled.metered_response import MeteredResponse
from microrepo.client.transport.pooled.pooled_connection import (
    StaleConnection,
    connection_class,
    note_noise,
)
from microrepo.client.transport.response_protocol import (
    BrokenAnswer,
    NoAnswer,
    Response,
    TimedOut,
    TooSlow,
    error_text,
)
from microrepo.client.transport.sent_secrets import SentSecrets


class PooledRoute:
    """Route to one origin. Thread-safe.

    Args:
        pool: urllib3's.
        timeout_s: of its requests.
        headers: sent with each request.
        has_absolute_targets: the proxy is given whole URLs.
        reach: decides which addresses may be connected to; None behind a proxy.

    Attributes:
        secrets: the credentials as they are sent.
    """

    def __init__(
        self,
        pool: Any,
        timeout_s: float,
        headers: Mapping[str, str],
        *,
        has_absolute_targets: bool,
        reach: Reach | None,
    ) -> None:
        self._pool = pool
        self._timeout = Timeout(connect=timeout_s, read=timeout_s)
        self._headers = headers
        self.secrets = SentSecrets(headers)
        self.has_absolute_targets = has_absolute_targets
        self._in_step = True
        pool.ConnectionCls = connection_class(pool.ConnectionCls, reach, self._leave_step)

    def get(self, target: str, headers: Mapping[str, str]) -> Response:
        """Send a GET once; repeat it on connections that the server had closed.

        Raises:
            NoAnswer: no response.
        """
        while True:
            try:
                return self._send("GET", target, headers)
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
        idle = self._take_idle()
        with selectors.DefaultSelector() as selector:
            for connection in idle:
                if connection is not None and connection.sock is not None:
                    selector.register(connection.sock, selectors.EVENT_READ, connection)
            ready = selector.select(wait_s) if selector.get_map() else []
        for key, _ in ready:
            note_noise(key.data, self._leave_step)
            key.data.close()
        for connection in reversed(idle):
            self._put_back(connection)
        return not self._in_step

    def _leave_step(self) -> None:
        """Use each connection once from now on: the server sent more than it was asked for."""
        if self._in_step:
            self._in_step = False
            put = self._pool._put_conn  # noqa: SLF001
            self._pool._put_conn = lambda connection: put(_closed(connection))  # noqa: SLF001
            self.close()

    def _take_idle(self) -> list[Any]:
        """Return the pool's connections that are not in use, and its empty places."""
        taken = []
        with suppress(Empty, AttributeError):  # a closed pool has none
            while True:
                taken.append(self._pool.pool.get_nowait())
        return taken

    def _put_back(self, connection: Any) -> None:
        try:
            self._pool.pool.put_nowait(connection)
        except (Full, AttributeError):
            _closed(connection)

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
            stale = method == "GET" and any(isinstance(arg, StaleConnection) for arg in error.args)
            raise NoAnswer(error, stale=stale) from error
        return _PooledResponse(response, self.secrets)

    def close(self) -> None:
        """Close the idle connections."""
        for connection in reversed(self._take_idle()):
            self._put_back(_closed(connection))


def _closed(connection: Any) -> Any:
    if connection is not None:
        connection.close()
    return connection


class _PooledResponse:
    """A response from the pool."""

    def __init__(self, inside: BaseHTTPResponse, secrets: SentSecrets) -> None:
        self._inside = inside
        self.url: str | None = None
        self.status = inside.status
        self.reason = secrets.hide(inside.reason or "")
        self.headers = HTTPHeaderDict(
            {name: secrets.hide(value) for name, value in inside.headers.items()}
        )
        self.release_conn = inside.release_conn
        self.close = inside.close
        # Known now: the answer is gone once its body was read.
        self.keeps_connection = not self._answer.will_close

    def hold_to(self, pace: Pace) -> None:
        self._answer.hold_to(pace)

    @property
    def _answer(self) -> MeteredResponse:
        return cast("MeteredResponse", cast("Any", self._inside)._original_response)  # noqa: SLF001

    def read(self, amt: int | None = None) -> bytes:
        try:
            return self._inside.read(amt)
        except HTTPError as error:
            for arg in error.args:
                if isinstance(arg, TooSlow):
                    raise arg from error
            kind = TimedOut if isinstance(error, ReadTimeoutError) else BrokenAnswer
            raise kind(error_text(error)) from error
