"""Event loop: one thread that accepts and watches all connections."""

from __future__ import annotations

import errno
import selectors
import socket
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from microrepo.standalone.server.application.application import Application
from microrepo.standalone.server.loop.connection import HANDSHAKE, READING, WORKING, Connection
from microrepo.standalone.server.loop.connection_table import ConnectionTable
from microrepo.standalone.server.loop.http_protocol import HttpProtocol
from microrepo.standalone.server.loop.listening import allowed_connections, listen
from microrepo.standalone.server.loop.log_writer import LogWriter
from microrepo.standalone.server.loop.options import Options
from microrepo.standalone.server.loop.tls_support import WAITING_ERRORS, tls_context
from microrepo.standalone.server.loop.workers import WorkerPool

if TYPE_CHECKING:
    from microrepo.standalone.server.loop.http_protocol import Door

_SWEEP_S = 0.2


class Server:
    """Serves an application until it is stopped."""

    def __init__(
        self, application: Application, address: tuple[str, int], options: Options, door: Door
    ) -> None:
        self._options = options
        self._tls = tls_context(options) if options.certificate else None
        self._listener = listen(*address)
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        for sock in (self._listener, self._waker, self._woken):
            sock.setblocking(False)
        self._errors = LogWriter(options.errors) if options.errors else None
        self._pool = WorkerPool(options.workers, self._wake, self._report)
        most = allowed_connections(options.max_connections)
        self._connections = ConnectionTable(self._selector, most)
        self._protocol = HttpProtocol(
            application, door, options, self._connections, self._pool, self._report
        )
        self._stop_at_s: float | None = None
        self._started = threading.Lock()
        self._finished = threading.Event()
        self._swept_s = 0.0
        host, port = self._listener.getsockname()[:2]
        self.server_address: tuple[str, int] = (host, port)

    @property
    def url(self) -> str:
        """The address of the repository for clients, with a trailing slash."""
        host, port = self.server_address
        if host in {"0.0.0.0", "::"}:  # noqa: S104
            host = socket.gethostname()
        shown = f"[{host}]" if ":" in host else host
        return self._options.url or f"{'https' if self._tls else 'http'}://{shown}:{port}/"

    def serve_forever(self) -> None:
        """Serve until `shutdown` or `request_stop` is called."""
        if not self._started.acquire(blocking=False):
            return
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._woken, selectors.EVENT_READ, self._drain)
        try:
            while not self._is_over():
                self._turn()
        finally:
            self._close()

    def request_stop(self) -> None:
        """Ask the server to end, from any thread or a signal handler; the second time, at once."""
        grace_s = self._options.stop_timeout_s if self._stop_at_s is None else 0.0
        self._stop_at_s = time.monotonic() + grace_s
        self._protocol.stopping = True
        self._wake()

    def shutdown(self) -> None:
        """Stop the server and wait until it has ended; unfinished answers may finish."""
        self.request_stop()
        if self._started.acquire(blocking=False):
            self._close()
        self._finished.wait(self._options.stop_timeout_s + 5)

    def _turn(self) -> None:
        protocol = self._protocol
        for key, _ in self._selector.select(_SWEEP_S if protocol.log else 1.0):
            if isinstance(key.data, Connection):
                self._guard(key.data, partial(protocol.ready, key.data))
            else:
                key.data()
        returned = self._pool.returned
        while returned:
            connection, outcome = returned.popleft()
            self._guard(connection, partial(protocol.take_back, connection, outcome))
        now = time.monotonic()
        if now - self._swept_s > _SWEEP_S:
            self._swept_s = now
            self._sweep(now)

    def _guard(self, connection: Connection, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:  # noqa: BLE001  # a fault in one connection must not end the others
            self._report(traceback.format_exc())
            self._connections.drop(connection)

    def _sweep(self, now: float) -> None:
        if self._protocol.log:
            self._protocol.log.flush()
        for connection in self._connections:
            if connection.deadline_s < now:
                self._guard(connection, partial(self._protocol.expire, connection, now))

    def _report(self, text: str) -> None:
        if self._errors:
            self._errors.write(text)

    # Taking connections

    def _accept(self) -> None:
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

    # Ending

    def _wake(self) -> None:
        # A full pipe wakes the loop anyway; a closed one means that it has ended.
        with suppress(OSError):
            self._waker.send(b"w")

    def _drain(self) -> None:
        with suppress(*WAITING_ERRORS):
            self._woken.recv(4096)

    def _is_over(self) -> bool:
        if self._stop_at_s is None:
            return False
        if self._listener.fileno() >= 0:
            self._selector.unregister(self._listener)
            self._listener.close()
        for connection in self._connections:
            if connection.state in {HANDSHAKE, READING}:
                self._connections.drop(connection)
        return not self._connections or time.monotonic() > self._stop_at_s

    def _close(self) -> None:
        for connection in self._connections:
            if connection.state == WORKING:
                # Its worker may still use it; the end of the process closes it.
                continue
            self._connections.drop(connection)
        self._pool.close()
        self._protocol.close()
        if self._errors:
            self._errors.close()
        for closing in (self._selector, self._listener, self._waker, self._woken):
            closing.close()
        self._finished.set()
