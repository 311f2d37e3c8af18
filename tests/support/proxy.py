"""A small HTTP proxy: forwards requests, tunnels connections, and leads every host to one server."""

from __future__ import annotations

import base64
import http.client
import select
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import final
from urllib.parse import urlsplit

_HOP_BY_HOP = {"connection", "proxy-connection", "proxy-authorization", "keep-alive"}


@final
class Proxy(ThreadingHTTPServer):
    """A proxy on loopback; whatever host is asked for, it connects to `upstream_port`.

    Attributes:
        forwarded: URLs of the requests that it passed on.
        tunnels: ``host:port`` of the connections that it opened.
        refused: requests without the credentials it wants.
    """

    daemon_threads = True

    def __init__(self, upstream_port: int, auth: tuple[str, str] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream_port = upstream_port
        self.auth = auth
        self.forwarded: list[str] = []
        self.tunnels: list[str] = []
        self.refused = 0
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def server_bind(self) -> None:
        TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away."""

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_GET(self) -> None:
        if not self._is_welcome():
            return
        self.server.forwarded.append(self.path)
        parts = urlsplit(self.path)
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream_port, timeout=30)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
        try:
            upstream.request("GET", parts.path, headers=headers)
            answer = upstream.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            for key, value in answer.getheaders():
                if key.lower() not in _HOP_BY_HOP:
                    self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)
        finally:
            upstream.close()

    def do_CONNECT(self) -> None:
        if not self._is_welcome():
            return
        self.server.tunnels.append(self.path)
        with socket.create_connection(("127.0.0.1", self.server.upstream_port)) as upstream:
            self.send_response(200)
            self.end_headers()
            self._pass_on(upstream)
        self.close_connection = True

    def _is_welcome(self) -> bool:
        if self.server.auth is None:
            return True
        expected = base64.b64encode(":".join(self.server.auth).encode()).decode()
        if self.headers.get("Proxy-Authorization") == f"Basic {expected}":
            return True
        self.server.refused += 1
        self.send_response(407)
        self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def _pass_on(self, upstream: socket.socket) -> None:
        ends = {self.connection: upstream, upstream: self.connection}
        with suppress(OSError):
            while True:
                for ready in select.select(list(ends), [], [], 30)[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    ends[ready].sendall(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (inherited)
        """Say nothing."""
