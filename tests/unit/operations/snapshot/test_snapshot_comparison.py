"""Differences between snapshots, in files, bytes, releases and projects."""

from __future__ import annotations

from microrepo.config.schema import Config
from microrepo.model import NormalizedName
from microrepo.operations.snapshot.snapshot_comparison import compare_snapshots
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf
from tests.unit.operations.snapshot.conftest import Create

OLD, NEW, LIB = build_wheel("app", "1"), build_wheel("app", "2"), build_wheel("lib", "1")


def test_files_releases_and_projects(shelf: Shelf, config: Config, create: Create) -> None:
    shelf.hold(OLD)
    create("one")
    shelf.hold(NEW)
    shelf.hold(LIB)
    create("two")
    found = compare_snapshots(config, "one", "two")
    assert (found.added, found.removed, found.added_bytes) == (2, 0, NEW.size + LIB.size)
    assert found.releases_added == ("app==2", "lib==1")
    assert found.projects_added == ("lib",)
    back = compare_snapshots(config, "two", "one")
    assert (back.removed, back.removed_bytes) == (2, NEW.size + LIB.size)
    assert back.releases_removed == found.releases_added


def test_with_what_is_there_now(shelf: Shelf, config: Config, create: Create) -> None:
    shelf.hold(OLD)
    create("one")
    before = shelf.identities()
    assert compare_snapshots(config, "one").files == ()
    shelf.hold(OLD, yanked=True)
    shelf.record(NormalizedName("app"), "app", status="archived")
    found = compare_snapshots(config, "latest", "current")
    (file,) = found.files
    assert (file.change, file.facts) == ("facts", ("yanked",))
    assert (found.facts, found.added_bytes, found.projects_changed) == (1, 0, ("app",))
    assert shelf.identities() == before


def test_another_content(shelf: Shelf, config: Config, create: Create) -> None:
    shelf.hold(OLD)
    create("one")
    (shelf.path / OLD.filename).unlink()
    rebuilt = build_wheel("app", "1", payload_size=500)
    shelf.hold(rebuilt)
    found = compare_snapshots(config, "one")
    assert (found.replaced, found.files[0].sha256) == (1, rebuilt.sha256)
    assert (found.added_bytes, found.removed_bytes) == (rebuilt.size, OLD.size)
