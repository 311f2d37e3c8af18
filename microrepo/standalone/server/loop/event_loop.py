"""Event loop: one thread that accepts and watches all connections."""

from __future__ import annotations

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
from microrepo.standalone.server.loop.answering import Answering
from microrepo.standalone.server.loop.connection import HANDSHAKE, READING, WORKING, Connection
from microrepo.standalone.server.loop.connection_table import ConnectionTable
from microrepo.standalone.server.loop.http_protocol import HttpProtocol
from microrepo.standalone.server.loop.listening import Acceptor, allowed_connections, listen
from microrepo.standalone.server.loop.log_writer import LogWriter
from microrepo.standalone.server.loop.sending import Sending
from microrepo.standalone.server.loop.tls_support import WAITING_ERRORS, tls_context
from microrepo.standalone.server.loop.workers import WorkerPool
from microrepo.standalone.server.options import Options

if TYPE_CHECKING:
    from microrepo.standalone.server.loop.answering import Door

_SWEEP_S = 0.2


class Server:
    """Serves an application until it is stopped."""

    def __init__(
        self, application: Application, address: tuple[str, int], options: Options, door: Door
    ) -> None:
        self._options = options
        tls = tls_context(options) if options.certificate else None
        self._listener = listen(*address)
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        for sock in (self._listener, self._waker, self._woken):
            sock.setblocking(False)
        self._errors = LogWriter(options.errors) if options.errors else None
        self._pool = WorkerPool(options.workers, self._wake, self._report)
        most = allowed_connections(options.max_connections)
        self._connections = ConnectionTable(self._selector, most)
        self._acceptor = Acceptor(self._listener, tls, self._connections, options)
        self._answering = Answering(application, door, self._connections, self._pool, self._report)
        self._sending = Sending(options, self._connections)
        self._protocol = HttpProtocol(options, self._connections, self._answering, self._sending)
        self._stop_at_s: float | None = None
        self.is_log_written = True
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
        return (
            self._options.url
            or f"{'https' if self._options.certificate else 'http'}://{shown}:{port}/"
        )

    def serve_forever(self) -> None:
        """Serve until `shutdown` or `request_stop` is called."""
        if not self._started.acquire(blocking=False):
            return
        self._selector.register(self._listener, selectors.EVENT_READ, self._acceptor.accept)
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
        self._answering.stopping = True
        self._wake()

    def shutdown(self) -> None:
        """Stop the server and wait until it has ended; unfinished answers may finish."""
        self.request_stop()
        if self._started.acquire(blocking=False):
            self._close()
        self._finished.wait(self._options.stop_timeout_s + 5)

    def _turn(self) -> None:
        protocol = self._protocol
        for key, _ in self._selector.select(_SWEEP_S if self._sending.log else 1.0):
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
        if self._sending.log:
            self._sending.log.flush()
        for connection in self._connections:
            if connection.deadline_s < now:
                self._guard(connection, partial(self._protocol.expire, connection, now))

    def _report(self, text: str) -> None:
        if self._errors:
            self._errors.write(text)

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
        self._answering.close()
        writers = [writer for writer in (self._sending.log, self._errors) if writer]
        # Each is closed, whatever becomes of the others.
        closed = [writer.close() for writer in writers]
        self.is_log_written = all(closed)
        for closing in (self._selector, self._listener, self._waker, self._woken):
            closing.close()
        self._finished.set()
