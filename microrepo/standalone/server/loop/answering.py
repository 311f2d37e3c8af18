"""Answering: authenticate a request, then answer it from memory or by a worker."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from microrepo.standalone.server.application.answers import plain_answer
from microrepo.standalone.server.application.application import READ_METHODS, Application
from microrepo.standalone.server.loop.connection import WORKING, Connection
from microrepo.standalone.server.loop.connection_table import ConnectionTable
from microrepo.standalone.server.loop.response_cache import ResponseCache
from microrepo.standalone.server.loop.workers import CheckingQueue, WorkerPool
from microrepo.standalone.server.messages.passwords import (
    ANYBODY,
    REFUSED,
    Login,
    OpenDoor,
    Passwords,
)
from microrepo.standalone.server.messages.requests import Request

if TYPE_CHECKING:
    Door = OpenDoor | Passwords


class Answering:
    """Answers requests.

    What is in memory is answered at once. Everything else goes to a worker, which sends until the
    client's socket is full and then gives the connection back, so that neither a slow disk nor a
    slow client delays others.
    """

    def __init__(
        self,
        application: Application,
        door: Door,
        connections: ConnectionTable,
        pool: WorkerPool,
        report: Callable[[str], None],
    ) -> None:
        self._application = application
        self._door = door
        self._connections = connections
        self._pool = pool
        self._report = report
        self._checking = CheckingQueue() if door.private else None
        self._cache = ResponseCache()
        self.stopping = False

    def start(self, connection: Connection, request: Request) -> int | None:
        """Answer a request; return the outcome of sending, None if a worker has it.

        Here it is decided, once for this request, whether the client may read.
        """
        if not self._application.needs_login(request):
            return self._answer(connection, request, ANYBODY)
        header = request.headers.get("authorization", "")
        login = self._door.known(header)
        if login or self._checking is None:
            return self._answer(connection, request, login or REFUSED)
        self._set_working(connection)
        check = partial(self._check, connection, request, header)
        self._checking.submit(connection.address, connection.wrong_logins, check)
        return None

    def _check(self, connection: Connection, request: Request, header: str) -> None:
        login = REFUSED
        try:
            login = self._door.check(header)
        except Exception:  # noqa: BLE001  # one request must not end a thread
            self._report(traceback.format_exc())
        self._pool.submit(connection, partial(self._work, connection, request, login))

    def _answer(self, connection: Connection, request: Request, login: Login) -> int | None:
        connection.user = login.user
        cached = None
        if login.allowed and request.method in READ_METHODS:
            cached = self._cache.get(request)
        if cached:
            connection.begin(cached, request.keep_alive and not self.stopping)
            return connection.pump()
        self._set_working(connection)
        self._pool.submit(connection, partial(self._work, connection, request, login))
        return None

    def go_on(self, connection: Connection) -> None:
        """Have a worker send more of a file."""
        self._set_working(connection)
        self._pool.submit(connection, connection.pump)

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

    def close(self) -> None:
        """End the threads that check passwords."""
        if self._checking:
            self._checking.close()
