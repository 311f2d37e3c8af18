"""Content from a server into a partial file: resumed, restarted, refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from microrepo.errors import SizeMismatch, TransferError, Truncated, Unavailable
from microrepo.model import Digests
from microrepo.transfer.download.content_transfer import read_local, receive
from microrepo.transfer.download.partial_file import ByteCounter, PartialFile, Place
from microrepo.transfer.tasks import FetchFile
from tests.unit.transfer.download.conftest import NearServer, Reply

BODY = bytes(range(256)) * 400
TASK = FetchFile(
    "foo-1.0.zip", "https://f.example/foo", Digests(hashlib.sha256(BODY).hexdigest()), len(BODY)
)


@pytest.fixture
def partial(place: Place) -> Iterator[PartialFile]:
    partial = PartialFile(TASK, place)
    yield partial
    partial.close()


def take(server: NearServer, partial: PartialFile, *, past_caches: bool = False) -> int:
    counter = ByteCounter()
    receive(server, partial, counter, past_caches=past_caches)
    return counter.total


def test_a_whole_file(server: NearServer, partial: PartialFile) -> None:
    server.serve(BODY)
    assert take(server, partial) == len(BODY)
    assert partial.verify().sha256 == TASK.digests.sha256
    assert server.asked == [(TASK.url, {"Accept-Encoding": "identity"})]
    assert server.replies[0].is_released


def test_a_broken_answer_is_gone_on_from(server: NearServer, partial: PartialFile) -> None:
    server.serve(BODY, cuts=(70_000,))
    with pytest.raises(Truncated):
        take(server, partial)
    assert (partial.received, server.replies[0].is_closed) == (70_000, True)
    assert take(server, partial) == len(BODY) - 70_000
    assert server.ranges == ["", "bytes=70000-"]
    partial.verify()


@pytest.mark.parametrize("status", [200, 403, 503])
def test_a_server_without_ranges_sends_all_of_it(
    server: NearServer, partial: PartialFile, status: int
) -> None:
    partial.append(BODY[:100])
    server.answer = lambda _, headers: Reply(status if "Range" in headers else 200, BODY)
    take(server, partial)
    assert partial.verify().sha256 == TASK.digests.sha256
    assert len(server.asked) == (1 if status == 200 else 2)


def test_a_file_that_is_here_as_a_whole_is_not_sent(
    server: NearServer, partial: PartialFile
) -> None:
    partial.append(BODY)
    server.serve(BODY)
    assert take(server, partial) == 0
    partial.verify()


@pytest.mark.parametrize("about", ["bytes 7-9/10", "bytes x", ""])
def test_an_answer_that_begins_elsewhere_is_not_taken(
    server: NearServer, partial: PartialFile, about: str
) -> None:
    partial.append(BODY[:100])
    server.answer = lambda *_: Reply(206, BODY, {"Content-Range": about})
    with pytest.raises(Truncated):
        take(server, partial)
    assert partial.received == 0


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, TransferError), (403, TransferError), (429, Unavailable), (503, Unavailable)],
)
def test_what_a_status_means(
    server: NearServer, partial: PartialFile, status: int, error: type[Exception]
) -> None:
    server.answer = lambda *_: Reply(status)
    with pytest.raises(error) as raised:
        take(server, partial)
    assert type(raised.value) is error
    assert server.replies[0].is_closed


def test_more_than_was_announced_is_not_taken(server: NearServer, partial: PartialFile) -> None:
    server.serve(BODY + b"more")
    with pytest.raises(SizeMismatch):
        take(server, partial)


def test_caches_are_passed_by(server: NearServer, partial: PartialFile) -> None:
    server.serve(BODY)
    take(server, partial, past_caches=True)
    assert server.asked[0][1]["Cache-Control"] == "no-cache"


def test_a_file_of_this_machine(partial: PartialFile, tmp_path: Path) -> None:
    (tmp_path / "foo").write_bytes(BODY)
    partial.append(BODY[:10])
    counter = ByteCounter()
    read_local(tmp_path / "foo", partial, counter)
    assert counter.total == len(BODY) - 10
    partial.verify()
    with pytest.raises(TransferError):
        read_local(tmp_path / "nothing", partial, counter)


def test_an_unannounced_size_has_a_bound_too(server: NearServer, place: Place) -> None:
    partial = PartialFile(msgspec.structs.replace(TASK, size=None), place)
    server.serve(BODY)
    take(server, partial)
    partial.verify()
    partial.close()
