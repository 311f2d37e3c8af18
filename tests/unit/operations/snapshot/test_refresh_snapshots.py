"""Snapshots of refreshes: only after changes, only the newest, never in place of those of people."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.model import Cause
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.snapshot.refresh_snapshots import keep_after_refresh
from microrepo.operations.snapshot.snapshot_files import SnapshotFiles
from microrepo.publish.links import Links
from microrepo.state import change_of
from microrepo.state.pinned_snapshot import PINNED
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf
from tests.unit.operations.snapshot.conftest import Create

Refresh = Callable[..., None]


@pytest.fixture
def refresh(shelf: Shelf, config: Config, holdings: Holdings, work: WorkContext) -> Refresh:
    """``refresh(*versions)``: what a refresh does that brings releases of app."""
    config = msgspec.structs.replace(config, snapshots=2)

    def run(*versions: str) -> None:
        with shelf.state.transaction():
            work.report.run = shelf.state.start_run(work.now, "refresh")
        for version in versions:
            file = shelf.hold(build_wheel("app", version))
            row = shelf.state.files_named([file.filename])[file.filename]
            with shelf.state.transaction():
                change = change_of(row, work.report.run, "add", Cause.SELECTED)
                shelf.state.add_history([change])
        keep_after_refresh(config, holdings, work)

    return run


def names(shelf: Shelf) -> list[str]:
    return [one.name for one in SnapshotFiles(shelf.path).all()]


def test_one_for_each_change_and_the_newest_stay(shelf: Shelf, refresh: Refresh) -> None:
    for version in ("1", "2", "3"):
        refresh(version)
    assert len(names(shelf)) == 2
    assert all("-run-" in name for name in names(shelf))
    refresh()
    assert [name.rpartition("-")[2] for name in names(shelf)] == ["2", "3"]


def test_what_people_made_and_what_is_pinned_stays(
    shelf: Shelf, refresh: Refresh, create: Create
) -> None:
    refresh("1")
    (first,) = names(shelf)
    with shelf.state.transaction():
        shelf.state.set_meta(PINNED, first)
    create("mine")
    for version in ("2", "3", "4"):
        refresh(version)
    assert {"mine", first} <= set(names(shelf))
    assert len(names(shelf)) == 4


def test_damaged_files_are_named_and_do_not_fail_the_refresh(
    shelf: Shelf, refresh: Refresh, work: WorkContext
) -> None:
    shelf.hold(build_wheel("lib", "1"))
    (shelf.path / build_wheel("lib", "1").filename).write_bytes(b"x")
    refresh("1")
    assert "leaves out 1 damaged" in work.report.warnings[0]
    assert work.report.failed == []


def test_a_snapshot_that_fails_is_reported(
    shelf: Shelf, refresh: Refresh, work: WorkContext
) -> None:
    (shelf.directory.control / "objects").symlink_to(shelf.directory.path)
    refresh("1")
    (failure,) = work.report.failed
    assert failure.what == "snapshot"


def test_an_index_keeps_nothing(shelf: Shelf, config: Config, work: WorkContext) -> None:
    with shelf.state.transaction():
        work.report.run = shelf.state.start_run(work.now, "refresh")
        shelf.state.changes.note(work.report.run, "simple/")
    index = Holdings(shelf.state, shelf.directory, Links(files=False))
    keep_after_refresh(config, index, work)
    assert "keeps nothing" in work.report.warnings[0]
    assert names(shelf) == []
