"""Answers that never end, come too slowly, or are more than they seem: each costs its request."""

from __future__ import annotations

import base64
import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from microrepo.client import Client, ClientSettings
from microrepo.client.settings import TransportName
from microrepo.errors import MalformedResponse, SourceError, Unavailable
from microrepo.formats.bounds import Bound, OutOfBounds
from tests.support.transports import each_transport

pytestmark = each_transport

Answering = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class RawServer:
    """Answers each request with bytes; `pieces` are sent on and on after the `head`."""

    def __init__(self) -> None:
        self.answers: dict[str, Answering] = {}
        self.heads: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                head = [line]
                while (line := stream.readline()).strip():
                    head.append(line)
                self.heads.append(b"".join(head).decode("latin-1"))
                self.answers[head[0].split()[1].decode()](connection)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def says(*pieces: bytes) -> Answering:
    return lambda connection: connection.sendall(b"".join(pieces))


def closes_after(*pieces: bytes) -> Answering:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"".join(pieces))
        connection.shutdown(socket.SHUT_RDWR)

    return answer


def for_ever(head: bytes, piece: bytes, pause_s: float = 0) -> Answering:
    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(piece)
            time.sleep(pause_s)

    return answer


@pytest.fixture
def server() -> Iterator[RawServer]:
    made = RawServer()
    made.answers["/good"] = says(HEAD, b"Content-Length: 2\r\n\r\n{}")
    yield made
    made.close()


@pytest.fixture
def client(transport: TransportName) -> Iterator[Client]:
    made = Client(ClientSettings(transport=transport, retries=1, timeout_s=0.5))
    yield made
    made.close()


ENDLESS = {
    "body of a redirect": for_ever(b"HTTP/1.1 302 x\r\nLocation: /good\r\n\r\n", b"x" * 65536),
    "chunked body of a redirect": for_ever(
        b"HTTP/1.1 302 x\r\nLocation: /good\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"
    ),
    "body of an error": for_ever(b"HTTP/1.1 404 x\r\n\r\n", b"x" * 65536),
    "chunked body of an error": for_ever(
        b"HTTP/1.1 503 x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"
    ),
    "100 Continue": for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "100 Continue, slowly": for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
    "a head, slowly": for_ever(b"HTTP/1.1 200 OK\r\n", b"A", 0.05),
    "trailers": for_ever(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"A: b\r\n"),
    "trailers, slowly": for_ever(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"A: b\r\n", 0.1
    ),
    "a body, slowly": for_ever(HEAD + b"Content-Length: 1000000\r\n\r\n", b" ", 0.1),
    "a body, fast": for_ever(HEAD + b"\r\n", b"x" * 65536),
    "a chunk, digit by digit": for_ever(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0", 0.1),
    "empty gzip streams": for_ever(
        HEAD + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"") * 100
    ),
}


PATIENT = {
    "a redirect, slowly": for_ever(
        b"HTTP/1.1 302 x\r\nLocation: /x\r\nContent-Length: 60000\r\n\r\n", b"x" * 20, 0.05
    ),
    "an error, slowly": for_ever(
        b"HTTP/1.1 404 x\r\nContent-Length: 60000\r\n\r\n", b"x" * 20, 0.05
    ),
    "a body": for_ever(HEAD + b"Content-Length: 90000\r\n\r\n", b" " * 20, 0.05),
    "a body without a length": for_ever(HEAD + b"\r\n", b" " * 20, 0.05),
    "chunks of one byte": for_ever(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 20, 0.05
    ),
    "packed bytes": for_ever(HEAD + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b""), 0.05),
}


@pytest.mark.parametrize("what", PATIENT)
def test_an_answer_that_is_never_slow_for_long_is_given_up(
    server: RawServer, transport: TransportName, what: str
) -> None:
    client = Client(ClientSettings(transport=transport, retries=3, timeout_s=0.2))
    server.answers["/x"] = PATIENT[what]
    started = time.monotonic()
    with suppress(SourceError):
        assert client.get(f"{server.url}/x").body == b""
    assert time.monotonic() - started < 15
    assert client.get(f"{server.url}/good").body == b"{}"
    client.close()


@pytest.mark.parametrize("what", ENDLESS)
def test_an_answer_without_end_is_given_up(server: RawServer, client: Client, what: str) -> None:
    server.answers["/x"] = ENDLESS[what]
    started = time.monotonic()
    with suppress(SourceError):
        client.get(f"{server.url}/x", bound=Bound(1 << 22, marks=1 << 20))
    assert time.monotonic() - started < 10
    assert client.get(f"{server.url}/good").body == b"{}"


BROKEN = {
    "cut off": closes_after(
        b"HTTP/1.1 302 x\r\nLocation: /good\r\nContent-Length: 1000\r\n\r\nabc"
    ),
    "badly chunked": closes_after(
        b"HTTP/1.1 302 x\r\nLocation: /good\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc"
    ),
    "of negative length": closes_after(
        b"HTTP/1.1 302 x\r\nLocation: /good\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc"
    ),
    "of a length of 5,000 digits": closes_after(
        b"HTTP/1.1 302 x\r\nLocation: /good\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nabc"
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_redirect_counts_whatever_its_body_is(
    server: RawServer, client: Client, what: str
) -> None:
    server.answers["/x"] = BROKEN[what]
    with suppress(Unavailable):
        assert client.get(f"{server.url}/x").body == b"{}"


@pytest.mark.parametrize(
    "answer",
    [
        says(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n"),
        says(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000 + b"\r\n\r\n"),
        closes_after(HEAD, b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabc"),
        closes_after(b"\x16\x03\x01 not HTTP at all"),
        says(b"HTTP/1.1 302 x\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n"),
        says(b"HTTP/1.1 302 x\r\nLocation: //\x00\r\nContent-Length: 0\r\n\r\n"),
        says(b"HTTP/1.1 302 x\r\nLocation: http://a:99999999/\r\nContent-Length: 0\r\n\r\n"),
        says(HEAD, b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}"),
        says(HEAD, b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
    ],
)
def test_an_odd_answer_is_an_expected_error(
    server: RawServer, client: Client, answer: Answering
) -> None:
    server.answers["/x"] = answer
    with pytest.raises(SourceError, match=r"127|a:9|%00"):
        client.get(f"{server.url}/x")


def encoded(body: bytes, encoding: bytes) -> bytes:
    return b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(body)) + body


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress(bytes(1 << 26)), b"gzip"),
        (zlib.compress(bytes(1 << 26)), b"deflate"),
        (zlib.compress(bytes(1 << 26))[2:-4], b"deflate"),
    ],
    ids=["gzip", "zlib", "deflate"],  # gzip's bytes have a time in them
)
def test_a_bomb_is_refused_before_it_unpacks(
    server: RawServer, client: Client, packed: bytes, encoding: bytes
) -> None:
    server.answers["/x"] = says(HEAD, encoded(packed, encoding))
    with pytest.raises(OutOfBounds, match="times its packed size"):
        client.get(f"{server.url}/x")


@pytest.mark.parametrize("encoding", [b"gzip", b"x-gzip", b"deflate"])
def test_honest_encodings_are_read(server: RawServer, client: Client, encoding: bytes) -> None:
    body = b"[1, 2, 3]" * 5000
    packed = zlib.compress(body) if encoding == b"deflate" else gzip.compress(body)
    server.answers["/x"] = says(HEAD, encoded(packed, encoding))
    assert client.get(f"{server.url}/x").body == body
    server.answers["/x"] = says(HEAD, encoded(zlib.compress(body)[2:-4], b"deflate"))
    assert client.get(f"{server.url}/x").body == body


def test_bytes_behind_an_answer_are_not_the_next_answer(server: RawServer, client: Client) -> None:
    forged = HEAD + b"Content-Length: 6\r\n\r\nforged"
    server.answers["/x"] = says(HEAD, b"Content-Length: 2\r\n\r\n{}", forged)
    assert client.get(f"{server.url}/x").body == b"{}"
    assert client.get(f"{server.url}/good").body == b"{}"


TOKEN = base64.b64encode(b"bob:S3cr3t!x").decode()
SECRETS = (TOKEN, TOKEN.rstrip("="), "S3cr3t!x", "S3cr3t%21x")
ECHO = b"Basic %s bob:S3cr3t!x bob:S3cr3t%%21x" % TOKEN.encode()
PACKED_ECHO = gzip.compress(ECHO)
ECHOES = {
    "body": says(HEAD, b"Content-Length: %d\r\n\r\n" % len(ECHO), ECHO),
    "packed body": says(
        HEAD,
        b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED_ECHO),
        PACKED_ECHO,
    ),
    "error": says(b"HTTP/1.1 404 x\r\nContent-Length: %d\r\n\r\n" % len(ECHO), ECHO),
    "reason": says(b"HTTP/1.1 400 " + ECHO + b"\r\nContent-Length: 0\r\n\r\n"),
    "header": says(b"HTTP/1.1 200 x\r\nETag: " + ECHO + b"\r\nContent-Length: 0\r\n\r\n"),
    "redirect": says(
        b"HTTP/1.1 302 x\r\nLocation: ftp://x/" + TOKEN.encode() + b"\r\nContent-Length: 0\r\n\r\n"
    ),
    "encoding": says(HEAD, b"Content-Encoding: " + ECHO + b"\r\nContent-Length: 0\r\n\r\n"),
    "status line": closes_after(ECHO + b"\r\n\r\n"),
    "size of a chunk": closes_after(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + ECHO + b"\r\nabc"
    ),
    "length": says(HEAD, b"Content-Length: " + ECHO + b"\r\n\r\n"),
    "trailer": says(
        HEAD, b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nA: " + ECHO + b"\r\n\r\n"
    ),
}


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("where", ECHOES)
def test_a_server_that_repeats_our_credentials_is_not_quoted(
    server: RawServer, transport: TransportName, where: str, method: str
) -> None:
    settings = ClientSettings(
        transport=transport, retries=0, timeout_s=5, auth={server.url: ("bob", "S3cr3t!x")}
    )
    client = Client(settings)
    server.answers["/x"] = ECHOES[where]
    seen = ""
    try:
        url = f"{server.url}/x"
        answer = client.get(url) if method == "get" else client.post(url, {}, b"")
        seen = f"{answer.body!r} {answer.reason} {dict(answer.headers)} {answer.url}"
    except SourceError as error:
        seen = f"{error} {error!r}"
    assert TOKEN in server.heads[0]
    assert not [secret for secret in SECRETS if secret in seen], seen
    client.close()


def test_the_default_of_netrc_is_not_for_a_redirect(
    server: RawServer, tmp_path: object, monkeypatch: pytest.MonkeyPatch, transport: TransportName
) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w") as stream:
        stream.write("default login bob password S3cr3t\n")
    monkeypatch.setenv("NETRC", netrc)
    other = RawServer()
    other.answers["/y"] = says(HEAD, b"Content-Length: 2\r\n\r\n{}")
    there = other.url.replace("127.0.0.1", "localhost")
    location = f"Location: {there}/y\r\n".encode()
    server.answers["/x"] = says(b"HTTP/1.1 302 x\r\nContent-Length: 0\r\n", location, b"\r\n")
    client = Client(
        ClientSettings(transport=transport, retries=0, timeout_s=5, internal_hosts=("localhost",))
    )
    assert client.get(f"{server.url}/x").body == b"{}"
    assert "Authorization" in server.heads[0]
    assert "Authorization" not in other.heads[0]
    client.close()
    other.close()


def test_a_redirect_may_not_lead_to_another_service_here(server: RawServer, client: Client) -> None:
    other = RawServer()
    there = other.url.replace("127.0.0.1", "localhost")
    location = f"Location: {there}/admin?delete=all\r\n".encode()
    server.answers["/x"] = says(b"HTTP/1.1 302 x\r\nContent-Length: 0\r\n", location, b"\r\n")
    with pytest.raises(MalformedResponse, match="internal_hosts"):
        client.get(f"{server.url}/x")
    assert other.heads == []
    other.close()
