"""Files over HTTP: ranges, conditions, HEAD, keep-alive, sizes above and below the cache's limit."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

import pytest

from tests.functional.server.serving import Served, read_all, read_reply, serve

CORS = "access-control-allow-origin"
SMALL, LARGE = "small-1.0.tar.gz", "large-1.0.tar.gz"


@pytest.fixture
def files(bare: Path) -> dict[str, bytes]:
    source = random.Random(1)
    contents = {SMALL: source.randbytes(1000), LARGE: source.randbytes(3_000_000)}
    for name, content in contents.items():
        (bare / name).write_bytes(content)
        os.utime(bare / name, (1_700_000_000, 1_700_000_000))
    return contents


@pytest.mark.parametrize("name", [SMALL, LARGE])
def test_a_whole_file(served: Served, files: dict[str, bytes], name: str) -> None:
    for _ in range(2):  # read from disk, then perhaps from memory
        reply = served.ask("/" + name)
        assert (reply.status, reply.body) == (200, files[name])
        assert reply.headers["content-length"] == str(len(files[name]))
        assert reply.headers["accept-ranges"] == "bytes"
        assert reply.headers["content-type"] == "application/octet-stream"
        assert reply.headers["cache-control"] == "max-age=365000000, immutable"
        assert reply.headers["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "content-encoding" not in reply.headers


@pytest.mark.parametrize("name", [SMALL, LARGE])
def test_head_has_the_same_header_and_no_body(
    served: Served, files: dict[str, bytes], name: str
) -> None:
    get, head = served.ask("/" + name), served.ask("/" + name, "HEAD")
    assert head.body == b""
    for header in ("content-length", "etag", "last-modified", "accept-ranges"):
        assert head.headers[header] == get.headers[header]


@pytest.mark.parametrize("name", [SMALL, LARGE])
@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=10-19", slice(10, 20)),
        ("bytes=500-", slice(500, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=990-99999999999", slice(990, None)),
        ("Bytes = 1-2", slice(1, 3)),
        ("bytes=-99999999999", slice(0, None)),
    ],
)
def test_single_ranges(
    served: Served, files: dict[str, bytes], name: str, text: str, part: slice
) -> None:
    content = files[name]
    reply = served.ask("/" + name, Range=text)
    start, stop, _ = part.indices(len(content))
    assert (reply.status, reply.body) == (206, content[part])
    assert reply.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(content)}"
    assert reply.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("text", ["bytes=3000000-", "bytes=-0", "bytes=99999999-99999999999"])
def test_a_range_outside_of_the_file(served: Served, files: dict[str, bytes], text: str) -> None:
    reply = served.ask("/" + LARGE, Range=text)
    assert (reply.status, reply.body) == (416, b"")
    assert reply.headers["content-range"] == "bytes */3000000"


@pytest.mark.parametrize(
    "text",
    ["bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "bytes=1" * 900],
)
def test_a_range_that_is_not_served_gets_the_whole(
    served: Served, files: dict[str, bytes], text: str
) -> None:
    reply = served.ask("/" + SMALL, Range=text)
    assert (reply.status, reply.body) == (200, files[SMALL])


def test_if_range(served: Served, files: dict[str, bytes]) -> None:
    headers = served.ask("/" + LARGE, "HEAD").headers
    for same in (headers["etag"], headers["last-modified"]):
        assert served.ask("/" + LARGE, Range="bytes=0-9", If_Range=same).status == 206
    for other in ('"x"', "W/" + headers["etag"], "Tue, 14 Nov 2023 22:13:21 GMT", "rubbish"):
        reply = served.ask("/" + LARGE, Range="bytes=0-9", If_Range=other)
        assert (reply.status, len(reply.body)) == (200, 3_000_000)


def test_conditional_requests(served: Served, files: dict[str, bytes]) -> None:
    tag = served.ask("/" + LARGE, "HEAD").headers["etag"]
    for header in (tag, f'"x", {tag}', "W/" + tag, "*"):
        reply = served.ask("/" + LARGE, If_None_Match=header)
        assert (reply.status, reply.body) == (304, b"")
    assert served.ask("/" + LARGE, If_None_Match='"x"').status == 200
    since = "Tue, 14 Nov 2023 22:13:20 GMT"
    assert served.ask("/" + LARGE, If_Modified_Since=since).status == 304
    assert served.ask("/" + LARGE, If_Modified_Since="Tue, 14 Nov 2023 22:13:19 GMT").status == 200
    assert served.ask("/" + LARGE, If_Modified_Since="rubbish").status == 200
    both = served.ask("/" + LARGE, If_None_Match='"x"', If_Modified_Since=since)
    assert both.status == 200


def test_an_empty_file(served: Served, bare: Path) -> None:
    (bare / "empty-1.0.zip").write_bytes(b"")
    assert served.ask("/empty-1.0.zip").body == b""
    assert served.ask("/empty-1.0.zip", Range="bytes=0-").status == 416


def test_many_requests_on_one_connection(served: Served, files: dict[str, bytes]) -> None:
    connection = served.connect()
    for name in (SMALL, LARGE, SMALL, "nope.zip", LARGE):
        connection.request("GET", "/" + name)
        reply = read_reply(connection)
        assert reply.body == files[name] if name in files else reply.status == 404
        assert connection.sock is not None
    connection.close()


def test_pipelined_requests_are_answered_in_order(served: Served, files: dict[str, bytes]) -> None:
    requests = [f"GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n" for name in (SMALL, LARGE, SMALL)]
    last = "HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    reply = served.raw("".join([*requests, last]).encode())
    assert reply.count(b"HTTP/1.1 200 OK\r\n") == 4
    assert reply.find(files[SMALL]) < reply.find(files[LARGE]) < reply.rfind(files[SMALL])


def test_http_1_0_closes_unless_asked(served: Served, files: dict[str, bytes]) -> None:
    reply = served.raw(f"GET /{SMALL} HTTP/1.0\r\n\r\n".encode())
    assert reply.endswith(files[SMALL])
    kept = f"GET /{SMALL} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    reply = served.raw((kept + f"GET /{SMALL} HTTP/1.0\r\n\r\n").encode())
    assert reply.count(files[SMALL]) == 2
    assert b"Connection: keep-alive\r\n" in reply


def test_a_slow_reader_gets_the_whole_file(served: Served, files: dict[str, bytes]) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sock.sendall(f"GET /{LARGE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        first = sock.recv(1000)
        other = served.ask("/" + SMALL)
        assert other.body == files[SMALL]
        assert (first + read_all(sock)).endswith(files[LARGE])


def test_a_file_that_shrinks_while_it_is_sent_is_cut_off(bare: Path) -> None:
    """Content-Length is promised: the client must see that something is missing."""
    path = bare / "shrink-1.0.zip"
    path.write_bytes(bytes(80_000_000))
    with serve(bare) as running, socket.create_connection(("127.0.0.1", running.port)) as sock:
        sock.settimeout(20)
        sock.sendall(b"GET /shrink-1.0.zip HTTP/1.1\r\nHost: x\r\n\r\n")
        first = sock.recv(100)
        os.truncate(path, 1000)
        assert len(first) + len(read_all(sock)) < 80_000_000


def test_a_file_that_is_replaced_is_served_anew(
    served: Served, files: dict[str, bytes], bare: Path
) -> None:
    assert served.ask("/" + SMALL).body == files[SMALL]
    (bare / "new").write_bytes(b"other")
    (bare / "new").replace(bare / SMALL)
    assert served.ask("/" + SMALL).body == b"other"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"])
def test_other_methods_are_refused(served: Served, method: str) -> None:
    reply = served.ask("/simple/", method)
    assert reply.status == 405
    assert reply.headers["allow"] == "GET, HEAD, OPTIONS"


def test_scripts_of_other_sites_may_read_index_and_files(
    served: Served, files: dict[str, bytes]
) -> None:
    """micropip runs in a browser, which asks for this permission (CORS)."""
    for path in ("/simple/", "/simple/foo-bar/", *(f"/{name}" for name in files)):
        assert served.ask(path, Origin="https://other.example").headers[CORS] == "*"
    missing = served.ask("/simple/nope/", Origin="https://other.example")
    assert (missing.status, missing.headers[CORS]) == (404, "*")
    for path in ("/", "/project/foo-bar/", "/healthz"):
        assert CORS not in served.ask(path, Origin="https://other.example").headers


@pytest.mark.parametrize("path", ["/simple/foo-bar/", "/missing", "/" + SMALL])
def test_a_browser_may_ask_first(served: Served, path: str) -> None:
    reply = served.ask(path, "OPTIONS", Access_Control_Request_Headers="range")
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers[CORS] == "*"
    assert "Range" in reply.headers["access-control-allow-headers"]
    assert "content-length" not in reply.headers
    raw = b"OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.0\r\n\r\n"
    assert b"200 OK" in served.raw(raw)


def test_a_request_with_a_small_body_keeps_the_connection(served: Served) -> None:
    data = b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    data += b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert served.raw(data).count(b"HTTP/1.1 200 OK\r\n") == 2
