"""Direct connections to servers, kept open between GETs.

The client is the main cost of a small request: urllib3's pool and response take 70 microseconds
more than the standard library's client below them.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import weakref
from collections import deque
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import cast
from urllib.parse import SplitResult

from urllib3.util.wait import wait_for_read

from microrepo.client.reach import Reach, connect
from microrepo.client.transport.metered_response import MeteredResponse
from microrepo.client.transport.response_protocol import NoAnswer, Response
from microrepo.errors import MicrorepoError

_DRAIN_BYTES = 1 << 16


class DirectResponse(MeteredResponse):
    """A response with its connection."""

    line: Line
    connection: HTTPConnection | None = None  # the standard library gives a bad answer up unasked
    url = ""
    released = False

    def drain_conn(self) -> None:
        """Read the rest of the body, so that the connection can be used again."""
        while self.read(_DRAIN_BYTES):
            pass

    def release_conn(self) -> None:
        """Return the connection, once; close it if part of the body is unread."""
        if self.released or self.connection is None:
            return
        self.released = True
        if self.surplus:
            self.line.leave_step()
        if self.length or not self.isclosed():
            self.connection.close()
        self.line.take_back(self.connection)

    def close(self) -> None:
        """Discard the response, and its connection if part of the body is unread."""
        complete = self.isclosed() and not self.length
        super().close()
        if complete:
            self.release_conn()
        elif self.connection is not None and not self.released:
            self.released = True
            self.connection.close()


class Line:
    """Connections to one server, with the idle ones. Thread-safe.

    Args:
        parts: a URL of the server, split.
        timeout_s: for the connection, and for each piece of a response.
        context: the client's side of TLS, for https.
        reach: decides which addresses may be connected to.
    """

    def __init__(
        self,
        parts: SplitResult,
        timeout_s: float,
        context: ssl.SSLContext | None,
        reach: Reach | None = None,
    ) -> None:
        self._host = parts.hostname or ""
        self._port = parts.port
        self._timeout_s = timeout_s
        self._context = context
        self._reach = reach
        self._idle: deque[_Connection] = deque()
        self._in_step = True
        # A client that nobody closed leaves no open socket behind.
        weakref.finalize(self, _close_all, self._idle)

    def get(self, target: str, headers: Mapping[str, str]) -> Response:
        """Send a GET; return the response with its body unread.

        Args:
            target: path and query.
            headers: all headers except `Host`.

        Raises:
            NoAnswer: no response.
            MalformedResponse: the server's address is not allowed.
        """
        connection, used = self._next_idle(), True
        if connection is None:
            connection = _Connection(
                self._host, self._port, self._timeout_s, self._context, self._reach
            )
            used = False
        try:
            connection.request("GET", target, headers=cast("dict[str, str]", headers))
            response = cast("DirectResponse", connection.getresponse())
        except (HTTPException, OSError, ValueError) as error:
            connection.close()
            raise NoAnswer(error, stale=used) from error
        except MicrorepoError:
            connection.close()
            raise
        response.line, response.connection = self, connection
        return cast("Response", response)

    def _next_idle(self) -> _Connection | None:
        """Return an open idle connection; close those that the server closed or sent data on."""
        while (connection := self._pop_idle()) is not None:
            if not wait_for_read(connection.sock, timeout=0):
                return connection
            self._give_up(connection)
        return None

    def take_back(self, connection: HTTPConnection) -> None:
        """Keep a connection for the next request, unless the server is out of step."""
        if self._in_step:
            self._idle.append(cast("_Connection", connection))
        else:
            connection.close()

    def is_out_of_step(self, wait_s: float) -> bool:
        """Return whether the server sends more than was requested.

        Such a server gets a new connection for each request from then on.

        Args:
            wait_s: seconds to wait for bytes on idle connections.
        """
        waiting: list[_Connection] = []
        while self._in_step and (connection := self._pop_idle()) is not None:
            waiting.append(connection)
        with selectors.DefaultSelector() as selector:
            for connection in waiting:
                selector.register(connection.sock, selectors.EVENT_READ)
            noisy = {key.fileobj for key, _ in selector.select(wait_s)} if waiting else ()
        for connection in waiting:
            if connection.sock in noisy:
                self._give_up(connection)
            else:
                self.take_back(connection)
        return not self._in_step

    def leave_step(self) -> None:
        """Use each connection once from now on: the server sent more than was requested."""
        self._in_step = False
        self.close()

    def _pop_idle(self) -> _Connection | None:
        """Return an idle open connection, or None."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if connection.sock is not None:
                return connection

    def _give_up(self, connection: _Connection) -> None:
        """Close a readable idle connection; record if the server sent data on it."""
        with contextlib.suppress(OSError):
            connection.sock.settimeout(0)
            if connection.sock.recv(1):
                self.leave_step()
        connection.close()

    def close(self) -> None:
        """Close the idle connections."""
        _close_all(self._idle)


class _Connection(HTTPConnection):
    response_class = DirectResponse

    def __init__(
        self,
        host: str,
        port: int | None,
        timeout_s: float,
        context: ssl.SSLContext | None,
        reach: Reach | None,
    ) -> None:
        if context is not None:
            self.default_port = 443
        super().__init__(host, port, timeout=timeout_s)
        self._context = context
        self._reach = reach

    def connect(self) -> None:
        sock = connect(self.host, self.port, self.timeout, self._reach)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_hostname=self.host)
        except BaseException:
            sock.close()
            raise
        self.sock = sock


def _close_all(connections: deque[_Connection]) -> None:
    while connections:
        connections.pop().close()
