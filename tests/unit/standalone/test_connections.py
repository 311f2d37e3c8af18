"""Rooms of the loop, without sockets: requests cut from bytes, victims, turns, logs."""

from __future__ import annotations

import io
import socket
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.standalone.server.loop.connection import (
    READING,
    SENDING,
    WORKING,
    Connection,
    Inbox,
)
from microrepo.standalone.server.loop.connection_table import choose_victim
from microrepo.standalone.server.loop.log_writer import LogWriter
from microrepo.standalone.server.loop.workers import CheckingQueue
from microrepo.standalone.server.messages.requests import (
    MAX_HEAD_BYTES,
    MAX_LINE_BYTES,
    RequestError,
)

HEAD = b"GET /%d HTTP/1.1\r\nHost: x\r\n"


@given(st.lists(st.integers(0, 3), max_size=5), st.data())
def test_requests_are_cut_the_same_however_they_arrive(bodies: list[int], data: Any) -> None:
    stream = b"".join(
        HEAD % number + b"Content-Length: %d\r\n\r\n" % size + b"b" * size
        for number, size in enumerate(bodies)
    )
    inbox, found = Inbox(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        inbox.received += stream[:size]
        stream = stream[size:]
        while request := inbox.next_request():
            found.append(request.path)
    assert found == [f"/{number}" for number in range(len(bodies))]


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (b"x" * (MAX_LINE_BYTES + 1), 414),
        (b"GET /" + b"x" * MAX_LINE_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"x" * (MAX_LINE_BYTES + MAX_HEAD_BYTES), 431),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
    ],
)
def test_what_is_too_long_or_malformed_is_refused(received: bytes, status: int) -> None:
    inbox = Inbox()
    inbox.received = received
    with pytest.raises(RequestError) as caught:
        inbox.next_request()
    assert caught.value.status == status


def _connection(address: str, state: int, since_s: float, sent: int = 0) -> Connection:
    connection = Connection(socket.socket(), address, tls=False, now=since_s)
    connection.sock.close()  # nothing of it is on the way
    connection.state, connection.sent = state, sent
    return connection


def test_the_address_with_the_most_connections_loses_one() -> None:
    many = [_connection("10.0.0.1", READING, since_s) for since_s in (5.0, 3.0, 4.0)]
    older = _connection("10.0.0.2", READING, 1.0)
    assert choose_victim([older, *many], 10.0) is many[1]
    assert choose_victim([older, many[0]], 10.0) is older


def test_the_slowest_reader_goes_when_nobody_waits() -> None:
    slow = _connection("10.0.0.1", SENDING, 0.0, sent=1000)
    fast = _connection("10.0.0.1", SENDING, 5.0, sent=4000)
    fresh = _connection("10.0.0.1", SENDING, 9.5)
    at_work = _connection("10.0.0.1", WORKING, 0.0)
    assert choose_victim([fast, slow, fresh, at_work], 10.0) is slow
    assert choose_victim([fresh, at_work], 10.0) is None
    assert choose_victim([], 10.0) is None


def test_each_address_gets_its_turn_and_wrong_logins_come_last() -> None:
    queue, order = CheckingQueue(count=1), list[str]()
    started, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        started.set()
        go_on.wait(10)

    queue.submit("a", 0, first)
    started.wait(10)
    for number in range(3):
        queue.submit("a", number, lambda number=number: order.append(f"a{number}"))  # type: ignore[misc]
    queue.submit("a", 0, lambda: order.append("a0 again"))
    queue.submit("b", 9, lambda: order.append("b"))
    queue.submit("a", 99, done.set)
    go_on.set()
    done.wait(10)
    queue.close()
    assert order == ["a0", "b", "a0 again", "a1", "a2"]


class _StuckStream(io.StringIO):
    """A pipe that nobody reads for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()

    def write(self, text: str) -> int:
        self.free.wait(10)
        return super().write(text)


def test_a_stuck_log_neither_blocks_nor_grows() -> None:
    stream = _StuckStream()
    writer = LogWriter(stream)
    for _ in range(100):
        writer.write("x" * 999_999 + "\n")
    stream.free.set()
    writer.close()
    written = stream.getvalue()
    assert 0 < written.count("x\n") <= 10
    writer = LogWriter(stream)
    writer.write("y\n")
    writer.close()
    assert stream.getvalue().endswith("y\n")


def test_lost_lines_are_counted_in_the_log() -> None:
    stream = _StuckStream()
    writer = LogWriter(stream)
    for _ in range(20):
        writer.write("x" * 999_999 + "\n")
    stream.free.set()
    for _ in range(1000):
        if stream.getvalue().count("x\n") >= 8:
            break
        threading.Event().wait(0.01)
    writer.write("last\n")
    writer.close()
    assert "12 log lines lost" in stream.getvalue()
    assert stream.getvalue().endswith("last\n")


@pytest.mark.parametrize("error", [OSError("full disk"), ValueError("closed file")])
def test_a_broken_log_is_survived(error: Exception) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            if text == "bad\n":
                raise error
            return super().write(text)

    stream = Broken()
    writer = LogWriter(stream)
    writer.write("bad\n")
    writer.write("good\n")
    writer.close()
    assert stream.getvalue() == "good\n"
