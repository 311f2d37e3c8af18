"""What a copy has to read before it can compare both sides, and what it makes of the digests."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from microrepo.model import Digests, File, NormalizedName, Outcome
from microrepo.operations.copy.inventory import Inventory
from microrepo.plan import Wanted

NAME, FOO = "foo-1.0.tar.gz", NormalizedName("foo")
SHA, MD5 = Digests(sha256="a" * 64), Digests(md5="b" * 32)
NEAR, FAR = f"file:///nowhere/{NAME}", f"https://i.example/{NAME}"


class Readers(Executor):
    """Workers that find the same digest in everything, and remember what they were asked for."""

    def __init__(self, digests: Digests | None) -> None:
        self.digests = digests
        self.read: list[tuple[str, bool]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        (task,) = args
        self.read.append((task.url, task.held))
        future: Future[Any] = Future()
        ok = self.digests is not None
        future.set_result(Outcome(task.filename, ok=ok, digests=self.digests or Digests()))
        return future


class Held:
    """A destination that has one file, or whose page cannot be read."""

    def __init__(self, file: File | None, unread: Mapping[NormalizedName, str] = {}) -> None:
        self.unread = unread
        self._file = file

    def find(self, filename: str) -> File | None:
        return self._file


def file(url: str, digests: Digests, size: int | None = 10) -> File:
    return File(NAME, url, "1.0", "sdist", digests, size)


@pytest.mark.parametrize(
    ("ours", "theirs", "read"),
    [
        pytest.param(file(FAR, SHA), file(FAR, SHA), [], id="the same digest"),
        pytest.param(file(FAR, SHA), file(FAR, Digests()), [(FAR, True)], id="none there"),
        pytest.param(file(NEAR, Digests()), file(FAR, SHA), [(NEAR, False)], id="none here"),
        pytest.param(
            file(FAR, SHA), file(FAR, Digests(), 11), [], id="another size decides without reading"
        ),
        pytest.param(
            file(NEAR, Digests()),
            file(FAR, Digests()),
            [(NEAR, False), (FAR, True)],
            id="none at all",
        ),
        pytest.param(file(NEAR, SHA), file(FAR, MD5), [(NEAR, False)], id="others, one near"),
        pytest.param(file(FAR, SHA), file(FAR, MD5), [(FAR, True)], id="others, both far"),
    ],
)
def test_only_what_leaves_it_open_is_read(
    ours: File, theirs: File, read: list[tuple[str, bool]]
) -> None:
    readers = Readers(SHA)
    Inventory(lambda: readers).compare([Wanted(FOO, ours)], Held(theirs))
    assert readers.read == read


def test_digests_that_were_read_can_be_compared() -> None:
    (item,), present = Inventory(lambda: Readers(SHA)).compare(
        [Wanted(FOO, file(NEAR, Digests()))], Held(file(FAR, Digests()))
    )
    assert item.file.digests == present[NAME].digests == SHA
    assert present[NAME].size_bytes == 10


def test_a_file_that_cannot_be_read_has_no_digest() -> None:
    (item,), present = Inventory(lambda: Readers(None)).compare(
        [Wanted(FOO, file(FAR, SHA))], Held(file(FAR, Digests(), None))
    )
    assert (item.file.digests, present[NAME].digests) == (SHA, Digests())
    assert present[NAME].size_bytes == -1


def test_files_behind_a_network_stay_unread_on_request() -> None:
    readers = Readers(SHA)
    inventory = Inventory(lambda: readers, read_held=False)
    inventory.compare([Wanted(FOO, file(FAR, SHA))], Held(file(FAR, Digests())))
    assert readers.read == []


def test_nothing_is_sent_to_a_project_that_cannot_be_read() -> None:
    found = Inventory(lambda: Readers(SHA)).compare(
        [Wanted(FOO, file(FAR, SHA))], Held(None, {FOO: "HTTP 500"})
    )
    assert found == ([], {})
