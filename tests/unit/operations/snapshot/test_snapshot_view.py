"""Views of snapshots: repositories of their own, while the real one goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.operations.closure.check import check
from microrepo.operations.run.goals import read_requests
from microrepo.operations.snapshot.snapshot_removal import delete_snapshots
from microrepo.operations.snapshot.snapshot_view import view_for_serving, viewed_for_checks
from microrepo.standalone.server.index_pages import parse_project_json
from microrepo.stores.objects.protected_contents import ProtectedContents
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf
from tests.unit.operations.snapshot.conftest import Create

OLD, NEW = build_wheel("app", "1"), build_wheel("app", "2")


@pytest.fixture(autouse=True)
def changed(shelf: Shelf, create: Create) -> None:
    """The snapshot `old`, and a repository that has changed since."""
    shelf.hold(OLD, yanked=True, yanked_reason="bad")
    create("old")
    shelf.drop(OLD.filename)
    shelf.hold(NEW)
    shelf.publish()


def test_a_view_has_files_and_pages(shelf: Shelf, config: Config) -> None:
    view = view_for_serving(config, "old")
    assert (view / OLD.filename).samefile(ProtectedContents.of(shelf.path).place(OLD.sha256))
    page = parse_project_json((view / "simple/app/index.v1_json").read_bytes())
    (entry,) = page.files
    assert (entry.filename, entry.yanked) == (OLD.filename, "bad")
    assert entry.hashes == {"sha256": OLD.sha256}
    assert (view / f"{OLD.filename}.metadata").is_file()
    assert [path.name for path in view.parent.iterdir() if path.is_dir()] == [view.name]


def test_a_view_is_made_once_and_goes_with_its_snapshot(shelf: Shelf, config: Config) -> None:
    view = view_for_serving(config, "old")
    inode = (view / "simple/index.html").stat().st_ino
    assert view_for_serving(config, "latest") == view
    assert (view / "simple/index.html").stat().st_ino == inode
    delete_snapshots(config, ["old"])
    assert not view.exists()
    assert (shelf.path / NEW.filename).is_file()


def test_a_missing_content_is_named(shelf: Shelf, config: Config) -> None:
    ProtectedContents.of(shelf.path).place(OLD.sha256).unlink()
    with pytest.raises(RepositoryError, match=OLD.filename):
        view_for_serving(config, "old")
    folder = shelf.directory.control / "snapshots"
    assert [path.name for path in folder.iterdir()] == ["old.jsonl"]


def test_what_installs_from_a_snapshot(config: Config) -> None:
    def closed(viewed: Config, requirement: str) -> bool:
        return check(viewed, read_requests((requirement,), Path("/"))).closed

    with viewed_for_checks(config, "old") as viewed:
        assert closed(viewed, "app==1")
        assert not closed(viewed, "app==2")
    assert not Path(viewed.repository).exists()
    assert closed(config, "app==2")
