"""Staged contents: verified before anything changes, and put in place without losing anything."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from microrepo.errors import RepositoryError
from microrepo.operations.switch.staged_content import (
    put_in_place,
    settle_times,
    stage_contents,
)
from microrepo.operations.switch.switch_plan import PlacedFile
from microrepo.stores.flat_directory import OnDisk
from tests.support.shelf import Shelf

GOOD = b"good"
SHA256 = hashlib.sha256(GOOD).hexdigest()
FILE = PlacedFile("six-1.tar.gz", "six", SHA256, len(GOOD))


@pytest.fixture
def objects(shelf: Shelf) -> Path:
    objects = shelf.directory.control / "staging/objects"
    objects.mkdir(parents=True)
    return objects


def source(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_the_first_sound_content_is_linked(tmp_path: Path, objects: Path) -> None:
    paths = [
        tmp_path / "missing",
        source(tmp_path, "bad", b"evil"),
        source(tmp_path, "good", GOOD),
    ]
    assert stage_contents(objects, [FILE], lambda _: paths, lambda: None) == []
    assert (objects / SHA256).samefile(paths[2])


def test_what_is_nowhere_sound_is_named(tmp_path: Path, objects: Path) -> None:
    bad = source(tmp_path, "bad", b"evil")
    (failure,) = stage_contents(objects, [FILE], lambda _: [bad], lambda: None)
    assert failure.what == FILE.filename
    assert failure.why.startswith(f"damaged: {bad} has SHA-256 ")
    (failure,) = stage_contents(objects, [FILE], lambda _: [], lambda: None)
    assert failure.why == "its content is not stored here"
    assert not (objects / SHA256).exists()


def test_what_is_staged_already_is_not_read_again(objects: Path) -> None:
    (objects / SHA256).write_bytes(GOOD)
    assert stage_contents(objects, [FILE], lambda _: pytest.fail("asked"), lambda: None) == []


def test_a_content_of_its_own_gets_the_time_of_its_upload(objects: Path, tmp_path: Path) -> None:
    (objects / SHA256).write_bytes(GOOD)
    dated = PlacedFile(FILE.filename, "six", SHA256, 4, upload_ns=5_000_000_000)
    settle_times(objects, [dated])
    assert (objects / SHA256).stat().st_mtime_ns == 5_000_000_000
    (tmp_path / "shared").hardlink_to(objects / SHA256)
    settle_times(objects, [PlacedFile(FILE.filename, "six", SHA256, 4, upload_ns=9_000_000_000)])
    assert (objects / SHA256).stat().st_mtime_ns == 5_000_000_000


def test_a_new_file_is_a_link(shelf: Shelf, objects: Path) -> None:
    (objects / SHA256).write_bytes(GOOD)
    for _ in range(2):  # the second time after a kill
        put_in_place(shelf.directory, objects, FILE)
    assert (shelf.path / FILE.filename).samefile(objects / SHA256)
    assert list(shelf.directory.partial.iterdir()) == []


def test_the_replaced_file_goes(shelf: Shelf, objects: Path) -> None:
    (objects / SHA256).write_bytes(GOOD)
    (shelf.path / FILE.filename).write_bytes(b"old")
    disk = shelf.directory.stat(FILE.filename)
    put_in_place(shelf.directory, objects, PlacedFile(FILE.filename, "six", SHA256, 4, disk))
    assert (shelf.path / FILE.filename).read_bytes() == GOOD
    assert not (shelf.directory.control / "quarantine").exists()


@pytest.mark.parametrize("replaces", [None, OnDisk(1, 1)])
def test_what_the_plan_did_not_see_goes_to_quarantine(
    shelf: Shelf, objects: Path, replaces: OnDisk | None
) -> None:
    (objects / SHA256).write_bytes(GOOD)
    (shelf.path / FILE.filename).write_bytes(b"mine")
    put_in_place(shelf.directory, objects, PlacedFile(FILE.filename, "six", SHA256, 4, replaces))
    aside = shelf.directory.control / "quarantine/six" / FILE.filename
    assert aside.read_bytes() == b"mine"


def test_a_staged_content_that_is_gone_is_an_error(shelf: Shelf, objects: Path) -> None:
    with pytest.raises(RepositoryError, match="is gone"):
        put_in_place(shelf.directory, objects, FILE)
