"""Verify: what is compared, what stays called damaged, and what is repaired."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.errors import Cancelled, RepositoryError
from microrepo.model import Cause
from microrepo.operations.maintain.verify import verify
from microrepo.operations.records.report import Report
from microrepo.state.monitoring import DAMAGED_MTIME_NS
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf

APP, OTHER = build_wheel("app", "1.0"), build_wheel("other", "1.0")


@pytest.fixture(autouse=True)
def held(shelf: Shelf, tmp_path: Path) -> None:
    """Two files; one can be had again from a directory."""
    away = tmp_path / "away"
    away.mkdir()
    shelf.hold(APP, url=APP.write_to(away).as_uri())
    shelf.hold(OTHER, url="")


def failed(report: Report) -> list[str]:
    return [failure.what for failure in report.failed]


def damage(shelf: Shelf, *, hidden: bool) -> None:
    """Change a file; hidden damage keeps size and time."""
    path = shelf.path / APP.filename
    status = path.stat()
    path.write_bytes(b"x" * APP.size if hidden else b"damaged")
    if hidden:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def row_time(shelf: Shelf) -> int:
    return shelf.state.files_named([APP.filename])[APP.filename].mtime_ns


def test_files_as_recorded_are_sound(config: Config) -> None:
    report = verify(config)
    assert (failed(report), report.totals.keep, report.exit_code) == ([], 2, 0)
    assert report.notes


@pytest.mark.parametrize(("hidden", "deep", "found"), [(False, False, True), (True, False, False),
                                                       (True, True, True)])  # fmt: skip
def test_damage(shelf: Shelf, config: Config, hidden: bool, deep: bool, found: bool) -> None:
    damage(shelf, hidden=hidden)
    report = verify(config, deep=deep)
    assert failed(report) == ([APP.filename] if found else [])
    assert report.exit_code == (3 if found else 0)
    assert (row_time(shelf) == DAMAGED_MTIME_NS) is found


def test_damage_stays_damage_for_a_quick_look(shelf: Shelf, config: Config) -> None:
    damage(shelf, hidden=True)
    verify(config, deep=True)
    assert failed(verify(config)) == [APP.filename]


def test_a_missing_file(shelf: Shelf, config: Config) -> None:
    (shelf.path / APP.filename).unlink()
    (failure,) = verify(config).failed
    assert (failure.what, bool(failure.why)) == (APP.filename, True)


def test_another_time_with_the_same_content_is_noted(shelf: Shelf, config: Config) -> None:
    os.utime(shelf.path / APP.filename, ns=(5, 5_000_000_000))
    assert failed(verify(config)) == []
    assert row_time(shelf) == 5_000_000_000


def test_a_dry_run_writes_nothing_down(shelf: Shelf, config: Config) -> None:
    before = row_time(shelf)
    damage(shelf, hidden=False)
    report = verify(config, repair=True, dry_run=True)
    assert failed(report) == [APP.filename]
    assert [action.filename for action in report.plan] == [APP.filename]
    assert row_time(shelf) == before
    assert (shelf.path / APP.filename).read_bytes() == b"damaged"


def test_repair_fetches_again(shelf: Shelf, config: Config) -> None:
    damage(shelf, hidden=False)
    report = verify(config, repair=True)
    assert (failed(report), report.downloaded) == ([], 1)
    assert (shelf.path / APP.filename).read_bytes() == APP.content
    (change,) = shelf.state.history("app")
    assert (change.action, change.cause) == ("repair", Cause.DAMAGED)
    assert shelf.state.files_named([APP.filename])[APP.filename].cause is Cause.SELECTED
    assert failed(verify(config, deep=True)) == []


def test_what_nobody_can_give_again_stays_failed(shelf: Shelf, config: Config) -> None:
    (shelf.path / OTHER.filename).unlink()
    report = verify(config, repair=True)
    assert failed(report) == [OTHER.filename]


def test_files_that_no_state_knows_are_looked_at(
    shelf: Shelf, config: Config, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    path = APP.write_to(bare)
    Path(f"{path}.hash").write_text(f"sha256={'0' * 64}")
    report = verify(msgspec.structs.replace(config, repository=str(bare)))
    assert failed(report) == [APP.filename]
    assert sorted(bare.iterdir()) == [path, Path(f"{path}.hash")]


def test_files_without_a_digest_are_counted(shelf: Shelf, config: Config, tmp_path: Path) -> None:
    OTHER.write_to(shelf.path)
    third = build_wheel("third", "1.0").write_to(shelf.path)
    (note,) = verify(config, deep=True).notes
    assert "1 file " in note
    third.unlink()


def test_a_directory_that_is_not_there(shelf: Shelf, config: Config) -> None:
    shutil.rmtree(shelf.path)
    with pytest.raises(RepositoryError):
        verify(config)


def test_it_can_be_cancelled(shelf: Shelf, config: Config) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        verify(config, deep=True, cancel=cancel)
    assert shelf.state.meta("running") is None
