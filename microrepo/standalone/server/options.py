"""Options: how a server behaves."""

from __future__ import annotations

from typing import IO, NamedTuple


class Options(NamedTuple):
    """Settings of a server; times in seconds.

    ``header_timeout_s`` bounds a whole request head, ``idle_timeout_s`` the wait for the next one,
    ``stop_timeout_s`` the time for unfinished answers when the server stops. A client that takes
    less than ``min_send_bytes_per_s`` over ``send_timeout_s`` is disconnected. ``log`` receives
    access lines, ``errors`` tracebacks.
    """

    url: str = ""
    password_file: str = ""
    certificate: str = ""
    key: str = ""
    workers: int = 8
    max_connections: int = 1000
    header_timeout_s: float = 10.0
    idle_timeout_s: float = 30.0
    send_timeout_s: float = 60.0
    min_send_bytes_per_s: int = 100
    stop_timeout_s: float = 10.0
    log: IO[str] | None = None
    errors: IO[str] | None = None
