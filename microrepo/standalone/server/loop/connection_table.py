"""Connection table: open connections, their events, and evictions."""

from __future__ import annotations

import selectors
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from microrepo.standalone.server.loop.connection import (
    CLOSED,
    HANDSHAKE,
    LINGERING,
    READING,
    SENDING,
    Connection,
)

# A client is judged by its speed only after this time.
_GRACE_S = 0.5


class ConnectionTable:
    """The open connections of a server."""

    def __init__(self, selector: selectors.BaseSelector, max_connections: int) -> None:
        self._selector = selector
        self._max_connections = max_connections
        self._connections: set[Connection] = set()

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._connections))

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: Connection) -> None:
        """Watch a new connection for requests."""
        self._connections.add(connection)
        self._selector.register(connection.sock, selectors.EVENT_READ, connection)

    def has_room(self) -> bool:
        """Return whether one more connection is allowed, after closing another one if needed."""
        return len(self._connections) < self._max_connections or self.evict()

    def evict(self) -> bool:
        """Close the least useful connection; return False if all must stay."""
        victim = choose_victim(self._connections, time.monotonic())
        if victim:
            self.drop(victim)
        return victim is not None

    def drop(self, connection: Connection) -> None:
        """Close a connection."""
        if connection.state == CLOSED:
            return
        if connection.waits_for:
            self._selector.unregister(connection.sock)
        connection.state = CLOSED
        connection.waits_for = 0
        connection.close_file()
        connection.sock.close()
        self._connections.discard(connection)

    def watch(self, connection: Connection, events: int) -> None:
        """Have the selector report these events of a connection, 0 for none."""
        if events == connection.waits_for:
            return
        if not connection.waits_for:
            self._selector.register(connection.sock, events, connection)
        elif not events:
            self._selector.unregister(connection.sock)
        else:
            self._selector.modify(connection.sock, events, connection)
        connection.waits_for = events


def choose_victim(connections: Iterable[Connection], now: float) -> Connection | None:
    """Return the connection to close for a new one, None if all must stay.

    The address with the most connections loses one: the longest silent, else the slowest reader.
    """
    held = Counter(connection.address for connection in connections)
    waiting = [item for item in connections if item.state in {HANDSHAKE, READING, LINGERING}]
    if waiting:
        return max(waiting, key=lambda item: (held[item.address], -item.since_s))
    sending = [
        item for item in connections if item.state == SENDING and now - item.begun_s > _GRACE_S
    ]

    def rank(item: Connection) -> tuple[int, float]:
        return (held[item.address], -item.taken() / (now - item.begun_s))

    return max(sending, key=rank, default=None)
