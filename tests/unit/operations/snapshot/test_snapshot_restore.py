"""Restoring: undo, dry runs, pins, and what is refused."""

from __future__ import annotations

import pytest

from microrepo.config.schema import Config
from microrepo.errors import ConfigError, RepositoryError
from microrepo.operations.snapshot.snapshot_files import SnapshotFiles
from microrepo.operations.snapshot.snapshot_restore import restore_snapshot
from microrepo.state.pinned_snapshot import pinned_snapshot
from microrepo.stores.objects.protected_contents import ProtectedContents
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf
from tests.unit.operations.snapshot.conftest import Create

OLD, NEW = build_wheel("app", "1"), build_wheel("app", "2")


@pytest.fixture(autouse=True)
def changed(shelf: Shelf, create: Create) -> None:
    """The snapshot `old`, and a repository that has changed since."""
    shelf.hold(OLD)
    create("old")
    shelf.drop(OLD.filename)
    shelf.hold(NEW)
    shelf.publish()


def wheels(shelf: Shelf) -> list[str]:
    return sorted(name for name in shelf.directory.scan() if name.endswith(".whl"))


def test_a_restore_can_be_undone(shelf: Shelf, config: Config) -> None:
    report = restore_snapshot(config, "old")
    assert (report.exit_code, wheels(shelf)) == (0, [OLD.filename])
    assert report.before.startswith("before-restore-")
    again = restore_snapshot(config, report.before)
    assert wheels(shelf) == [NEW.filename]
    # The present was in a snapshot already.
    assert again.before == ""
    assert len(SnapshotFiles(shelf.path).all()) == 2


def test_the_present_can_be_discarded(shelf: Shelf, config: Config) -> None:
    assert restore_snapshot(config, "old", keep_present=False).before == ""
    assert [one.name for one in SnapshotFiles(shelf.path).all()] == ["old"]


def test_only_the_last_states_before_restores_are_kept(shelf: Shelf, config: Config) -> None:
    for number in range(3, 8):
        shelf.hold(build_wheel("app", str(number)))
        shelf.publish()
        restore_snapshot(config, "old")
    kept = [one.name for one in SnapshotFiles(shelf.path).all()]
    assert len(kept) == 4
    assert "old" in kept


def test_all_files_were_deleted_by_mistake(shelf: Shelf, config: Config) -> None:
    (shelf.path / NEW.filename).unlink()
    report = restore_snapshot(config, "old")
    assert (report.exit_code, report.before, wheels(shelf)) == (0, "", [OLD.filename])


def test_a_dry_run_changes_nothing(shelf: Shelf, config: Config) -> None:
    before = shelf.identities()
    report = restore_snapshot(config, "old", dry_run=True, pin=True)
    assert [one.filename for one in report.placed] == [OLD.filename]
    assert [one.filename for one in report.leaving] == [NEW.filename]
    assert shelf.identities() == before
    assert pinned_snapshot(shelf.state) == ""


def test_a_pin_follows_the_restores(shelf: Shelf, config: Config) -> None:
    assert restore_snapshot(config, "old", pin=True).pinned == "old"
    assert pinned_snapshot(shelf.state) == "old"
    assert restore_snapshot(config, "latest").pinned.startswith("before-restore-")


def test_a_missing_content_is_refused(shelf: Shelf, config: Config) -> None:
    ProtectedContents.of(shelf.path).place(OLD.sha256).unlink()
    report = restore_snapshot(config, "old", pin=True)
    assert (report.exit_code, wheels(shelf)) == (1, [NEW.filename])
    assert [one.what for one in report.failed] == [OLD.filename]
    assert pinned_snapshot(shelf.state) == ""


def test_damaged_and_unknown_snapshots(shelf: Shelf, config: Config) -> None:
    path = SnapshotFiles(shelf.path).path("old")
    path.write_bytes(path.read_bytes().replace(b'"version":"1"', b'"version":"3"'))
    with pytest.raises(RepositoryError, match="damaged"):
        restore_snapshot(config, "old")
    assert wheels(shelf) == [NEW.filename]
    with pytest.raises(ConfigError):
        restore_snapshot(config, "new")
