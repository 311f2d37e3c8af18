"""Stores of content by digest."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from microrepo.stores.content_store import ContentStore

CONTENT = b"content"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "six-1.0.tar.gz"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    return ContentStore(tmp_path / "store")


def test_content_is_stored_once_and_shared(store: ContentStore, file: Path, tmp_path: Path) -> None:
    assert store.add(file, SHA256)
    assert not store.add(file, SHA256)
    (tmp_path / "other").mkdir()
    local = store.take(SHA256, tmp_path / "other", "renamed.tar.gz")
    assert local is not None
    assert local.digests.sha256 == SHA256
    assert (tmp_path / "other" / "renamed.tar.gz").samefile(file)
    (stored,) = store.objects()
    assert (stored.sha256, stored.size_bytes, stored.used_elsewhere) == (SHA256, 7, True)


def test_a_name_in_the_directory_is_replaced(
    store: ContentStore, file: Path, tmp_path: Path
) -> None:
    store.add(file, SHA256)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "six.tar.gz").write_bytes(b"older")
    store.take(SHA256, tmp_path / "other", "six.tar.gz")
    assert (tmp_path / "other" / "six.tar.gz").read_bytes() == CONTENT


def test_what_is_not_stored_cannot_be_taken(store: ContentStore, tmp_path: Path) -> None:
    assert store.take(SHA256, tmp_path, "six.tar.gz") is None
    assert not store.has(SHA256)
    assert list(store.objects()) == []


def test_damaged_content_is_not_handed_on(
    store: ContentStore, file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.add(file, SHA256)
    file.write_bytes(b"c0ntent")  # in place: the link shares it
    assert store.take(SHA256, tmp_path, "taken.tar.gz") is None
    assert not (tmp_path / "taken.tar.gz").exists()
    assert not store.has(SHA256)
    assert "damaged in the store" in caplog.text
    assert file.exists()


def test_other_files_in_the_store_are_ignored(store: ContentStore, file: Path) -> None:
    store.add(file, SHA256)
    (store.path / "README").write_text("")
    (store.path / "ab").mkdir(exist_ok=True)
    (store.path / "ab" / "notes").write_text("")
    (store.path / "zz").write_text("")
    assert [one.sha256 for one in store.objects()] == [SHA256]


def test_an_object_without_other_links_is_unused(store: ContentStore, file: Path) -> None:
    store.add(file, SHA256)
    file.unlink()
    (stored,) = store.objects()
    assert not stored.used_elsewhere


def put_odd(kind: str, place: Path, elsewhere: Path) -> None:
    """Put something odd at a place."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if kind == "directory":
        place.mkdir()
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "file":
        place.write_text("x")
    else:
        place.symlink_to({"link": elsewhere, "dangling": Path("nowhere"), "loop": place}[kind])


@pytest.mark.parametrize("kind", ["directory", "fifo", "link", "dangling", "loop"])
def test_an_odd_thing_in_the_place_of_an_object(
    store: ContentStore, file: Path, tmp_path: Path, kind: str
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("of another content")
    put_odd(kind, store.place(SHA256), precious)
    assert store.take(SHA256, tmp_path, "taken") is None
    assert store.add(file, SHA256)
    assert store.take(SHA256, tmp_path, "taken") is not None
    assert [stored.sha256 for stored in store.objects()] == [SHA256]
    assert precious.read_text() == "of another content"


@pytest.mark.parametrize("kind", ["fifo", "file", "dangling", "loop"])
def test_an_odd_thing_in_the_place_of_a_folder(
    store: ContentStore, file: Path, tmp_path: Path, kind: str
) -> None:
    put_odd(kind, store.place(SHA256).parent, tmp_path)
    assert store.take(SHA256, tmp_path, "taken") is None
    assert store.add(file, SHA256)
    assert store.has(SHA256)
