"""Listening: the server's socket, new clients, and how many the system allows."""

from __future__ import annotations

import errno
import os
import socket
import time
from typing import TYPE_CHECKING

from microrepo.standalone.server.loop.connection import Connection
from microrepo.standalone.server.loop.connection_table import ConnectionTable
from microrepo.standalone.server.loop.tls_support import WAITING_ERRORS
from microrepo.standalone.server.options import Options

if TYPE_CHECKING:
    import ssl


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address.

    Raises:
        OSError: the address cannot be used.
        ValueError: the port is out of range.
    """
    if not 0 <= port <= 65535:
        # Some systems would take the number modulo 65536.
        raise ValueError(f"--port {port}: a port is 0 to 65535")
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    found.sort(key=lambda row: row[0] != socket.AF_INET)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def allowed_connections(wanted: int) -> int:
    """Return how many connections the limit on open files allows, raising it if possible."""
    # Each connection may need a second descriptor, for the file it gets.
    needed = 2 * wanted + 64
    try:
        import resource  # not on Windows
    except ImportError:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    except (OSError, ValueError):
        raised = soft
    return max(8, (raised - 64) // 2)


class Acceptor:
    """Accepts clients and enters them in the table."""

    def __init__(
        self,
        listener: socket.socket,
        tls: ssl.SSLContext | None,
        connections: ConnectionTable,
        options: Options,
    ) -> None:
        self._listener = listener
        self._tls = tls
        self._connections = connections
        self._options = options

    def accept(self) -> None:
        """Accept the clients that wait, up to 64 at a time."""
        for _ in range(64):
            try:
                sock, address = self._listener.accept()
            except WAITING_ERRORS:
                return
            except OSError as error:
                if error.errno in {errno.EMFILE, errno.ENFILE}:
                    self._connections.evict()
                return
            self._welcome(sock, str(address[0]))

    def _welcome(self, sock: socket.socket, address: str) -> None:
        if not self._connections.has_room():
            sock.close()
            return
        sock.setblocking(False)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        except OSError:
            sock.close()
            return
        connection = Connection(sock, address, self._tls is not None, time.monotonic())
        connection.deadline_s += self._options.header_timeout_s
        self._connections.add(connection)
