"""Running the one-file server and talking to it: by http.client, and by bare sockets."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from tests.support.assembled_server import SERVER_FILE, server_module

JSON = server_module.JSON_TYPE
HTML = server_module.HTML_TYPE


@dataclass(frozen=True)
class Reply:
    """One answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Served:
    """A server running in a thread of this process."""

    directory: Path
    server: Any
    log: StringIO
    errors: StringIO
    context: ssl.SSLContext | None = None

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        return str(self.server.url)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Reply:
        """Ask on a connection of its own; underscores in header names stand for dashes."""
        connection = self.connect()
        try:
            connection.request(method, path, headers=_named(headers))
            return read_reply(connection)
        finally:
            connection.close()

    def connect(self) -> http.client.HTTPConnection:
        if self.context is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        return http.client.HTTPSConnection("localhost", self.port, timeout=20, context=self.context)

    def raw(self, data: bytes, *, timeout_s: float = 20, half_close: bool = False) -> bytes:
        """Send bytes and return all that comes until the server closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s) as sock:
            sock.sendall(data)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
            return read_all(sock)


def read_reply(connection: http.client.HTTPConnection) -> Reply:
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, headers, response.read())


def read_all(sock: socket.socket) -> bytes:
    """Read until the end; a reset ends it as well."""
    parts = []
    try:
        while part := sock.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@contextmanager
def serve(
    directory: Path,
    context: ssl.SSLContext | None = None,
    *,
    may_complain: Any = False,
    **options: Any,
) -> Iterator[Served]:
    """Serve a directory at a free port of loopback until the block ends.

    Args:
        may_complain: errors may be written, but no traceback. They are written in the background.
    """
    log, errors = StringIO(), StringIO()
    server = server_module.make_server(
        str(directory), "127.0.0.1", 0, **{"log": log, "errors": errors, **options}
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Served(directory, server, log, errors, context)
    finally:
        server.shutdown()
        thread.join(timeout=20)
    assert not thread.is_alive()
    written = errors.getvalue()
    assert "Traceback" not in written, written
    assert may_complain or written == "", written


@dataclass
class Program:
    """The server file, running as a program of its own."""

    process: subprocess.Popen[bytes]
    output: Path
    errors: Path
    url: str = ""

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])

    def stop(self, number: int = signal.SIGTERM) -> tuple[str, str]:
        """Send a signal, wait for the end, and return what it wrote to its two streams."""
        self.process.send_signal(number)
        assert self.process.wait(timeout=20) == 0
        return self.output.read_text("utf-8"), self.errors.read_text("utf-8")


@contextmanager
def serve_file(
    directory: Path, *arguments: str, python: Path | str, script: Path = SERVER_FILE
) -> Iterator[Program]:
    """Run the server file by an interpreter, warnings being errors, until the block ends."""
    command = [str(python), "-W", "error", str(script), "--port", "0", *arguments]
    if directory != script.parent:
        command += ["--directory", str(directory)]
    output, errors = directory.parent / "stdout", directory.parent / "stderr"
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"}
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, cwd="/", env=environment)
    program = Program(process, output, errors)
    try:
        wait_until(lambda: process.poll() is not None or b"\n\n" in output.read_bytes())
        first = output.read_text("utf-8").partition("\n")[0]
        assert " at http" in first, errors.read_text("utf-8")
        program.url = first.split(" at ", 1)[1].split()[0]
        yield program
    finally:
        process.kill()
        process.wait()


def wait_until(condition: Any, timeout_s: float = 10) -> None:
    """Wait for something that another thread brings about."""
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.02)
