"""The HTTP/1.1 under the server: connections, keep-alive, how bytes leave."""

from __future__ import annotations

import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from tests.support.answers import Answer, Request
from tests.support.faults import Disconnect, Fault, Pause

Decide = Callable[[Request], tuple[Answer, tuple[Fault, ...]]]
_CHUNK_BYTES = 1 << 18
_CLOSE_TIMEOUT_S = 2.0


class Listener(ThreadingHTTPServer):
    """Accepts connections on loopback, one thread each, and can end them all.

    Args:
        decide: answers a request, or raises `Disconnect`.
        pause: sleeps that many seconds, or raises `Disconnect`.
    """

    daemon_threads = True
    request_queue_size = 1024
    allow_reuse_address = True

    def __init__(self, decide: Decide, pause: Pause, port: int, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        if tls is not None:
            # The handshake runs in the connection's own thread, at its first read.
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        self.decide = decide
        self.pause = pause
        self.errors: list[BaseException] = []
        self.resets: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()

    def server_bind(self) -> None:
        # Not HTTPServer's: it asks the resolver for a name, which can take seconds.
        TCPServer.server_bind(self)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._changed:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        if request in self.resets:
            # Closed without lingering, the kernel sends a reset instead of an orderly end.
            self.resets.discard(request)
            with suppress(OSError):
                request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_request(request)
        else:
            super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, (OSError, Disconnect)):
            self.errors.append(error)

    def end_connections(self) -> None:
        """Shut every connection and wait, for two seconds at most, until its thread let go."""
        deadline = time.monotonic() + _CLOSE_TIMEOUT_S
        with self._changed:
            for connection in self._open:
                # The base class's: SSLSocket's own would pull the rug from under a reader.
                with suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
            while self._open and time.monotonic() < deadline:
                self._changed.wait(deadline - time.monotonic())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener

    def do_GET(self) -> None:
        request = self._request()
        try:
            answer, faults = self.server.decide(request)
            for fault in faults:
                answer = fault.answer(answer)
            request.status = answer.status
            self._send(request, answer, faults)
        except Disconnect as end:
            self.close_connection = True
            if end.reset:
                self.server.resets.add(self.connection)
        except OSError:
            self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 (the base class calls them so)

    def _request(self) -> Request:
        length = int(self.headers.get("Content-Length") or 0)
        return Request(
            method=self.command,
            path=self.path,
            headers={key.lower(): value for key, value in self.headers.items()},
            client_port=self.client_address[1],
            body=self.rfile.read(length) if length else b"",
        )

    def _send(self, request: Request, answer: Answer, faults: tuple[Fault, ...]) -> None:
        lines = [f"HTTP/1.1 {answer.status} {_phrase(answer.status)}"]
        headers = {"Date": self.date_time_string(), **answer.headers}
        if answer.has_length and answer.status not in {204, 304}:
            headers.setdefault("Content-Length", str(len(answer.body)))
        if answer.closes:
            headers["Connection"] = "close"
            self.close_connection = True
        lines += [f"{key}: {value}" for key, value in headers.items()]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if request.method == "HEAD" or not answer.body:
            self.wfile.write(head)
            return
        for piece in _pieces(answer.body, faults, self.server.pause):
            # Counted first: a client that has read everything finds the number complete.
            request.bytes_sent += len(piece)
            self.wfile.write(head + piece if head else piece)
            head = b""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (inherited)
        """Say nothing; requests are recorded."""


def _pieces(
    body: bytes, faults: tuple[Fault, ...], pause: Callable[[float], None]
) -> Iterator[bytes]:
    for fault in faults:
        shaped = fault.stream(body, pause)
        if shaped is not None:
            return shaped
    starts = range(0, len(body), _CHUNK_BYTES)
    return (body[start : start + _CHUNK_BYTES] for start in starts)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
