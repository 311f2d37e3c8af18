"""Files that a killed run put in place without recording them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from microrepo.model import Cause, Digests, NormalizedName
from microrepo.operations.apply.arrivals_after_kill import record_arrivals
from microrepo.operations.apply.holdings import Holdings
from microrepo.publish.links import Links
from microrepo.state import FileRow
from microrepo.state.rows import Owner

FOO = NormalizedName("foo")
NAME = "foo-1.zip"
CONTENT = b"content"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ABSENT = FileRow(
    NAME,
    FOO,
    "1",
    "https://files.example/foo-1.zip",
    7,
    Digests(SHA256),
    present=False,
    cause=Cause.REQUIRED,
    detail="bar",
)


def save(holdings: Holdings, row: FileRow) -> Path:
    with holdings.state.transaction():
        holdings.state.save_files([row])
    return holdings.directory.file(row.filename)


def test_what_was_to_be_fetched_is_recorded(holdings: Holdings) -> None:
    path = save(holdings, ABSENT)
    path.write_bytes(CONTENT)
    record_arrivals(holdings, run=3)
    (row,) = holdings.state.files([FOO])
    assert (row.present, row.mtime_ns, row.digests.sha256) == (
        True,
        path.stat().st_mtime_ns,
        SHA256,
    )
    assert (row.cause, row.detail, row.owner) == (Cause.REQUIRED, "bar", Owner.SOURCE)
    (entry,) = holdings.state.history("foo")
    assert (entry.run, entry.action, entry.filename) == (3, "add", NAME)


@pytest.mark.parametrize("content", [None, b"another"])
def test_nothing_and_other_content_is_not(holdings: Holdings, content: bytes | None) -> None:
    path = save(holdings, ABSENT)
    if content is not None:
        path.write_bytes(content)
    record_arrivals(holdings, run=3)
    assert list(holdings.state.files([FOO])) == [ABSENT]
    assert not list(holdings.state.history("foo"))


def test_what_cannot_be_read_is_not(holdings: Holdings) -> None:
    save(holdings, ABSENT).mkdir()
    record_arrivals(holdings, run=3)
    assert list(holdings.state.files([FOO])) == [ABSENT]


def test_a_file_of_a_person_stays_theirs(holdings: Holdings) -> None:
    theirs = msgspec.structs.replace(ABSENT, owner=Owner.PERSON)
    save(holdings, theirs).write_bytes(CONTENT)
    record_arrivals(holdings, run=3)
    assert list(holdings.state.files([FOO])) == [theirs]


def test_an_index_holds_no_files(holdings: Holdings) -> None:
    save(holdings, ABSENT).write_bytes(CONTENT)
    record_arrivals(Holdings(holdings.state, holdings.directory, Links(files=False)), run=3)
    assert list(holdings.state.files([FOO])) == [ABSENT]
