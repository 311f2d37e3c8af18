"""A SOCKS5 proxy without logins, which leads every host to one server of this machine."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import final


@final
class SocksProxy:
    """A proxy on loopback; whatever host is asked for, it connects to `upstream_port`.

    Attributes:
        hosts: that were asked for, as names.
    """

    def __init__(self, upstream_port: int) -> None:
        self.hosts: list[str] = []
        self._upstream_port = upstream_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept)

    @property
    def url(self) -> str:
        """Where it listens; hosts are resolved there."""
        return f"socks5h://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> SocksProxy:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, client.makefile("rb") as stream:
            _, methods = stream.read(2)
            stream.read(methods)
            client.sendall(b"\x05\x00")
            _, _, _, kind = stream.read(4)
            assert kind == 3, "a host is asked for by its name"
            self.hosts.append(stream.read(stream.read(1)[0]).decode())
            stream.read(2)
            client.sendall(b"\x05\x00\x00\x01" + bytes(6))
            with socket.create_connection(("127.0.0.1", self._upstream_port)) as upstream:
                _pass_on(client, upstream)


def _pass_on(client: socket.socket, upstream: socket.socket) -> None:
    ends = {client: upstream, upstream: client}
    while True:
        for ready in select.select(list(ends), [], [], 30)[0]:
            data = ready.recv(65536)
            if not data:
                return
            ends[ready].sendall(data)
