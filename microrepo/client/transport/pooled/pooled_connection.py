"""Connections of urllib3's pools: to allowed addresses only, with every answer counted on the wire."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from urllib3.util.wait import wait_for_read

from microrepo.client.reach import Reach, connect
from microrepo.client.transport.pooled.metered_response import MeteredResponse

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection as _Base
else:
    _Base = object


class StaleConnection(ConnectionError):
    """A connection that had answered before broke: the server may just have closed it."""


class PooledConnection(_Base):
    """What a pool's own class of connections lacks; see `connection_class`."""

    reach: Reach | None = None
    on_noise: Callable[[], None]
    has_answered = False

    @property
    def is_connected(self) -> bool:
        """Whether it can be used again: nothing was sent on it meanwhile, nor its end."""
        if self.sock is None:
            return False
        if not wait_for_read(self.sock, timeout=0):
            return True
        note_noise(self, self.on_noise)
        return False

    def _new_conn(self) -> socket.socket:
        if self.reach is None:
            return super()._new_conn()
        made = connect(self.host, self.port or self.default_port, self.timeout, self.reach)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def connect(self) -> None:
        """Open it."""
        self.has_answered = False
        super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request."""
        try:
            super().request(*args, **kwargs)
        except (HTTPException, OSError) as error:
            self._check_stale(error)
            raise

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        """Return the answer."""
        try:
            response = super().getresponse(*args, **kwargs)
        except (HTTPException, OSError) as error:
            self._check_stale(error)
            raise
        self.has_answered = True
        return response

    def _check_stale(self, error: Exception) -> None:
        if self.has_answered and not isinstance(error, TimeoutError):
            raise StaleConnection(str(error)) from error


def connection_class(base: Any, reach: Reach | None, on_noise: Callable[[], None]) -> Any:
    """Return a class of connections for a pool.

    Args:
        base: the pool's own.
        reach: decides which addresses may be connected to; None behind a proxy.
        on_noise: called when a server sends more than it was asked for.
    """
    if issubclass(base, PooledConnection):  # a proxy's pool, which several routes share
        return base
    noise = staticmethod(on_noise)
    answers = type("PooledAnswer", (MeteredResponse,), {"on_surplus": noise})
    members = {"response_class": answers, "reach": reach, "on_noise": noise}
    return type("ConnectionOfRoute", (PooledConnection, base), members)


def note_noise(connection: Any, on_noise: Callable[[], None]) -> None:
    """Look at an idle connection with something to read, which may be no more than its end."""
    with contextlib.suppress(OSError):
        connection.sock.settimeout(0)
        if connection.sock.recv(1):
            on_noise()
