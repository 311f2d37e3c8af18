"""Connections to servers that are reached without a proxy, kept open from one GET to the next.

What a small request costs is mostly its client: urllib3's pool and response take 70 microseconds
more than the standard library's client below them. So a GET goes straight to the latter first;
whatever is out of the ordinary (no answer, a status to retry) goes on through urllib3.
"""

from __future__ import annotations

import ssl
import weakref
from collections import deque
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult

import urllib3
from urllib3.exceptions import IncompleteRead, ProtocolError
from urllib3.response import BaseHTTPResponse

if TYPE_CHECKING:
    from http.client import HTTPMessage

_DRAIN_BYTES = 1 << 16


class NoAnswer(Exception):
    """A server gave no answer.

    Attributes:
        stale: on a connection that had been open for a while, which the server may just close.
    """

    def __init__(self, why: object, stale: bool) -> None:
        super().__init__(why, stale)
        self.stale = stale


class DirectResponse(HTTPResponse):
    """An answer with the methods of urllib3's that are used here."""

    line: Line
    connection: HTTPConnection | None = None  # the standard library gives a bad answer up unasked
    headers: HTTPMessage
    url = ""
    released = False

    def read(self, amount: int | None = None) -> bytes:
        """Return the next bytes of the body; b"" at its end.

        Raises:
            ProtocolError: the body ended before it was complete.
        """
        try:
            data = super().read(amount)
        except HTTPException as error:
            raise ProtocolError(f"the answer broke off: {error!r}") from error
        if not data and amount and self.length:
            raise IncompleteRead(0, self.length)
        return data

    def drain_conn(self) -> None:
        """Read the rest of the body, so that the connection can be used again."""
        while self.read(_DRAIN_BYTES):
            pass

    def release_conn(self) -> None:
        """Give the connection back, once; one with an unread rest is closed."""
        if self.released or self.connection is None:
            return
        self.released = True
        if self.length or not self.isclosed():
            self.connection.close()
        self.line.take_back(self.connection)

    def close(self) -> None:
        """Give the answer up, and with an unread rest its connection too."""
        complete = self.isclosed() and not self.length
        super().close()
        if self.connection is not None and not (complete or self.released):
            self.released = True
            self.connection.close()


class Line:
    """The way to one server, with its idle connections. Threads may share it.

    Args:
        parts: a URL there, taken apart.
        timeout_s: for the connection, and for each next piece of an answer.
        context: the client's side of TLS, for https.
    """

    def __init__(
        self, parts: SplitResult, timeout_s: float, context: ssl.SSLContext | None
    ) -> None:
        self._host = parts.hostname or ""
        self._port = parts.port
        self._timeout_s = timeout_s
        self._context = context
        self._idle: deque[HTTPConnection] = deque()
        # A client that nobody closed leaves no open socket behind.
        weakref.finalize(self, _close_all, self._idle)

    def get(self, target: str, headers: Mapping[str, str], *, decode: bool) -> BaseHTTPResponse:
        """Send a GET; return the answer with its body unread.

        Args:
            target: path and query.
            headers: all of them, but for `Host`.
            decode: undo a `Content-Encoding` while the body is read.

        Raises:
            NoAnswer: none came.
        """
        try:
            connection, used = self._idle.pop(), True
        except IndexError:
            connection, used = self._open(), False
        try:
            connection.request("GET", target, headers=cast("dict[str, str]", headers))
            response = cast("DirectResponse", connection.getresponse())
        except (HTTPException, OSError, ValueError) as error:
            connection.close()
            raise NoAnswer(error, used) from error
        response.line, response.connection = self, connection
        if decode and response.headers.get("Content-Encoding"):
            return _Decoding(response)
        return cast("BaseHTTPResponse", response)

    def take_back(self, connection: HTTPConnection) -> None:
        """Keep a connection for the next request."""
        self._idle.append(connection)

    def close(self) -> None:
        """Close the idle connections."""
        _close_all(self._idle)

    def _open(self) -> HTTPConnection:
        connection: HTTPConnection
        if self._context is None:
            connection = HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        else:
            connection = HTTPSConnection(
                self._host, self._port, timeout=self._timeout_s, context=self._context
            )
        connection.response_class = DirectResponse
        return connection


def _close_all(connections: deque[HTTPConnection]) -> None:
    while connections:
        connections.pop().close()


class _Decoding(urllib3.HTTPResponse):
    """An encoded answer: urllib3 decodes what the connection below it brings."""

    def __init__(self, response: DirectResponse) -> None:
        self._below = response
        headers: Any = response.headers.items()
        super().__init__(cast("Any", response), headers, response.status, preload_content=False)

    def release_conn(self) -> None:
        """Give the connection back."""
        self._below.release_conn()
