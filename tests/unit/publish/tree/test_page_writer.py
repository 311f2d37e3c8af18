"""Pages come into place whole, together, and only when they differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.publish.tree.page_writer import PageWriter


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "röot"
    path.mkdir()
    return path


@pytest.fixture
def writer(root: Path) -> PageWriter:
    return PageWriter(root, root / ".control" / "pages")


def _visible(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".control" not in path.parts
    }


def test_nothing_is_seen_before_the_flush(root: Path, writer: PageWriter) -> None:
    (root / "old").write_bytes(b"1")
    assert writer.put("old", b"2")
    assert writer.put("deep/er/new", b"3")
    assert writer.put_folder("folder", {"a": b"4", "b": b"5"})
    assert _visible(root) == {"old": b"1"}
    writer.flush()
    found = _visible(root)
    assert found == {"old": b"2", "deep/er/new": b"3", "folder/a": b"4", "folder/b": b"5"}
    assert writer.written == 4


def test_equal_files_are_not_touched(root: Path, writer: PageWriter) -> None:
    for path in ("a", "folder/a"):
        writer.put(path, b"same")
    writer.flush()
    # Not the whole status: reading a file to compare it can change its time of access.
    before = [(root / path).stat() for path in ("a", "folder/a")]
    assert not writer.put("a", b"same")
    assert not writer.put_folder("folder", {"a": b"same"})
    writer.flush()
    after = [(root / path).stat() for path in ("a", "folder/a")]
    for was, now in zip(before, after, strict=True):
        assert (now.st_ino, now.st_ctime_ns) == (was.st_ino, was.st_ctime_ns)
    assert writer.written == 2


@pytest.mark.parametrize("other", [b"", b"sam", b"same!", b"SAME"])
def test_any_difference_counts(root: Path, writer: PageWriter, other: bytes) -> None:
    (root / "a").write_bytes(other)
    assert writer.put("a", b"same")
    writer.flush()
    assert (root / "a").read_bytes() == b"same"


def test_a_folder_that_is_there_keeps_what_else_it_holds(root: Path, writer: PageWriter) -> None:
    (root / "folder").mkdir()
    (root / "folder" / "notes").write_bytes(b"mine")
    writer.put_folder("folder", {"a": b"1"})
    writer.flush()
    assert _visible(root) == {"folder/notes": b"mine", "folder/a": b"1"}


def test_thousands_are_put_in_place_on_the_way(root: Path, writer: PageWriter) -> None:
    """What waits is bounded, and many are synced together."""
    for number in range(4100):
        writer.put(f"page{number}", b"x")
    assert len(list(root.glob("page*"))) >= 4000
    writer.flush()
    assert len(list(root.glob("page*"))) == 4100


def test_what_a_killed_run_left_is_removed(root: Path, writer: PageWriter) -> None:
    left = root / ".control" / "pages"
    (left / "7").mkdir(parents=True)
    (left / "7" / "index.html").write_bytes(b"half")
    (left / "1").write_bytes(b"half")
    writer.put("a", b"1")
    writer.flush()
    writer.close()
    assert not left.exists()
    assert _visible(root) == {"a": b"1"}


def test_a_link_is_replaced_not_followed(root: Path, writer: PageWriter, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_bytes(b"theirs")
    (root / "a").symlink_to(target)
    writer.put("a", b"ours")
    writer.flush()
    assert (target.read_bytes(), (root / "a").read_bytes()) == (b"theirs", b"ours")
    assert not (root / "a").is_symlink()


def test_a_file_in_the_place_of_a_folder_is_renamed(root: Path, writer: PageWriter) -> None:
    (root / "folder").write_bytes(b"a file")
    writer.put_folder("folder", {"a": b"1"})
    writer.flush()
    assert (root / "folder.not-a-directory").read_bytes() == b"a file"
    assert (root / "folder/a").read_bytes() == b"1"


def test_removing_takes_an_empty_folder_along(root: Path, writer: PageWriter) -> None:
    for path in ("one/a", "two/a", "two/b"):
        writer.put(path, b"x")
    writer.flush()
    for path in ("one/a", "two/a", "three/a"):
        writer.remove(path)
    assert _visible(root) == {"two/b": b"x"}
    assert not (root / "one").exists()
    assert writer.written == 5


def test_files_of_others_may_be_synced_too(root: Path, writer: PageWriter) -> None:
    """Also those that are gone by then."""
    (root / "sidecar").write_bytes(b"x")
    writer.sync_too(str(root / "sidecar"))
    writer.sync_too(str(root / "gone"))
    writer.flush()
    assert writer.written == 0
