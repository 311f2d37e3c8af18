"""A file read by ranges: few requests, and no answer that is not the range."""

from __future__ import annotations

import io
import zipfile
from typing import BinaryIO, cast

import pytest

from microrepo.errors import Unavailable
from microrepo.transfer.download.remote_file import RangesRefused, RemoteFile
from tests.support.packages import build_wheel
from tests.unit.transfer.download.conftest import NearServer, Reply

BODY = bytes(range(256)) * 4000
URL = "https://f.example/foo"


def opened(server: NearServer, body: bytes = BODY) -> RemoteFile:
    server.serve(body)
    return RemoteFile(server, URL, len(body))


def test_places_are_found_without_a_request(server: NearServer) -> None:
    remote = opened(server)
    assert remote.readable()
    assert remote.seekable()
    assert remote.seek(-10, io.SEEK_END) == len(BODY) - 10
    assert remote.seek(5, io.SEEK_CUR) == remote.tell() == len(BODY) - 5
    assert remote.seek(-7) == 0
    assert server.asked == []


def test_the_tail_comes_with_one_request(server: NearServer) -> None:
    remote = opened(server)
    for size in (10, 1000, 60_000):
        remote.seek(-size, io.SEEK_END)
        assert remote.read() == BODY[-size:]
    assert server.ranges == [f"bytes={len(BODY) - 65_536}-{len(BODY) - 1}"]
    assert remote.fetched_bytes == 65_536


def test_elsewhere_a_little_more_is_read(server: NearServer) -> None:
    remote = opened(server)
    remote.seek(1000)
    assert remote.read(10) == BODY[1000:1010]
    assert remote.read(100) == BODY[1010:1110]
    assert len(server.asked) == 1
    remote.seek(0, io.SEEK_END)
    assert remote.read(5) == b""


def test_a_wheel_is_opened_as_it_lies_there(server: NearServer) -> None:
    built = build_wheel("foo", "1.0", payload_size=500_000)
    remote = opened(server, built.content)
    with zipfile.ZipFile(cast("BinaryIO", remote)) as archive:
        name = next(one for one in archive.namelist() if one.endswith("/METADATA"))
        assert archive.read(name) == built.metadata
    assert remote.fetched_bytes < 200_000


@pytest.mark.parametrize(
    "reply",
    [Reply(200, BODY), Reply(404), Reply(206, BODY, {"Content-Range": "bytes 0-1/2"}), Reply(206)],
)
def test_a_server_that_sends_something_else(server: NearServer, reply: Reply) -> None:
    remote = RemoteFile(server, URL, len(BODY))
    server.answer = lambda *_: reply
    remote.seek(-10, io.SEEK_END)
    with pytest.raises(RangesRefused):
        remote.read()


@pytest.mark.parametrize("cut", [True, False])
def test_a_range_that_ends_early(server: NearServer, cut: bool) -> None:
    start = len(BODY) - 65_536
    about = {"Content-Range": f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"}
    server.answer = lambda *_: Reply(206, BODY[start:-5], about, cut=0 if cut else None)
    remote = RemoteFile(server, URL, len(BODY))
    remote.seek(-10, io.SEEK_END)
    with pytest.raises(Unavailable):
        remote.read()
