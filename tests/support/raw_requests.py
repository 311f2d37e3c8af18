"""Raw HTTP requests at random: well-formed, odd and broken ones, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

_METHODS = (b"GET",) * 8 + (b"HEAD", b"OPTIONS", b"POST", b"PUT", b"TRACE", b"CONNECT", b"get", b"")
_TARGETS = (
    b"/", b"/simple/", b"/simple/p0/", b"/simple/P_0", b"/simple/nowhere/", b"/project/p1/",
    b"/pypi/p0/json", b"/pypi/p0/1.0/json", b"/p0-1.0-py3-none-any.whl", b"/?q=p", b"/?page=9",
    b"/p0-1.0-py3-none-any.whl.metadata", b"/project/p1/?v=1.0", b"/static/style.css", b"*",
    b"/server.py", b"/last-modified", b"/health", b"/.microrepo/state.db", b"/../etc/passwd",
    b"/%2e%2e/%2e%2e/etc/passwd", b"/simple/%00/", b"/simple/%ff%fe/", b"//p0", b"/simple//p0//",
    b"http://x/simple/", b"https://evil.example/simple/p0/", b"evil.example:443", b"",
)  # fmt: skip
_HEADERS: tuple[tuple[bytes, tuple[bytes, ...]], ...] = (
    (b"Accept", (b"application/vnd.pypi.simple.v1+json", b"text/html;q=0.1, */*", b"*/*;q=x",
                 b"a/b;" * 500, b",,,;;;===", b"text/html;q=1e999")),
    (b"Accept-Encoding", (b"gzip", b"gzip;q=0, *;q=9", b"br, zstd, gzip;q=0.5", b"\xff")),
    (b"Range", (b"bytes=0-0", b"bytes=5-", b"bytes=-9", b"bytes=9-1", b"bytes=0-0,1-1,2-2",
                b"bytes=" + b"0-," * 300, b"bytes=99999999999999999999999-", b"lines=1-2")),
    (b"If-Range", (b'"x"', b"Mon, 01 Jan 99999 00:00:00 GMT", b"W/")),
    (b"If-None-Match", (b"*", b'"x"', b'W/"' + b"x" * 3000, b'",' * 400)),
    (b"If-Modified-Since", (b"Sun, 06 Nov 1994 08:49:37 GMT", b"now", b"9" * 400)),
    (b"Content-Length", (b"0", b"3", b"-1", b"3, 3", b"0x3", b"9" * 60, b" ", b"\xb2")),
    (b"Transfer-Encoding", (b"chunked", b"gzip, chunked", b"identity", b"chunked, chunked")),
    (b"Expect", (b"100-continue", b"200-ok")),
    (b"Connection", (b"close", b"keep-alive", b"upgrade, close", b"\x00")),
    (b"Upgrade", (b"h2c", b"websocket")),
    (b"Authorization", (b"Basic", b"Basic %%%", b"Basic YTpi", b"Bearer x", b"Basic " * 40)),
    (b"Cookie", (b"a=b", b"a=" + b"x" * 4000)),
    (b"Host", (b"x", b"", b"[::1]:80", b"a b", b"x:99999999")),
    (b"User-Agent", (b"pip/24.0", b"\x1b[2J", b'"', b"\xff\xfe", b"a\tb")),
    (b"X-Forwarded-For", (b"1.2.3.4, ::1", b"evil\x0b")),
    (b"X-" + b"y" * 900, (b"1",)),
    (b"Bad Name", (b"1",)), (b"", (b"1",)), (b"A\x00", (b"1",)), (b"Folded", (b"1\r\n 2",)),
)  # fmt: skip
_BODIES = (
    b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n", b"-1\r\n", b"g\r\n",
    b"ffffffffffffffffff\r\n", b"0\r\n" + b"A: b\r\n" * 50 + b"\r\n", b"3\nabc\n0\n\n",
)  # fmt: skip
_LARGEST_PADDING = 40_000


# What servers must answer without closing the connection.
_TAME = frozenset({
    b"Accept", b"Accept-Encoding", b"Range", b"If-Range", b"If-None-Match", b"If-Modified-Since",
    b"Cookie", b"Authorization", b"User-Agent",
})  # fmt: skip


def random_requests(rng: random.Random, most: int) -> Iterator[bytes]:
    """Yield up to `most` requests for one connection: well-formed ones, then perhaps a wild one."""
    for _ in range(rng.randint(0, most - 1)):
        yield _tame_request(rng)
    request = _request(rng)
    yield _mutated(request, rng) if rng.random() < 0.3 else request


def _tame_request(rng: random.Random) -> bytes:
    target = rng.choice([target for target in _TARGETS if target.startswith(b"/")])
    if rng.random() < 0.2:
        target += b"?" + rng.randbytes(rng.randint(0, 20)).hex().encode()
    lines = [rng.choice((b"GET ", b"GET ", b"HEAD ")) + target + b" HTTP/1.1", b"Host: x"]
    for name, values in rng.sample(_HEADERS, rng.choice((0, 1, 3))):
        if name in _TAME:
            lines.append(name + b": " + rng.choice(values))
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _request(rng: random.Random) -> bytes:
    target = rng.choice(_TARGETS)
    if rng.random() < 0.1:
        target += b"?" + rng.randbytes(rng.randint(0, 40)).translate(None, b" \r\n")
    if rng.random() < 0.01:
        target += b"/" + rng.choice((b"x", b"%", b"%41", b"/", b"\xff")) * rng.randint(0, 9000)
    end = rng.choice((b"\r\n",) * 30 + (b"\n", b"\r", b"\r\r\n"))
    version = rng.choice((b"HTTP/1.1",) * 20 + (b"HTTP/1.0", b"HTTP/2", b"HTTP/1.10", b"XYZ", b""))
    lines = [b" ".join((rng.choice(_METHODS), target, version)), b"Host: x"]
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 5))):
        name, values = rng.choice(_HEADERS)
        lines.append(name + rng.choice((b": ",) * 9 + (b":", b" : ", b"")) + rng.choice(values))
    if rng.random() < 0.003:
        lines.append(b"Pad: " + b"x" * rng.randint(0, _LARGEST_PADDING))
    if rng.random() < 0.003:
        lines += [b"N%d: x" % number for number in range(rng.randint(50, 3000))]
    body = rng.choice(_BODIES) if rng.random() < 0.05 else b""
    return end.join(lines) + end * 2 + body


def _mutated(request: bytes, rng: random.Random) -> bytes:
    changed = bytearray(request)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(4):
            case 0:
                changed[at:at] = rng.randbytes(rng.randint(1, 8))
            case 1:
                del changed[at : at + rng.randint(1, 20)]
            case 2:
                changed[at : at + 1] = bytes([rng.randrange(256)])
            case _:
                changed[at:at] = changed[max(0, at - 30) : at]
    return bytes(changed)
