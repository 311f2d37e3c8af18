"""A thousand slow clients of a server: `python slow_clients.py PORT PATH COUNT` keeps them all open.

Four kinds, a fourth of them each, and an address each: headers a byte at a time, a body a byte at
a time, an answer read a few bytes at a time, and nothing at all. Clients that the server
disconnects come back. Prints one line when nearly all are connected, and their fates once its
standard input is closed.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import select
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator

KINDS = ("headers", "body", "reading", "idle")
_HEAD = b"GET %s HTTP/1.1\r\nHost: slow.example\r\n"
_PAUSE_S = 0.5
_READ_BYTES = 64
_LATER_S = 0.2
_MOST = 0.95  # the server may make room for others


class SlowClient:
    """One slow client, which comes back when it is disconnected."""

    def __init__(self, kind: str, port: int, path: str) -> None:
        self.kind = kind
        self._address = (f"127.0.1.{KINDS.index(kind) + 1}", port)
        self._path = path.encode()
        self._sock: socket.socket | None = None
        self._rest: Iterator[bytes] = iter(())

    @property
    def is_connected(self) -> bool:
        """Whether it has a connection."""
        return self._sock is not None

    def act(self) -> str:
        """Do the next small thing; return what came of it."""
        try:
            if self._sock is None:
                self._connect()
                return "connected"
            if self.kind == "reading":
                return "" if self._sock.recv(_READ_BYTES) else self._lose("disconnected")
            with contextlib.suppress(BlockingIOError):
                if not self._sock.recv(1 << 16):
                    return self._lose("disconnected")
            piece = next(self._rest, b"")
            if piece:
                self._sock.send(piece)
        except BlockingIOError:
            return ""
        except OSError:
            return self._lose("disconnected")
        return ""

    def _connect(self) -> None:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(2)
        sock.bind((self._address[0], 0))
        sock.connect(("127.0.0.1", self._address[1]))
        sock.setblocking(False)
        self._sock = sock
        head = _HEAD % self._path
        if self.kind == "headers":
            self._rest = _bytes_of(head + b"X-Slow: " + b"x" * 100_000)
        elif self.kind == "body":
            sock.send(head + b"Content-Length: 100000\r\n\r\n")
            self._rest = _bytes_of(b"y" * 100_000)
        elif self.kind == "reading":
            sock.send(head + b"\r\n")

    def _lose(self, why: str) -> str:
        if self._sock is not None:
            self._sock.close()
        self._sock = None
        return why


def _bytes_of(text: bytes) -> Iterator[bytes]:
    return (text[at : at + 1] for at in range(len(text)))


def run(port: int, path: str, count: int) -> Counter[str]:
    """Keep the clients busy until standard input is closed."""
    clients = [SlowClient(KINDS[number % len(KINDS)], port, path) for number in range(count)]
    turns = [(0.0, number) for number in range(count)]
    fates: Counter[str] = Counter()
    is_ready = False
    while not select.select([0], [], [], 0)[0]:
        due, number = heapq.heappop(turns)
        time.sleep(max(0.0, due - time.monotonic()))
        client = clients[number]
        fate = client.act()
        if fate:
            fates[f"{client.kind} {fate}"] += 1
        pause_s = _LATER_S if fate == "disconnected" else _PAUSE_S
        heapq.heappush(turns, (time.monotonic() + pause_s, number))
        if not is_ready and sum(one.is_connected for one in clients) >= _MOST * count:
            is_ready = True
            print("ready", flush=True)
    for kind in KINDS:
        fates[f"{kind} open"] = sum(one.is_connected for one in clients if one.kind == kind)
    return fates


if __name__ == "__main__":
    os.nice(5)
    print(json.dumps(run(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))), flush=True)
