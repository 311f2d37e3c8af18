"""Lists and descriptions of snapshots."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.operations.snapshot.snapshot_listing import describe_snapshot, list_snapshots
from microrepo.operations.snapshot.snapshot_restore import restore_snapshot
from microrepo.stores.objects.protected_contents import ProtectedContents
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf
from tests.unit.operations.snapshot.conftest import Create

APP, LIB = build_wheel("app", "1"), build_wheel("lib", "1")


def test_what_snapshots_hold(shelf: Shelf, config: Config, create: Create) -> None:
    shelf.hold(APP)
    shelf.hold(LIB)
    create("one")
    shelf.drop(LIB.filename)
    found = list_snapshots(config)
    assert [one.name for one in found.snapshots] == ["one"]
    assert (found.stored.files, found.stored.own_bytes, found.pinned) == (2, LIB.size, "")
    restore_snapshot(config, "one", pin=True, keep_present=False)
    assert list_snapshots(config).pinned == "one"
    assert describe_snapshot(config, "one").pinned


def test_what_cannot_be_restored(shelf: Shelf, config: Config, create: Create) -> None:
    for built in (APP, LIB):
        shelf.hold(built)
    create("one")
    shelf.drop(APP.filename, LIB.filename)
    assert describe_snapshot(config, "one").own_bytes == APP.size + LIB.size
    store = ProtectedContents.of(shelf.path)
    store.place(APP.sha256).unlink()
    store.place(LIB.sha256).write_bytes(b"x" * LIB.size)
    shallow = describe_snapshot(config, "one")
    assert ([one.what for one in shallow.failed], shallow.exit_code) == ([APP.filename], 3)
    deep = describe_snapshot(config, "one", deep=True)
    assert [one.what for one in deep.failed] == [APP.filename, LIB.filename]


def test_directories_without_snapshots_and_missing_ones(config: Config, tmp_path: Path) -> None:
    assert list_snapshots(config).snapshots == ()
    bare = msgspec.structs.replace(config, repository=str(tmp_path))
    assert list_snapshots(bare).snapshots == ()
    missing = msgspec.structs.replace(config, repository=str(tmp_path / "missing"))
    with pytest.raises(RepositoryError, match="not found"):
        list_snapshots(missing)
