"""Store of protected contents: links that cost nothing, copies where links fail."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from microrepo.errors import RepositoryError
from microrepo.stores.objects.protected_contents import ProtectedContents

GOOD = b"good"
SHA256 = hashlib.sha256(GOOD).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> ProtectedContents:
    (tmp_path / "file").write_bytes(GOOD)
    store = ProtectedContents(tmp_path / "objects")
    store.prepare()
    return store


def keep(store: ProtectedContents, directory: Path, *names: str) -> list[tuple[str, str]]:
    return list(store.keep(directory, [(name, SHA256) for name in names]))


def test_a_content_is_a_link_to_its_file(store: ProtectedContents, tmp_path: Path) -> None:
    for _ in range(2):
        assert keep(store, tmp_path, "file") == []
    assert store.place(SHA256).samefile(tmp_path / "file")
    assert list(store.contents()) == [SHA256]
    assert store.measure().own_bytes == 0
    (tmp_path / "file").unlink()
    assert store.place(SHA256).read_bytes() == GOOD
    assert (store.measure().files, store.measure().own_bytes) == (1, 4)


def test_a_file_that_was_verified_later_replaces_the_content(
    store: ProtectedContents, tmp_path: Path
) -> None:
    """The stored one may have been damaged since, under the same inode as the old file."""
    keep(store, tmp_path, "file")
    with store.place(SHA256).open("r+b") as stream:
        stream.write(b"evil")
    (tmp_path / "file").unlink()
    (tmp_path / "file").write_bytes(GOOD)
    assert keep(store, tmp_path, "file") == []
    assert store.place(SHA256).samefile(tmp_path / "file")


def test_a_symbolic_link_is_followed(store: ProtectedContents, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    assert keep(store, tmp_path, "link") == []
    assert not store.place(SHA256).is_symlink()
    assert store.place(SHA256).samefile(tmp_path / "file")


def test_a_file_that_is_gone_is_named(store: ProtectedContents, tmp_path: Path) -> None:
    assert keep(store, tmp_path, "gone", "file") == [("gone", "missing")]


@pytest.fixture
def other_file_system() -> Iterator[Path]:
    path = Path("/dev/shm")
    if not path.is_dir() or path.stat().st_dev == Path("/tmp").stat().st_dev:
        pytest.skip("no second file system")
    path /= f"microrepo-{os.getpid()}"
    path.mkdir()
    (path / "file").write_bytes(GOOD)
    (path / "bad").write_bytes(b"evil")
    yield path
    shutil.rmtree(path)


def test_where_links_fail_there_are_verified_copies(
    store: ProtectedContents, other_file_system: Path
) -> None:
    assert keep(store, other_file_system, "file") == []
    first = store.place(SHA256).stat()
    assert first.st_mtime_ns == (other_file_system / "file").stat().st_mtime_ns
    assert keep(store, other_file_system, "file") == []
    assert store.place(SHA256).stat().st_ino == first.st_ino
    assert store.measure().own_bytes == 4


def test_a_copy_of_a_damaged_file_is_refused(
    store: ProtectedContents, other_file_system: Path
) -> None:
    ((name, why),) = keep(store, other_file_system, "bad")
    assert (name, why.startswith("damaged: sha256 is ")) == ("bad", True)
    assert list(store.contents()) == []


def test_deletion_says_what_it_frees(store: ProtectedContents, tmp_path: Path) -> None:
    keep(store, tmp_path, "file")
    freed = store.delete([SHA256, "0" * 64])
    assert (freed.files, freed.size_bytes, freed.own_files, freed.own_bytes) == (1, 4, 0, 0)
    assert list(store.contents()) == []


def test_leftovers_of_a_killed_run_go(store: ProtectedContents) -> None:
    left = store.place(SHA256).with_name(".0123.part")
    left.write_bytes(b"half")
    store.clean()
    assert not left.exists()


@pytest.mark.parametrize("kind", ["directory", "fifo", "link", "dangling", "loop"])
def test_an_odd_thing_in_the_place_of_a_content(
    store: ProtectedContents, tmp_path: Path, kind: str
) -> None:
    place, other = store.place(SHA256), tmp_path / "other"
    other.write_bytes(b"bad")
    if kind == "directory":
        place.mkdir()
    elif kind == "fifo":
        os.mkfifo(place)
    else:
        place.symlink_to({"link": other, "dangling": Path("nowhere"), "loop": place}[kind])
    assert keep(store, tmp_path, "file") == []
    assert place.samefile(tmp_path / "file")
    assert not place.is_symlink()
    assert other.read_bytes() == b"bad"


def test_odd_things_are_neither_deleted_nor_counted(
    store: ProtectedContents, tmp_path: Path
) -> None:
    (store.place(SHA256).parent / ".odd.part").mkdir()
    store.place(SHA256).mkdir()
    store.clean()
    assert store.delete([SHA256]).files == 0
    assert store.measure().files == 0


@pytest.mark.parametrize("name", ["", "ab"])
def test_links_in_the_place_of_folders_are_refused(tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "objects").mkdir()
    if not name:
        (tmp_path / "objects").rmdir()
    (tmp_path / "objects" / name).symlink_to(elsewhere)
    with pytest.raises(RepositoryError, match="is a link"):
        ProtectedContents(tmp_path / "objects").prepare()
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "fifo"])
def test_what_is_not_a_folder_is_renamed(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "objects" / "ab"
    place.parent.mkdir()
    if kind == "fifo":
        os.mkfifo(place)
    else:
        place.touch()
    ProtectedContents(tmp_path / "objects").prepare()
    assert place.is_dir()
