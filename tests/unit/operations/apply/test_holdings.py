"""What a repository has, by its state and its directory."""

from __future__ import annotations

import msgspec
import pytest

from microrepo.model import Digests, NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.publish.links import Links
from microrepo.state import FileRow

NAME = "foo-1.tar.gz"


@pytest.fixture
def row(holdings: Holdings) -> FileRow:
    """The row of a file that lies in its place."""
    holdings.directory.file(NAME).write_bytes(b"content")
    disk = holdings.directory.stat(NAME)
    assert disk is not None
    row = FileRow(NAME, NormalizedName("foo"), "1", "u", 7, Digests(), True, disk.mtime_ns)
    with holdings.state.transaction():
        holdings.state.save_files([row])
    return row


@pytest.mark.parametrize("scanned", [False, True])
@pytest.mark.parametrize(
    ("change", "intact"),
    [({}, True), ({"size": 8}, False), ({"mtime_ns": 1}, False), ({"present": False}, False)],
)
def test_a_file_is_intact_as_it_was_recorded(
    holdings: Holdings, row: FileRow, change: dict[str, int], intact: bool, scanned: bool
) -> None:
    assert not scanned or holdings.scan()
    assert holdings.is_intact(msgspec.structs.replace(row, **change)) is intact


def test_a_missing_file_is_not_intact(holdings: Holdings, row: FileRow) -> None:
    holdings.directory.file(NAME).unlink()
    assert not holdings.is_intact(row)


def test_a_scan_is_what_counts_until_the_end_of_the_run(holdings: Holdings, row: FileRow) -> None:
    assert holdings.scan()
    holdings.directory.file(NAME).unlink()
    assert holdings.is_intact(row)


def test_an_index_holds_what_it_lists(holdings: Holdings, row: FileRow) -> None:
    listed = msgspec.structs.replace(row, filename="foo-2.tar.gz", present=False)
    with holdings.state.transaction():
        holdings.state.save_files([listed])
    index = Holdings(holdings.state, holdings.directory, Links(files=False))
    assert (holdings.holds(listed), holdings.count_held()) == (False, 1)
    assert (index.holds(listed), index.count_held(), index.count_held(1)) == (True, 2, 1)
