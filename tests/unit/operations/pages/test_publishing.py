"""The tree follows what a run has changed, and says what it cannot follow."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.pages.publishing import (
    export_server,
    publish_changes,
    publish_projects,
    writing_pages,
)
from microrepo.publish.links import Links
from microrepo.publish.tree.static_tree import PublishReport
from microrepo.stores.flat_directory import FlatDirectory
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf

FOO, FOO_2, BAR = build_wheel("foo", "1.0"), build_wheel("foo", "2.0"), build_wheel("bar", "1.0")


@pytest.fixture(autouse=True)
def files(shelf: Shelf) -> None:
    for built in (FOO, BAR):
        shelf.hold(built)


def listed(shelf: Shelf, name: str = "foo") -> list[str]:
    return [file.filename for file in shelf.page(name).files]


def test_all_that_changed_is_published_once(
    config: Config, holdings: Holdings, work: WorkContext, shelf: Shelf
) -> None:
    report = publish_changes(config, holdings, work)
    assert (report.projects, listed(shelf)) == (2, [FOO.filename])
    assert set(shelf.root().projects) == {"foo", "bar"}
    assert (shelf.path / "server.py").is_file()
    before = shelf.identities()
    assert publish_changes(config, holdings, work).pages == 0
    assert shelf.identities() == before


def test_some_projects_are_published_before_the_list_of_all(
    config: Config, holdings: Holdings, work: WorkContext, shelf: Shelf
) -> None:
    publish_projects(config, holdings, work, ["foo"])
    assert listed(shelf) == [FOO.filename]
    assert not (shelf.path / "simple/index.html").exists()
    assert not (shelf.path / "simple/bar").exists()


def test_files_that_leave_are_off_the_pages_and_stay_noted(
    config: Config, holdings: Holdings, work: WorkContext, shelf: Shelf
) -> None:
    shelf.hold(FOO_2)
    publish_changes(config, holdings, work, ["foo"], leaving=[FOO.filename])
    assert listed(shelf) == [FOO_2.filename]
    assert shelf.state.publication.pending("", 10) == ["foo"]
    publish_changes(config, holdings, work)  # they did not go after all
    assert listed(shelf) == [FOO.filename, FOO_2.filename]


def test_pages_that_somebody_removed_come_back(
    config: Config, holdings: Holdings, work: WorkContext, shelf: Shelf
) -> None:
    publish_changes(config, holdings, work)
    (shelf.path / "simple/foo/index.html").unlink()
    publish_changes(config, holdings, work)
    assert (shelf.path / "simple/foo/index.html").exists()


@pytest.mark.parametrize("publish", [publish_changes, publish_projects])
def test_a_dry_run_writes_no_page(
    config: Config, holdings: Holdings, work: WorkContext, shelf: Shelf, publish: object
) -> None:
    work.report.dry_run = True
    assert publish(config, holdings, work, ["foo"]) in {None, PublishReport()}  # type: ignore[operator]
    assert not (shelf.path / "simple").exists()


def test_without_pages_only_the_server_is_written(
    config: Config, holdings: Holdings, work: WorkContext, shelf: Shelf
) -> None:
    plain = msgspec.structs.replace(config, simple=False, browse=True)
    publish_projects(plain, holdings, work, ["foo"])
    assert publish_changes(plain, holdings, work).pages == 1
    assert (shelf.path / "server.py").is_file()
    assert not (shelf.path / "simple").exists()
    assert len(work.report.warnings) == 1  # pages for people are made from those for programs


def test_a_tree_that_is_out_of_date_is_warned_of(
    config: Config, holdings: Holdings, work: WorkContext
) -> None:
    publish_changes(config, holdings, work)
    publish_changes(msgspec.structs.replace(config, simple=False), holdings, work)
    assert ["simple/" in text for text in work.report.warnings] == [True]


def test_pages_for_people_follow(
    config: Config, holdings: Holdings, work: WorkContext, shelf: Shelf
) -> None:
    people = msgspec.structs.replace(config, browse=True)
    publish_changes(people, holdings, work)
    assert any("foo" in path.read_text() for path in (shelf.path / "browse").rglob("*.html"))
    publish_changes(config, holdings, work)
    assert ["browse/" in text for text in work.report.warnings] == [True]


def test_how_pages_link_is_remembered(config: Config, shelf: Shelf, work: WorkContext) -> None:
    elsewhere = Holdings(shelf.state, shelf.directory, Links(base="https://f.example/"))
    publish_changes(config, elsewhere, work)
    assert shelf.page("foo").files[0].url == f"https://f.example/{FOO.filename}"
    assert "f.example" in str(shelf.state.meta("links"))


def test_what_the_disk_refuses_is_named_by_its_place(tmp_path: Path) -> None:
    directory = FlatDirectory(tmp_path)
    with pytest.raises(RepositoryError, match="aside"), writing_pages(directory):
        (tmp_path / "nothing").rename(tmp_path / "aside")


def test_the_server_alone(tmp_path: Path) -> None:
    export_server(tmp_path)
    path = tmp_path / "server.py"
    before = path.stat().st_ino
    export_server(tmp_path)
    assert path.stat().st_ino == before
    path.write_text("another")
    export_server(tmp_path)
    assert path.read_text() != "another"
    with pytest.raises(RepositoryError):
        export_server(path)  # a file
