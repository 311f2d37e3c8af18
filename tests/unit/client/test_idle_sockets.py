"""Connections that libcurl keeps: what comes unasked ends them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from microrepo.client.transport.libcurl.idle_sockets import IdleSockets

ALERT = b"\x15\x03\x03\x00\x02\x01\x00"
CLOSE_OF_TLS_1_3 = b"\x17\x03\x03\x00\x13" + bytes(19)
ANSWER_BY_TLS = b"\x17\x03\x03\x01\x00" + bytes(256)
Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Both ends of a connection; the first is the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    with client, server:
        yield client, server


def idle(client: socket.socket, *, is_tls: bool = False) -> IdleSockets:
    made = IdleSockets(is_tls=is_tls)
    made.add(client.fileno(), client.getsockname()[1])
    return made


@pytest.mark.parametrize(
    ("is_tls", "sent", "is_noisy"),
    [
        (False, b"", False),
        (False, b"HTTP/1.1 200 OK\r\n", True),
        (True, ALERT, False),
        (True, CLOSE_OF_TLS_1_3, False),
        (True, ANSWER_BY_TLS, True),
    ],
)
def test_bytes_that_nobody_asked_for_end_a_connection(
    ends: Ends, is_tls: bool, sent: bytes, is_noisy: bool
) -> None:
    client, server = ends
    watched = idle(client, is_tls=is_tls)
    assert not watched.close_noisy((), 0)
    server.sendall(sent)
    server.shutdown(socket.SHUT_WR)
    assert watched.close_noisy((), 5) is is_noisy
    assert client.recv(100) == b""
    assert server.recv(100) == b""


def test_a_connection_in_use_is_left_alone(ends: Ends) -> None:
    client, server = ends
    watched = idle(client)
    server.sendall(b"an answer")
    assert not watched.close_noisy({client.fileno()}, 0)
    assert client.recv(100) == b"an answer"


def test_another_socket_of_the_same_number_is_left_alone(ends: Ends) -> None:
    client, server = ends
    watched = IdleSockets(is_tls=False)
    watched.add(client.fileno(), server.getsockname()[1])
    server.sendall(b"not ours")
    assert not watched.close_noisy((), 5)
    assert client.recv(100) == b"not ours"


def test_a_number_that_is_no_socket_any_more_is_forgotten() -> None:
    read, write = os.pipe()
    watched = IdleSockets(is_tls=False)
    watched.add(read, 1)
    os.write(write, b"x")
    assert not watched.close_noisy((), 5)
    assert os.read(read, 10) == b"x"
    os.close(read)
    os.close(write)
