"""Which files are sound: by size and time, else by reading them."""

from __future__ import annotations

import os

from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.switch.sound_files import SoundFiles
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf

APP, LIB, OWN = build_wheel("app", "1"), build_wheel("lib", "1"), build_wheel("own", "1")


def test_recorded_files_are_compared_by_size_and_time(shelf: Shelf, holdings: Holdings) -> None:
    shelf.hold(APP)
    shelf.hold(LIB)
    found = SoundFiles(holdings)
    assert (found.damaged, found.absent, found.projects) == ([], set(), {"app", "lib"})


def test_missing_shortened_and_changed_files_are_damaged(shelf: Shelf, holdings: Holdings) -> None:
    for built in (APP, LIB, OWN):
        shelf.hold(built)
    (shelf.path / APP.filename).unlink()
    (shelf.path / LIB.filename).write_bytes(b"short")
    (shelf.path / OWN.filename).write_bytes(b"x" * OWN.size)
    found = SoundFiles(holdings)
    assert found.absent == {APP.filename, LIB.filename, OWN.filename}
    whys = {one.what: one.why for one in found.damaged}
    assert whys[APP.filename] == "missing"
    assert whys[LIB.filename] == f"damaged: 5 bytes instead of {LIB.size}"
    assert whys[OWN.filename].startswith("damaged: its sha256 is ")


def test_a_file_with_another_time_is_read_once(shelf: Shelf, holdings: Holdings) -> None:
    shelf.hold(APP)
    os.utime(shelf.path / APP.filename, ns=(1, 2_000_000_000))
    assert SoundFiles(holdings, writes=True).damaged == []
    assert shelf.state.files_named([APP.filename])[APP.filename].mtime_ns == 2_000_000_000


def test_files_that_nothing_describes_are_read(shelf: Shelf, holdings: Holdings) -> None:
    (shelf.path / OWN.filename).write_bytes(OWN.content)
    (shelf.path / "notes.txt").write_text("no distribution")
    (other,) = SoundFiles(holdings).others
    assert (other.project, other.file.digests.sha256) == ("own", OWN.sha256)
    assert other.file.size == OWN.size


def test_an_unreadable_file_is_damaged(shelf: Shelf, holdings: Holdings) -> None:
    (shelf.path / OWN.filename).write_bytes(b"claimed otherwise")
    (shelf.path / f"{OWN.filename}.hash").write_text(f"sha256={OWN.sha256}")
    (failure,) = SoundFiles(holdings).damaged
    assert failure.what == OWN.filename
