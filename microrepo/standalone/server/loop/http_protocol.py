"""HTTP protocol: take each connection from request to answer, over and over (RFC 9112)."""

from __future__ import annotations

import selectors
import socket
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from microrepo.standalone.server.application.answers import plain_answer
from microrepo.standalone.server.application.application import READ_METHODS, Application
from microrepo.standalone.server.loop.connection import (
    HANDSHAKE,
    LINGERING,
    LOST,
    READING,
    SENDING,
    WANT_READ,
    WANT_WRITE,
    WORKING,
    Connection,
)
from microrepo.standalone.server.loop.connection_table import ConnectionTable
from microrepo.standalone.server.loop.log_writer import AccessLog
from microrepo.standalone.server.loop.options import Options
from microrepo.standalone.server.loop.response_cache import ResponseCache
from microrepo.standalone.server.loop.tls_support import SSLWantReadError, SSLWantWriteError
from microrepo.standalone.server.loop.workers import CheckingQueue, WorkerPool
from microrepo.standalone.server.messages.passwords import (
    ANYBODY,
    REFUSED,
    Login,
    OpenDoor,
    Passwords,
)
from microrepo.standalone.server.messages.requests import Request, RequestError
from microrepo.standalone.server.messages.responses import plain_response

_LINGER_S = 2.0
if TYPE_CHECKING:
    Door = OpenDoor | Passwords


class HttpProtocol:
    """Reads requests and sends answers, in the thread that watches all connections.

    What is in memory is answered at once. Everything else goes to a worker, which sends until the
    client's socket is full and then gives the connection back, so that neither a slow disk nor a
    slow client delays others.
    """

    def __init__(
        self,
        application: Application,
        door: Door,
        options: Options,
        connections: ConnectionTable,
        pool: WorkerPool,
        report: Callable[[str], None],
    ) -> None:
        self._application = application
        self._door = door
        self._options = options
        self._connections = connections
        self._pool = pool
        self._report = report
        self._checking = CheckingQueue() if door.private else None
        self._cache = ResponseCache()
        self.log = AccessLog(options.log) if options.log else None
        self.stopping = False

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
            if not inbox.received and not inbox.discard:
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
            self._authenticate(connection, request)

    def refuse(self, connection: Connection, status: int, text: str) -> None:
        """Answer something that is not a proper request, and close the connection."""
        connection.begin(plain_response(status, text), keep=False)
        self._settle(connection, connection.pump())

    # Answering

    def _authenticate(self, connection: Connection, request: Request) -> None:
        """Decide, once for this request, whether the client may read."""
        if not self._application.needs_login(request):
            self._answer(connection, request, ANYBODY)
            return
        header = request.headers.get("authorization", "")
        login = self._door.known(header)
        if login or self._checking is None:
            self._answer(connection, request, login or REFUSED)
            return
        self._set_working(connection)
        check = partial(self._check, connection, request, header)
        self._checking.submit(connection.address, connection.wrong_logins, check)

    def _check(self, connection: Connection, request: Request, header: str) -> None:
        login = REFUSED
        try:
            login = self._door.check(header)
        except Exception:  # noqa: BLE001  # one request must not end a thread
            self._report(traceback.format_exc())
        self._pool.submit(connection, partial(self._work, connection, request, login))

    def _answer(self, connection: Connection, request: Request, login: Login) -> None:
        connection.user = login.user
        cached = None
        if login.allowed and request.method in READ_METHODS:
            cached = self._cache.get(request)
        if cached:
            connection.begin(cached, request.keep_alive and not self.stopping)
            self._settle(connection, connection.pump())
        else:
            self._set_working(connection)
            self._pool.submit(connection, partial(self._work, connection, request, login))

    def _set_working(self, connection: Connection) -> None:
        connection.state = WORKING
        self._connections.watch(connection, 0)

    def _work(self, connection: Connection, request: Request, login: Login) -> int:
        """Make and send an answer, in a worker's thread."""
        connection.user = login.user
        connection.wrong_logins += not login.allowed
        try:
            answer = self._application.respond(request, login)
        except OSError as error:
            self._report(f"{request.line}: {error}\n")
            answer = plain_answer(503, "The repository cannot be read.")
        except Exception:  # noqa: BLE001  # whatever went wrong, the client gets an answer
            self._report(traceback.format_exc())
            answer = plain_answer(500, "Internal error; the server's log has the details.")
        if answer.checks and request.method in READ_METHODS:
            self._cache.put(request, answer)
        connection.begin(answer.response, request.keep_alive and not self.stopping)
        return connection.pump()

    def take_back(self, connection: Connection, outcome: int) -> None:
        """Go on with a connection that a worker has given back."""
        connection.state = SENDING
        self._settle(connection, outcome)
        self._next(connection)

    def _continue(self, connection: Connection) -> None:
        if connection.left:
            self._set_working(connection)
            self._pool.submit(connection, connection.pump)
        else:
            self._settle(connection, connection.pump())
            self._next(connection)

    def _next(self, connection: Connection) -> None:
        if connection.state == READING and connection.inbox.received:
            self._advance(connection)
        if connection.state == READING and connection.tls:
            # What is decrypted already makes no socket readable.
            self._receive(connection)

    def _settle(self, connection: Connection, outcome: int) -> None:
        now = time.monotonic()
        if outcome in {WANT_READ, WANT_WRITE}:
            connection.state = SENDING
            if connection.taken_before < 0:
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

    # Deadlines

    def _set_speed_limit(self, connection: Connection, now: float) -> None:
        connection.taken_before = max(connection.taken(), 0)
        connection.deadline_s = now + self._options.send_timeout_s

    def expire(self, connection: Connection, now: float) -> None:
        """Close a connection whose deadline has passed, unless its client reads fast enough."""
        if connection.state == READING and connection.inbox.received:
            self.refuse(connection, 408, "The request took too long.")
            return
        if connection.state == SENDING:
            least = self._options.min_send_bytes_per_s * self._options.send_timeout_s
            if connection.taken() - connection.taken_before >= least:
                self._set_speed_limit(connection, now)
                return
        if connection.state != WORKING:
            self._connections.drop(connection)

    def close(self) -> None:
        """End the threads and write what is left of the log."""
        if self._checking:
            self._checking.close()
        if self.log:
            self.log.close()
