"""Idle connections that libcurl keeps, watched for bytes that nobody asked for."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Collection
from contextlib import suppress

_DRAIN_BYTES = 1 << 16
_MOST_DRAINS = 64
# Records of TLS with less are alerts and such; an answer takes more.
_APPLICATION_DATA, _LEAST_RECORD_BYTES = 0x17, 64


class IdleSockets:
    """Connections of one origin that have answered at least once.

    They are libcurl's, which closes them when it likes: a descriptor counts while its socket has the
    local port that it had.

    Args:
        is_tls: what comes is packed into records.
    """

    def __init__(self, *, is_tls: bool) -> None:
        self._is_tls = is_tls
        self._ports: dict[int, int] = {}

    def add(self, descriptor: int, port: int) -> None:
        """Remember a connection."""
        self._ports[descriptor] = port

    def close_noisy(self, busy: Collection[int], wait_s: float) -> bool:
        """Close the idle connections with something to read.

        Args:
            busy: descriptors that are in use.
            wait_s: how long to wait for something to read.

        Returns:
            Whether one had more to read than its end.
        """
        idle = [descriptor for descriptor in self._ports if descriptor not in busy]
        if not idle:
            return False
        poll = select.poll()
        for descriptor in idle:
            poll.register(descriptor, select.POLLIN)
        found = False
        for descriptor, _ in poll.poll(wait_s * 1000):
            port = self._ports.pop(descriptor)
            with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as same:
                if same.getsockname()[1] == port:
                    found |= self._is_answer(_drain(same))
        return found

    def _is_answer(self, first: bytes) -> bool:
        if not self._is_tls or not first:
            return bool(first)
        return (
            first[0] == _APPLICATION_DATA
            and int.from_bytes(first[3:5], "big") >= _LEAST_RECORD_BYTES
        )


def _drain(same: socket.socket) -> bytes:
    """End a connection so that its other owner meets nothing but the end.

    Returns:
        The beginning of what there was to read.
    """
    first = b""
    same.setblocking(False)
    with suppress(BlockingIOError):
        for _ in range(_MOST_DRAINS):
            piece = same.recv(_DRAIN_BYTES)
            if not piece:
                break
            first = first or piece
    same.shutdown(socket.SHUT_RDWR)
    return first
