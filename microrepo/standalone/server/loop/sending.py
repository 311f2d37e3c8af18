"""Sending: what follows when a part of an answer was sent, and how slow a client may be."""

from __future__ import annotations

import selectors
import socket
import time

from microrepo.standalone.server.loop.connection import (
    LINGERING,
    LOST,
    READING,
    SENDING,
    WANT_READ,
    WANT_WRITE,
    Connection,
)
from microrepo.standalone.server.loop.connection_table import ConnectionTable
from microrepo.standalone.server.loop.log_writer import AccessLog
from microrepo.standalone.server.options import Options

_LINGER_S = 2.0


class Sending:
    """Brings connections on after each attempt to send; writes the access log."""

    def __init__(self, options: Options, connections: ConnectionTable) -> None:
        self._options = options
        self._connections = connections
        self.log = AccessLog(options.log) if options.log else None

    def settle(self, connection: Connection, outcome: int) -> None:
        """Wait for the socket, the next request or the end, by the outcome of sending."""
        now = time.monotonic()
        if outcome in {WANT_READ, WANT_WRITE}:
            connection.state = SENDING
            if connection.taken_before < 0:
                connection.begun_s = now
                self._set_speed_limit(connection, now)
            writes = outcome == WANT_WRITE
            self._connections.watch(
                connection, selectors.EVENT_WRITE if writes else selectors.EVENT_READ
            )
            return
        if self.log:
            self.log.add(connection)
        if outcome == LOST:
            self._connections.drop(connection)
            return
        connection.since_s = now
        header_s, idle_s = self._options.header_timeout_s, self._options.idle_timeout_s
        connection.deadline_s = now + (header_s if connection.inbox.received else idle_s)
        connection.state = READING
        self._connections.watch(connection, selectors.EVENT_READ)
        if not connection.keep:
            self._linger(connection)

    def _linger(self, connection: Connection) -> None:
        # Closing at once would reset the connection while the client is still sending, and it
        # would never see the answer.
        connection.state = LINGERING
        connection.deadline_s = connection.since_s + _LINGER_S
        connection.inbox.received = b""
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._connections.drop(connection)

    def _set_speed_limit(self, connection: Connection, now: float) -> None:
        connection.taken_before = max(connection.taken(), 0)
        connection.deadline_s = now + self._options.send_timeout_s

    def is_fast_enough(self, connection: Connection, now: float) -> bool:
        """Return whether the client has taken enough since the last look, and look again later."""
        least = self._options.min_send_bytes_per_s * self._options.send_timeout_s
        if connection.taken() - connection.taken_before < least:
            return False
        self._set_speed_limit(connection, now)
        return True
