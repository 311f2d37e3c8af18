"""Requests and responses without a socket: parsing, negotiation, conditions, ranges."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.standalone.server.application.answers import Answer
from microrepo.standalone.server.disk.files import signature
from microrepo.standalone.server.index_pages import HTML_TYPE, JSON_TYPE, TEXT_TYPE
from microrepo.standalone.server.loop.response_cache import CACHE_ENTRY_BYTES, ResponseCache
from microrepo.standalone.server.messages.conditions import select_part
from microrepo.standalone.server.messages.http_dates import http_date, parse_http_date
from microrepo.standalone.server.messages.negotiation import negotiate
from microrepo.standalone.server.messages.requests import (
    Request,
    RequestError,
    parse_request,
    split_path,
)
from microrepo.standalone.server.messages.responses import OpenFile, Response, encode_fields

JSON, HTML, TEXT = JSON_TYPE, HTML_TYPE, TEXT_TYPE


def _request(*lines: str, target: str = "/") -> Request:
    head = "\r\n".join([f"GET {target} HTTP/1.1", "Host: x", *lines])
    return parse_request(head.encode("latin-1"))


def test_a_request_is_taken_apart() -> None:
    request = _request("ACCEPT: a", "Accept:  b\t", "X:", target="/a%20b?q=1?2")
    assert (request.method, request.path, request.query) == ("GET", "/a%20b", "q=1?2")
    assert request.headers == {"host": "x", "accept": "a, b", "x": ""}
    assert request.line == "GET /a%20b?q=1?2 HTTP/1.1"
    assert request.keep_alive


@pytest.mark.parametrize(
    ("head", "keep"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: TE, Close", False),
        (b"GET / HTTP/1.0", False),
        (b"GET / HTTP/1.0\r\nConnection: Keep-Alive", True),
        (b"GET / HTTP/1.9\r\nHost:", True),
    ],
)
def test_whether_the_connection_is_kept(head: bytes, keep: bool) -> None:
    assert parse_request(head).keep_alive is keep


def test_a_proxy_may_send_the_whole_address() -> None:
    assert _request(target="http://other.example:80/a/b?c").path == "/a/b"


@pytest.mark.parametrize(
    "host", ["x", "x:80", "a.example", "[::1]", "[::1]:8080", "127.0.0.1:1", ""]
)
def test_good_hosts(host: str) -> None:
    assert parse_request(f"GET / HTTP/1.1\r\nHost: {host}".encode()).headers["host"] == host


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_an_error(data: bytes) -> None:
    for head in (data, b"GET / HTTP/1.1\r\nHost: x\r\n" + data):
        try:
            request = parse_request(head)
        except RequestError as error:
            status = error.status
        else:
            status = 200
            assert request.path.startswith("/")
            assert not any(sign in request.line for sign in "\r\n\0")
        assert status in {200, 400, 413, 417, 431, 501, 505}


@given(st.text(max_size=30))
def test_a_path_gives_only_safe_segments(text: str) -> None:
    """Whatever is encoded, and how often."""
    for path in ("/" + text, "/%" + text, "/" + "".join(f"%{byte:02x}" for byte in text.encode())):
        parts = split_path(path)
        for part in parts or ():
            assert not part.startswith(".")
            assert not set(part) & set("/\\:\0\r\n")
        assert parts is None or "" not in parts[:-1]


def test_paths_are_decoded_once() -> None:
    assert split_path("/a%252e/b%20c/") == ["a%2e", "b c", ""]
    assert split_path("/%C3%A9") == ["é"]
    assert split_path("/%E9") is None
    assert split_path("/") == [""]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", TEXT),
        (",", TEXT),
        (f"{JSON};q=0.2, {HTML};q=0.3, text/html;q=0.1", HTML),
        (f"{JSON};Q=0.2, text/html;q=0.1", JSON),
        (f"{JSON} ; q=1.000 , text/html", TEXT),
        ("*/*;q=0.1, application/vnd.pypi.simple.latest+html", HTML),
        ("text/*, text/html;q=0", ""),
        ("*/*, text/html;q=0.5", HTML),
        (f"*/*;q=0, {JSON}", JSON),
        ("TEXT/HTML", TEXT),
        ("application/vnd.pypi.simple.v2+json", ""),
        ("text/html;q=1.5", ""),
        ("text/html;q=x", ""),
        ("text/html;level=1;q=0.4", TEXT),
        ("application/xml, */*;q=0.01", TEXT),
    ],
)
def test_negotiation(accept: str, expected: str) -> None:
    assert negotiate(accept) == expected


@given(st.text(max_size=60))
def test_any_accept_has_an_answer(accept: str) -> None:
    assert negotiate(accept) in {JSON, HTML, TEXT, ""}


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7))
def test_ranges_stay_within_the_file(size: int, first: int, last: int) -> None:
    response = Response(200, (), OpenFile(-1, size), '"x"', 0)
    for text in (f"{first}-{last}", f"{first}-", f"-{last}"):
        part = select_part(_request(f"Range: bytes={text}"), response)
        assert 0 <= part.start <= part.start + part.length <= max(size, 0)
        if part.status == 206:
            assert part.length > 0
            assert f" {part.start}-{part.start + part.length - 1}/{size}\r\n".encode() in part.block
        elif part.status == 416:
            assert part.length == 0
        else:
            assert (part.start, part.length) == (0, size)
            assert last < first


def test_a_header_value_can_not_begin_a_line() -> None:
    for value in ("a\r\nb", "a\nb", "a\rb", "\0", "a\x7f", "☃"):
        with pytest.raises(ValueError):
            encode_fields([("X", value)])
    assert encode_fields([("X", "é ok")]) == b"X: \xe9 ok\r\n"


@given(st.integers(0, 253402300799))
def test_dates_read_back(epoch_s: int) -> None:
    text = http_date(epoch_s)
    assert int(parsedate_to_datetime(text).timestamp()) == epoch_s
    assert parse_http_date(text) == epoch_s


@pytest.mark.parametrize("text", ["", "yesterday", "\xff"])
def test_what_is_no_date(text: str) -> None:
    assert parse_http_date(text) is None


def test_old_answers_leave_the_cache() -> None:
    """The cache keeps to its size, and an answer whose file has changed is not given."""
    cache = ResponseCache(max_bytes=10_000)
    for number in range(50):
        answer = Answer(Response(200, (), bytes(900)), (("/", signature("/")),))
        cache.put(_request(target=f"/{number}"), answer)
    hits = [n for n in range(50) if cache.get(_request(target=f"/{n}"))]
    assert hits == [45, 46, 47, 48, 49]
    stale = Answer(Response(200, ()), (("/", (1, 2, 3, 4)),))
    cache.put(_request(target="/stale"), stale)
    assert cache.get(_request(target="/stale")) is None


def test_the_cache_counts_what_it_is_asked_for() -> None:
    """Requests are remembered with their answers, and may be larger than these."""
    cache = ResponseCache(max_bytes=100_000)
    answer = Answer(Response(200, (), b"x"), (("/", signature("/")),))
    requests = [_request(f"Accept: {'x' * 30_000}{n}") for n in range(10)]
    for request in requests:
        cache.put(request, answer)
    assert [bool(cache.get(request)) for request in requests] == [False] * 7 + [True] * 3


def test_the_cache_tells_requests_apart() -> None:
    cache = ResponseCache()
    answer = Answer(Response(200, ()), (("/nowhere", None),))
    cache.put(_request("Accept: a", target="/x?y"), answer)
    assert cache.get(_request("Accept: a", target="/x?y")) is answer.response
    for other in (_request(target="/x?y"), _request("Accept: a", target="/x")):
        assert cache.get(other) is None


@pytest.mark.parametrize(
    "answer",
    [
        Answer(Response(404, ()), (("/nowhere", None),)),
        Answer(Response(200, ())),
        Answer(Response(200, (), bytes(CACHE_ENTRY_BYTES + 1)), (("/nowhere", None),)),
    ],
    ids=["not found", "nothing to check", "too large"],
)
def test_what_is_never_remembered(answer: Answer) -> None:
    cache = ResponseCache()
    cache.put(_request(), answer)
    assert cache.get(_request()) is None
