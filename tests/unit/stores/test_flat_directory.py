"""A recorded file counts as unchanged by size and time together."""

import pytest

from microrepo.model import Digests, NormalizedName
from microrepo.state import FileRow
from microrepo.stores.flat_directory import OnDisk

FOO = NormalizedName("foo")


@pytest.mark.parametrize(
    ("size", "mtime_ns", "same"), [(3, 5, True), (4, 5, False), (3, 6, False), (None, 5, False)]
)
def test_size_and_time_decide(size: int | None, mtime_ns: int, same: bool) -> None:
    row = FileRow("foo-1.zip", FOO, "1", "", size, Digests(), True, mtime_ns)
    assert OnDisk(3, 5).matches(row) is same
