"""Deleting snapshots: which go, which contents go with them, and what a pin holds."""

from __future__ import annotations

import pytest

from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.operations.snapshot.snapshot_files import KeptBy, Snapshot, SnapshotFiles
from microrepo.operations.snapshot.snapshot_removal import (
    delete_snapshots,
    prune_snapshots,
    superseded,
    unpin_snapshot,
)
from microrepo.state.pinned_snapshot import PINNED, pinned_snapshot
from microrepo.stores.objects.protected_contents import ProtectedContents
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf
from tests.unit.operations.snapshot.conftest import Create

APP, LIB = build_wheel("app", "1"), build_wheel("lib", "1")
NOW = "2026-06-30T00:00:00.000000Z"


def made(name: str, by: str, day: int = 1) -> Snapshot:
    return Snapshot(name, kept_by=by, created=f"2026-06-{day:02}T00:00:00.000000Z")


def names(shelf: Shelf) -> list[str]:
    return [one.name for one in SnapshotFiles(shelf.path).all()]


def test_which_are_superseded() -> None:
    known = [made(f"r{n}", "refresh", n) for n in range(1, 5)] + [made("mine", "person", 1)]
    refresh = {KeptBy.REFRESH}
    assert [one.name for one in superseded(known, refresh, 2)] == ["r1", "r2"]
    assert [one.name for one in superseded(known, refresh, 9)] == []
    since = "2026-06-02T00:00:00.000000Z"
    assert [one.name for one in superseded(known, refresh, 0, since)] == ["r1"]
    assert [one.name for one in superseded(known, set(KeptBy), 0, since)] == ["r1", "mine"]


def test_contents_that_another_snapshot_has_stay(
    shelf: Shelf, config: Config, create: Create
) -> None:
    shelf.hold(APP)
    create("one")
    shelf.hold(LIB)
    create("two")
    shelf.drop(LIB.filename)
    assert delete_snapshots(config, ["two"], dry_run=True).snapshots == ("two",)
    assert names(shelf) == ["one", "two"]
    report = delete_snapshots(config, ["two"])
    assert (report.freed.files, report.freed.own_bytes) == (1, LIB.size)
    assert list(ProtectedContents.of(shelf.path).contents()) == [APP.sha256]
    assert (shelf.path / APP.filename).read_bytes() == APP.content


def test_nothing_is_deleted_while_a_manifest_cannot_be_read(
    shelf: Shelf, config: Config, create: Create
) -> None:
    shelf.hold(APP)
    for name in ("one", "two"):
        create(name)
    SnapshotFiles(shelf.path).path("one").write_bytes(b"damaged")
    report = delete_snapshots(config, ["two"])
    assert "no content was deleted" in report.warnings[0]
    assert list(ProtectedContents.of(shelf.path).contents()) == [APP.sha256]
    delete_snapshots(config, ["one"])  # one that is damaged can go by its name
    assert (names(shelf), list(ProtectedContents.of(shelf.path).contents())) == ([], [])


def test_people_delete_what_people_made(shelf: Shelf, config: Config, create: Create) -> None:
    shelf.hold(APP)
    create("mine")
    assert prune_snapshots(config, keep=0, keep_days=None, now=NOW).snapshots == ()
    report = prune_snapshots(config, keep=0, keep_days=None, now=NOW, everything=True)
    assert report.snapshots == ("mine",)
    with pytest.raises(ConfigError, match="--keep"):
        prune_snapshots(config, keep=None, keep_days=None, now=NOW)


def test_a_pinned_snapshot_stays(shelf: Shelf, config: Config, create: Create) -> None:
    shelf.hold(APP)
    create("mine")
    with shelf.state.transaction():
        shelf.state.set_meta(PINNED, "mine")
    with pytest.raises(ConfigError, match="unpin"):
        delete_snapshots(config, ["mine"])
    report = prune_snapshots(config, keep=0, keep_days=None, now=NOW, everything=True)
    assert report.snapshots == ()
    assert unpin_snapshot(config) == "mine"
    assert pinned_snapshot(shelf.state) == ""
    assert unpin_snapshot(config) == ""
    assert delete_snapshots(config, ["mine"]).snapshots == ("mine",)


def test_an_unknown_name_deletes_nothing(shelf: Shelf, config: Config, create: Create) -> None:
    shelf.hold(APP)
    create("one")
    with pytest.raises(ConfigError):
        delete_snapshots(config, ["one", "two"])
    assert names(shelf) == ["one"]
