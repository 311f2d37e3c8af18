"""Creation of snapshots: what is kept, what is left out, and what is refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.errors import ConfigError, RepositoryError
from microrepo.operations.snapshot.snapshot_creation import create_snapshot
from microrepo.operations.snapshot.snapshot_files import SnapshotFiles
from microrepo.publish.links import Links, remember_links
from microrepo.stores.objects.protected_contents import ProtectedContents
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf
from tests.unit.operations.snapshot.conftest import Create

APP, LIB = build_wheel("app", "1"), build_wheel("lib", "1")


def test_contents_are_links(shelf: Shelf, create: Create) -> None:
    shelf.hold(APP)
    made = create("monthly", note="before the upgrade")
    assert (made.name, made.files, made.size_bytes, made.kept_by) == (
        "monthly",
        1,
        APP.size,
        "person",
    )
    assert made.note == "before the upgrade"
    assert ProtectedContents.of(shelf.path).place(APP.sha256).samefile(shelf.path / APP.filename)


def test_equal_states_have_equal_ids(shelf: Shelf, create: Create) -> None:
    shelf.hold(APP)
    one = create("one").snapshot
    assert create("two").snapshot == one
    shelf.hold(LIB)
    assert create("three").snapshot != one


def test_a_name_is_made_of_date_and_run(shelf: Shelf, create: Create) -> None:
    shelf.hold(APP)
    made = create()
    assert made.name == f"{made.created[:10]}-run-{made.run}"


def test_damaged_files_are_left_out_and_named(shelf: Shelf, config: Config) -> None:
    shelf.hold(APP)
    shelf.hold(LIB)
    (shelf.path / APP.filename).write_bytes(b"damaged")
    report = create_snapshot(config, "monthly")
    assert report.exit_code == 3
    assert [one.what for one in report.failed] == [APP.filename]
    assert report.snapshot is not None
    assert (report.snapshot.files, report.snapshot.left_out) == (1, 1)


def test_no_snapshot_of_an_unmounted_directory(shelf: Shelf, config: Config) -> None:
    shelf.hold(APP)
    (shelf.path / APP.filename).unlink()
    with pytest.raises(RepositoryError, match="Is the right file system mounted"):
        create_snapshot(config, "monthly")
    assert SnapshotFiles(shelf.path).all() == []


def test_a_directory_without_a_state(tmp_path: Path, config: Config) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / APP.filename).write_bytes(APP.content)
    config = msgspec.structs.replace(config, repository=str(bare))
    report = create_snapshot(config, "monthly")
    assert report.snapshot is not None
    assert (report.snapshot.files, report.exit_code) == (1, 0)
    assert [path.name for path in bare.iterdir() if path.is_file()] == [APP.filename]


def test_a_dry_run_writes_nothing(shelf: Shelf, config: Config) -> None:
    shelf.hold(APP)
    shelf.publish()
    before = shelf.identities()
    report = create_snapshot(config, dry_run=True)
    assert report.snapshot is not None
    assert report.snapshot.files == 1
    assert shelf.identities() == before
    assert SnapshotFiles(shelf.path).all() == []
    kept = create_snapshot(config, "real").snapshot
    assert kept is not None
    assert kept.snapshot == report.snapshot.snapshot


def test_what_is_refused(shelf: Shelf, config: Config, create: Create, tmp_path: Path) -> None:
    shelf.hold(APP)
    create("monthly")
    for name in ("monthly", "Monthly", "a/b"):
        with pytest.raises(ConfigError):
            create_snapshot(config, name)
    missing = msgspec.structs.replace(config, repository=str(tmp_path / "missing"))
    with pytest.raises(RepositoryError, match="not found"):
        create_snapshot(missing, "x")
    assert not (tmp_path / "missing").exists()
    remember_links(shelf.state, Links(files=False))
    report = create_snapshot(config, "x")
    assert (report.snapshot, report.exit_code) == (None, 1)
    assert "index without files" in report.refused
