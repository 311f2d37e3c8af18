"""A recorded file counts as unchanged by size and time together."""

from pathlib import Path

import pytest

from microrepo.model import Digests, NormalizedName
from microrepo.state import FileRow
from microrepo.stores.flat_directory import FlatDirectory, OnDisk

FOO = NormalizedName("foo")


@pytest.mark.parametrize(
    ("size", "mtime_ns", "same"), [(3, 5, True), (4, 5, False), (3, 6, False), (None, 5, False)]
)
def test_size_and_time_decide(size: int | None, mtime_ns: int, same: bool) -> None:
    row = FileRow("foo-1.zip", FOO, "1", "", size, Digests(), True, mtime_ns)
    assert OnDisk(3, 5).matches(row) is same


@pytest.mark.parametrize("target", ["loop-1.zip", "absent", "folder"])
def test_a_link_that_leads_nowhere_is_no_file(target: str, tmp_path: Path) -> None:
    (tmp_path / "sound-1.zip").write_bytes(b"123")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop-1.zip").symlink_to(target)
    directory = FlatDirectory(tmp_path)
    assert list(directory.scan()) == ["sound-1.zip"]
    if target != "folder":
        assert directory.stat("loop-1.zip") is None


def test_what_was_put_aside_earlier_stays(tmp_path: Path) -> None:
    directory = FlatDirectory(tmp_path)
    directory.prepare()
    for content in ("first", "second"):
        directory.file("x.whl").write_text(content)
        directory.quarantine("x.whl", "x", content)
    aside = directory.control / "quarantine/x"
    assert (aside / "x.whl").read_text() == "first"
    assert (aside / "x.whl.2").read_text() == "second"
    assert (aside / "x.whl.2.reason").read_text() == "second\n"
