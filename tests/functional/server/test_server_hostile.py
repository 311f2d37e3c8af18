"""What an attacker sends: malformed requests, traversal, huge headers, half requests, injection."""

from __future__ import annotations

import json
import os
import random
import socket
import time
from pathlib import Path

import pytest

from tests.functional.server.conftest import put
from tests.functional.server.serving import JSON, Served, read_all, serve
from tests.support.packages import build_wheel

SECRET = b"the secret of the outside"


@pytest.fixture
def outside(bare: Path) -> Path:
    """Files that must never be served, beside the repository and hidden within it."""
    (bare.parent / "secret-1.0.tar.gz").write_bytes(SECRET)
    (bare.parent / "secret.txt").write_bytes(SECRET)
    hidden = bare / ".microrepo"
    (hidden / "partial").mkdir(parents=True)
    (hidden / "state.db").write_bytes(SECRET)
    (hidden / "partial/half-1.0.zip").write_bytes(SECRET)
    (bare / ".hidden-1.0.zip").write_bytes(SECRET)
    (bare / "notes.txt").write_bytes(SECRET)
    (bare / "server.py").write_bytes(SECRET)
    (bare / "sub").mkdir()
    (bare / "sub/below-1.0.zip").write_bytes(SECRET)
    return bare


def _status(reply: bytes) -> int:
    assert reply.startswith(b"HTTP/1.1 "), reply[:80]
    return int(reply[9:12])


def _get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin-1")


CLIMBS = [
    "/../secret-1.0.tar.gz",
    "/..%2fsecret-1.0.tar.gz",
    "/%2e%2e/secret-1.0.tar.gz",
    "/%2e%2e%2fsecret-1.0.tar.gz",
    "/%252e%252e%252fsecret-1.0.tar.gz",
    "/..%5csecret-1.0.tar.gz",
    "/..\\secret-1.0.tar.gz",
    "/..%c0%afsecret-1.0.tar.gz",
    "/%c0%ae%c0%ae/secret-1.0.tar.gz",
    "/%uff0e%uff0e/secret-1.0.tar.gz",
    "/%ef%bc%8e%ef%bc%8e/secret-1.0.tar.gz",
    "/..;/secret-1.0.tar.gz",
    "/.%00./secret-1.0.tar.gz",
    "/secret-1.0.tar.gz%00.zip",
    "//secret-1.0.tar.gz",
    "/./secret-1.0.tar.gz",
    "/simple/../../secret-1.0.tar.gz",
    "/simple/%2e%2e/%2e%2e/secret-1.0.tar.gz",
    "/simple/..%2f..%2fsecret-1.0.tar.gz/",
    "/simple/foo-bar/../../../secret-1.0.tar.gz",
    "/project/../../secret.txt",
    "/project/%2e%2e/",
    "/pypi/../json",
    "/pypi/%2e%2e%2f%2e%2e/json",
    "/.microrepo/state.db",
    "/%2emicrorepo/state.db",
    "/%2Emicrorepo/partial/half-1.0.zip",
    "/simple/.microrepo/",
    "/.hidden-1.0.zip",
    "/%2ehidden-1.0.zip",
    "/sub/below-1.0.zip",
    "/sub%2fbelow-1.0.zip",
    "/notes.txt",
    "/server.py",
    "/simple",
    "/c:/windows-1.0.zip",
    "/foo_bar-1.0-py3-none-any.whl:stream-1.0.zip",
    "/con.zip ",
    "http://evil.example/../secret-1.0.tar.gz",
    "http://evil.example/%2e%2e/secret-1.0.tar.gz",
    "file:///etc/passwd",
    "*",
    "secret-1.0.tar.gz",
    "?x",
    "/?q=../../secret",
    "/" + "../" * 500 + "etc/passwd",
    "/" + "%2e%2e%2f" * 300 + "etc/passwd",
]


@pytest.mark.parametrize("target", CLIMBS)
def test_nothing_outside_and_nothing_hidden(outside: Path, target: str) -> None:
    with serve(outside) as running:
        reply = running.raw(_get(target))
        assert SECRET not in reply
        assert b"root:" not in reply
        assert _status(reply) in {200, 301, 400, 404, 414}
        if _status(reply) == 200:
            assert target == "/?q=../../secret"


def test_symlinks_may_stay_inside_but_not_leave(outside: Path) -> None:
    (outside / "in-1.0.whl").symlink_to(outside / "foo_bar-1.0-py3-none-any.whl")
    (outside / "out-1.0.zip").symlink_to(outside.parent / "secret-1.0.tar.gz")
    (outside / "hidden-1.0.zip").symlink_to(".microrepo/partial/half-1.0.zip")
    (outside / "loop-1.0.zip").symlink_to("loop-1.0.zip")
    (outside / "folder-1.0.zip").mkdir()
    (outside / "simple").symlink_to(outside.parent)
    (outside.parent / "nope").mkdir()
    (outside.parent / "nope/index.v1_json").write_bytes(SECRET)
    with serve(outside) as running:
        assert running.ask("/in-1.0.whl").status == 200
        for name in ("out-1.0.zip", "hidden-1.0.zip", "loop-1.0.zip", "folder-1.0.zip"):
            assert running.ask("/" + name).status == 404
            assert running.ask(f"/simple/{name.partition('-')[0]}/").status == 404
        assert running.ask("/simple/nope/").status == 404
        assert running.ask("/simple/nope/index.v1_json").status == 404


def test_a_sidecar_that_leads_out_is_not_read(outside: Path) -> None:
    """Neither its digest nor its text may come from elsewhere."""
    name = "foo_bar-1.0-py3-none-any.whl.metadata"
    secret = outside.parent / "secret-metadata"
    secret.write_bytes(b"Name: foo-bar\nSummary: " + SECRET + b"\n")
    (outside / name).symlink_to(secret)
    folder = outside / "pypi/other"
    folder.mkdir(parents=True)
    (folder / "json").symlink_to(secret)
    with serve(outside) as running:
        assert running.ask("/" + name).status == 404
        assert running.ask("/pypi/other/json").status == 404
        page = json.loads(running.ask("/simple/foo-bar/", Accept=JSON).body)
        assert [entry["core-metadata"] is False for entry in page["files"]] == [True, False, True]
        for path in ("/project/foo-bar/?version=1.0", "/project/other/", "/"):
            assert SECRET not in running.ask(path).body


def test_names_that_are_no_text_are_passed_over(outside: Path) -> None:
    """A name of undecodable bytes must not take the pages down."""
    for name in (b"foo_bar-9.\xff.tar.gz", b"foo_bar-8\n.zip", b"\xff\xfe-1.0.zip"):
        (outside / os.fsdecode(name)).write_bytes(b"x")
    with serve(outside) as running:
        for path in (
            "/",
            "/simple/",
            "/simple/foo-bar/",
            "/simple/links.html",
            "/project/foo-bar/",
        ):
            reply = running.ask(path)
            assert reply.status == 200
            assert b"bar-9." not in reply.body or path == "/"


def test_half_a_surrogate_pair_in_a_page(with_tree: Path) -> None:
    page = with_tree / "simple/foo-bar/index.v1_json"
    page.write_bytes(page.read_bytes().replace(b"old & done", b"\\ud800 done"))
    (with_tree / "simple/foo-bar/index.v1_html").unlink()
    with serve(with_tree) as running:
        assert b"? done" in running.ask("/simple/foo-bar/").body
        assert b"? done" in running.ask("/project/foo-bar/").body


def test_a_version_of_thousands_of_digits(served: Served) -> None:
    assert served.ask("/project/foo-bar/?version=" + "9" * 7000).status == 200
    assert served.ask("/?page=" + "9" * 7000).status == 200
    assert served.ask("/simple/foo-bar/?format=" + "9" * 7000).status == 406


def test_a_file_that_turns_into_a_symlink_is_not_served_from_memory(outside: Path) -> None:
    name = "turn-1.0.zip"
    (outside / name).write_bytes(b"good")
    with serve(outside) as running:
        assert running.ask("/" + name).body == b"good"
        (outside / name).unlink()
        (outside / name).symlink_to(outside.parent / "secret-1.0.tar.gz")
        assert running.ask("/" + name).status == 404


def test_a_pipe_does_not_hang_a_worker(outside: Path) -> None:
    os.mkfifo(outside / "pipe-1.0.zip")
    with serve(outside, workers=1) as running:
        assert running.ask("/pipe-1.0.zip").status == 404
        assert running.ask("/healthz").status == 200


MALFORMED = {
    "no version": b"GET /\r\n\r\n",
    "http 0.9": b"GET /healthz\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "space in target": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "lower-case version": b"GET / http/1.1\r\nHost: x\r\n\r\n",
    "long version": b"GET / HTTP/1.10\r\nHost: x\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "bad host": b"GET / HTTP/1.1\r\nHost: <script>\r\n\r\n",
    "host with path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: x\r\nrubbish\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "folded first": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "bare lf": b"GET / HTTP/1.1\nHost: x\n\n",
    "bare lf within": b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
    "bare cr": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n",
    "nul in header": b"GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n",
    "nul in target": b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes above ascii in target": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "fragment": b"GET /#x HTTP/1.1\r\nHost: x\r\n\r\n",
    "bad length": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "plus length": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n",
    "two lengths": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "list of lengths": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n",
    "length and chunks": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a tls client": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "binary": bytes(range(256)) + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_requests_get_400_and_no_second_answer(served: Served, name: str) -> None:
    follow_up = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    reply = served.raw(MALFORMED[name] + follow_up)
    assert _status(reply) == 400
    assert reply.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close\r\n" in reply


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /" + b"a" * 100_000, 414),
        (b"A" * 100_000, 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 100_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 100_000, 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 500_000, 413),
        (b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 500 + b"\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", 417),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    ],
    ids=range(12),
)
def test_requests_are_bounded(served: Served, request_bytes: bytes, status: int) -> None:
    assert _status(served.raw(request_bytes)) == status


def test_no_header_value_is_made_of_what_was_asked(served: Served) -> None:
    """Line ends in every encoding, in each place that is echoed."""
    for bad in ("%0d%0aX-Evil:%201", "%0aX-Evil:1", "\rX-Evil: 1", "%E5%98%8A%E5%98%8DX-Evil:1"):
        for target in (f"/simple/Foo{bad}", f"/simple/Foo?{bad}", f"/{bad}", f"/project/A{bad}/"):
            reply = served.raw(_get(target))
            head = reply.partition(b"\r\n\r\n")[0]
            assert b"\r\nX-Evil" not in head
            assert b"\nX-Evil" not in head


def test_nothing_asked_for_becomes_markup(served: Served) -> None:
    script = "%3Cscript%3Ealert(1)%3C/script%3E"
    for target in (f"/?q={script}", f"/?letter={script}", f"/project/foo-bar/?version={script}"):
        reply = served.ask(target)
        assert b"<script>alert" not in reply.body
        assert reply.headers["content-security-policy"].startswith("default-src 'none'")


def test_the_log_can_not_be_forged(served: Served) -> None:
    served.raw(
        b'GET /x"y HTTP/1.1\r\nHost: x\r\nUser-Agent: a"\\\x1b[31m\x80\r\nConnection: close\r\n\r\n'
    )
    served.raw(b'GET / HTTP/1.1\r\nHost: x\r\nReferer: a"b\\\x85c\r\nConnection: close\r\n\r\n')
    served.server.shutdown()
    lines = served.log.getvalue().splitlines()
    assert len(lines) == 2
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert '\\"b\\\\\\x85c' in lines[1]


def test_random_bytes_never_stop_the_server(served: Served) -> None:
    """Mutations of good requests, with a fixed seed; errors would show in the error log."""
    source = random.Random(20)
    good = b"GET /simple/foo-bar/?format=x HTTP/1.1\r\nHost: x\r\nAccept: */*;q=0.5\r\nRange: bytes=0-5\r\n\r\n"
    for _ in range(300):
        data = bytearray(good)
        for _ in range(source.randint(1, 6)):
            at = source.randrange(len(data))
            if source.random() < 0.5:
                data[at] = source.randrange(256)
            else:
                data[at:at] = source.choice([b"\r\n", b"\0", b" ", b"%", b"..", b"/", b"\xff" * 9])
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as sock:
            sock.sendall(bytes(data))
            sock.shutdown(socket.SHUT_WR)
            reply = read_all(sock)
            assert not reply or _status(reply) != 500
    assert served.ask("/healthz").status == 200


def test_half_requests_and_sudden_ends(served: Served) -> None:
    for data in (b"", b"G", b"GET / HTTP/1.1\r\nHost", b"GET / HTTP/1.1\r\nHost: x\r\n"):
        assert served.raw(data, half_close=True) == b""
    for _ in range(50):
        sock = socket.create_connection(("127.0.0.1", served.port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.sendall(_get("/simple/foo-bar/"))
        sock.close()
    assert served.ask("/healthz").status == 200


def test_a_request_in_single_bytes(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"\r\n" + _get("/healthz"):
            sock.sendall(bytes([byte]))
        assert _status(read_all(sock)) == 200


def test_slow_clients_are_cut_off(bare: Path) -> None:
    """A trickle of header bytes does not extend the time for the whole head."""
    with serve(bare, header_timeout_s=1.0, idle_timeout_s=1.0) as running:
        started_s = time.monotonic()
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n")
            reply = b""
            sock.settimeout(0.1)
            while time.monotonic() < started_s + 50 and not reply:
                try:
                    sock.sendall(b"X-A: b\r\n")
                    reply = sock.recv(9999)
                except TimeoutError:
                    continue
            assert _status(reply) == 408
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
            assert sock.recv(10) == b""
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert _status(read_all(sock)) == 200
        assert time.monotonic() - started_s < 60


def test_a_client_that_reads_nothing_is_cut_off(bare: Path) -> None:
    (bare / "big-1.0.zip").write_bytes(bytes(60_000_000))
    with serve(bare, send_timeout_s=1.0) as running:
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
            sock.sendall(_get("/big-1.0.zip"))
            time.sleep(3)
            assert len(read_all(sock)) < 60_000_000
        assert running.ask("/healthz").status == 200


def test_500_slow_clients_stop_nobody(bare: Path) -> None:
    """Clients that send half a request and wait, others that read nothing, and one who works."""
    (bare / "big-1.0.zip").write_bytes(bytes(8_000_000))
    with serve(bare) as running:
        address = ("127.0.0.1", running.port)
        slow = [socket.create_connection(address, timeout=10) for _ in range(500)]
        try:
            for number, sock in enumerate(slow):
                sock.sendall(_get("/big-1.0.zip") if number % 2 else b"GET / HTTP/1.1\r\nHo")
            started_s = time.monotonic()
            for _ in range(20):
                assert running.ask("/simple/foo-bar/").status == 200
                assert running.ask("/foo_bar-1.0-py3-none-any.whl").status == 200
            assert time.monotonic() - started_s < 60
        finally:
            for sock in slow:
                sock.close()


def test_more_clients_than_allowed_push_out_those_who_only_wait(bare: Path) -> None:
    with serve(bare, max_connections=20) as running:
        waiting = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(60)]
        try:
            for sock in waiting:
                try:
                    sock.sendall(b"GET / HTTP/1.1\r\n")
                except OSError:
                    continue
            for _ in range(5):
                assert running.ask("/healthz").status == 200
        finally:
            for sock in waiting:
                sock.close()


def test_hostile_metadata_is_only_text(bare: Path) -> None:
    lines = [
        "Author: <img src=x onerror=alert(1)>",
        "License: " + "long " * 500,
        "Project-URL: <b>, javascript:alert(1)",
        "Project-URL: Broken, http://[",
        "Project-URL: Good, https://project.example/?a=1&b=2",
    ]
    wheel = build_wheel(
        "evil", "1.0", summary="<script>alert(1)</script>", metadata_lines=lines,
        requires_dist=["foo-bar", "nope"],
    )  # fmt: skip
    put(bare, wheel)
    (bare / "broken-1.0-py3-none-any.whl").write_bytes(b"PK\3\4 no archive")
    (bare / "broken-1.0.tar.gz").write_bytes(b"\x1f\x8b no archive")
    with serve(bare) as running:
        page = running.ask("/project/evil/").body
        assert b"<script>alert" not in page
        assert b"<img" not in page
        assert b"javascript:" not in page
        assert b"https://project.example/?a=1&amp;b=2" in page
        assert b'<a href="../foo-bar/">foo-bar</a>' in page
        assert running.ask("/project/broken/").status == 200
        assert running.ask("/simple/broken/").status == 200
        assert b"<script>alert" not in running.ask("/").body
