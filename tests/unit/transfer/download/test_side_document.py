"""Small documents beside distributions."""

from __future__ import annotations

import pytest

from microrepo.errors import AccessDenied, MalformedResponse, Unavailable
from microrepo.formats.bounds import Bound
from microrepo.transfer.download.side_document import read_side_document
from tests.unit.transfer.download.conftest import NearServer, Reply

URL = "https://i.example/foo/provenance"
BOUND = Bound(100, marks=10)


def test_the_whole_body_is_returned(server: NearServer) -> None:
    server.answer = lambda _url, _headers: Reply(200, b"{}")
    assert read_side_document(server, URL, {"Accept": "a/b"}, BOUND) == b"{}"
    assert server.asked == [(URL, {"Accept": "a/b"})]
    assert server.replies[0].is_released


@pytest.mark.parametrize("status", [404, 410])
def test_a_document_that_does_not_exist_is_none(server: NearServer, status: int) -> None:
    server.answer = lambda _url, _headers: Reply(status)
    assert read_side_document(server, URL, {}, BOUND) is None


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        pytest.param(Reply(401), AccessDenied, id="a login is needed"),
        pytest.param(Reply(500), Unavailable, id="the server fails"),
        pytest.param(Reply(200, b"x" * 50, cut=20), Unavailable, id="the line breaks"),
        pytest.param(Reply(200, b"x" * 101), MalformedResponse, id="too large"),
        pytest.param(
            Reply(200, b"," * 50, {"Content-Type": "application/json"}),
            MalformedResponse,
            id="too many elements",
        ),
    ],
)
def test_failures_are_errors(server: NearServer, reply: Reply, error: type[Exception]) -> None:
    server.answer = lambda _url, _headers: reply
    with pytest.raises(error):
        read_side_document(server, URL, {}, BOUND)
