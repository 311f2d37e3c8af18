"""HTTP protocol: take each connection from request to answer, over and over (RFC 9112)."""

from __future__ import annotations

import selectors
import time

from microrepo.standalone.server.loop.answering import Answering
from microrepo.standalone.server.loop.connection import (
    HANDSHAKE,
    LINGERING,
    READING,
    SENDING,
    WORKING,
    Connection,
)
from microrepo.standalone.server.loop.connection_table import ConnectionTable
from microrepo.standalone.server.loop.sending import Sending
from microrepo.standalone.server.loop.tls_support import SSLWantReadError, SSLWantWriteError
from microrepo.standalone.server.messages.requests import RequestError
from microrepo.standalone.server.messages.responses import plain_response
from microrepo.standalone.server.options import Options


class HttpProtocol:
    """Reads requests and has them answered, in the thread that watches all connections."""

    def __init__(
        self,
        options: Options,
        connections: ConnectionTable,
        answering: Answering,
        sending: Sending,
    ) -> None:
        self._options = options
        self._connections = connections
        self._answering = answering
        self._sending = sending

    # Reading requests

    def ready(self, connection: Connection) -> None:
        """Go on with a connection whose socket is ready."""
        if connection.state == HANDSHAKE:
            self._shake_hands(connection)
        elif connection.state == READING:
            self._receive(connection)
        elif connection.state == SENDING:
            self._continue(connection)
        elif connection.state == LINGERING and connection.receive() == b"":
            self._connections.drop(connection)

    def _shake_hands(self, connection: Connection) -> None:
        try:
            connection.sock.do_handshake()  # type: ignore[attr-defined]
        except SSLWantReadError:
            self._connections.watch(connection, selectors.EVENT_READ)
        except SSLWantWriteError:
            self._connections.watch(connection, selectors.EVENT_WRITE)
        except OSError:
            self._connections.drop(connection)
        else:
            connection.state = READING
            self._connections.watch(connection, selectors.EVENT_READ)
            self._receive(connection)

    def _receive(self, connection: Connection) -> None:
        inbox = connection.inbox
        while True:
            data = connection.receive()
            if data is None:
                return
            if not data:
                self._connections.drop(connection)
                return
            if inbox.is_empty:
                connection.since_s = time.monotonic()
                connection.deadline_s = connection.since_s + self._options.header_timeout_s
            inbox.received += data
            self._advance(connection)
            if not connection.tls or connection.state != READING:
                return

    def _advance(self, connection: Connection) -> None:
        while connection.state == READING:
            connection.request, connection.user = None, ""
            try:
                request = connection.inbox.next_request()
            except RequestError as error:
                self.refuse(connection, error.status, error.text)
                return
            if request is None:
                return
            connection.request = request
            outcome = self._answering.start(connection, request)
            if outcome is not None:
                self._sending.settle(connection, outcome)

    def refuse(self, connection: Connection, status: int, text: str) -> None:
        """Answer something that is not a proper request, and close the connection."""
        connection.begin(plain_response(status, text), keep=False)
        self._sending.settle(connection, connection.pump())

    def take_back(self, connection: Connection, outcome: int) -> None:
        """Go on with a connection that a worker has given back."""
        connection.state = SENDING
        self._sending.settle(connection, outcome)
        self._next(connection)

    def _continue(self, connection: Connection) -> None:
        if connection.left:
            self._answering.go_on(connection)
        else:
            self._sending.settle(connection, connection.pump())
            self._next(connection)

    def _next(self, connection: Connection) -> None:
        if connection.state == READING and connection.inbox.received:
            self._advance(connection)
        if connection.state == READING and connection.tls:
            # What is decrypted already makes no socket readable.
            self._receive(connection)

    def expire(self, connection: Connection, now: float) -> None:
        """Close a connection whose deadline has passed, unless its client reads fast enough."""
        if connection.state == READING and connection.inbox.received:
            self.refuse(connection, 408, "The request took too long.")
            return
        if connection.state == SENDING and self._sending.is_fast_enough(connection, now):
            return
        if connection.state != WORKING:
            self._connections.drop(connection)
