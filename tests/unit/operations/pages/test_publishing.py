"""The tree follows what a run has changed, and says what it cannot follow."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.pages.publishing import RepositoryPages, export_server
from microrepo.publish.links import Links
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf

FOO, FOO_2, BAR = build_wheel("foo", "1.0"), build_wheel("foo", "2.0"), build_wheel("bar", "1.0")


@pytest.fixture(autouse=True)
def files(shelf: Shelf) -> None:
    for built in (FOO, BAR):
        shelf.hold(built)


def listed(shelf: Shelf, name: str = "foo") -> list[str]:
    return [file.filename for file in shelf.page(name).files]


@pytest.fixture
def pages(config: Config, holdings: Holdings, work: WorkContext) -> RepositoryPages:
    return RepositoryPages(config, holdings, work)


def set_to(pages: RepositoryPages, **settings: object) -> RepositoryPages:
    config = msgspec.structs.replace(pages.config, **settings)
    return RepositoryPages(config, pages.holdings, pages.work)


def test_all_that_changed_is_published_once(pages: RepositoryPages, shelf: Shelf) -> None:
    assert not pages.exist
    pages.update()
    assert pages.exist
    assert listed(shelf) == [FOO.filename]
    assert set(shelf.root().projects) == {"foo", "bar"}
    assert (shelf.path / "server.py").is_file()
    before = shelf.identities()
    pages.update()
    assert shelf.identities() == before


def test_some_projects_are_published_before_the_list_of_all(
    pages: RepositoryPages, shelf: Shelf
) -> None:
    pages.write(["foo"])
    assert listed(shelf) == [FOO.filename]
    assert not (shelf.path / "simple/index.html").exists()
    assert not (shelf.path / "simple/bar").exists()


def test_files_that_leave_are_off_the_pages_and_stay_noted(
    pages: RepositoryPages, shelf: Shelf
) -> None:
    shelf.hold(FOO_2)
    pages.update(["foo"], leaving=[FOO.filename])
    assert listed(shelf) == [FOO_2.filename]
    assert shelf.state.publication.pending("", 10) == ["foo"]
    pages.update()  # they did not go after all
    assert listed(shelf) == [FOO.filename, FOO_2.filename]


def test_pages_that_somebody_removed_come_back(pages: RepositoryPages, shelf: Shelf) -> None:
    pages.update()
    (shelf.path / "simple/foo/index.html").unlink()
    pages.update()
    assert (shelf.path / "simple/foo/index.html").exists()


def test_a_dry_run_writes_no_page(pages: RepositoryPages, shelf: Shelf) -> None:
    pages.work.report.dry_run = True
    pages.write(["foo"])
    pages.update(["foo"])
    assert not (shelf.path / "simple").exists()


def test_without_pages_only_the_server_is_written(pages: RepositoryPages, shelf: Shelf) -> None:
    plain = set_to(pages, simple=False, browse=True)
    plain.write(["foo"])
    plain.update()
    assert (shelf.path / "server.py").is_file()
    assert not (shelf.path / "simple").exists()
    assert len(pages.work.report.warnings) == 1  # pages for people are made from those for programs


def test_a_repository_without_anything_to_read_stays_so(
    pages: RepositoryPages, shelf: Shelf
) -> None:
    set_to(pages, simple=False, server=False, browse=True).update()
    assert not (shelf.path / "server.py").exists()
    assert pages.work.report.warnings == []


def test_a_tree_that_is_out_of_date_is_warned_of(pages: RepositoryPages) -> None:
    pages.update()
    set_to(pages, simple=False, server=False).update()
    assert ["simple/" in text for text in pages.work.report.warnings] == [True]


def test_pages_for_people_follow(pages: RepositoryPages, shelf: Shelf) -> None:
    set_to(pages, browse=True).update()
    assert any("foo" in path.read_text() for path in (shelf.path / "browse").rglob("*.html"))
    pages.update()
    assert ["browse/" in text for text in pages.work.report.warnings] == [True]


def test_how_pages_link_is_remembered(pages: RepositoryPages, shelf: Shelf) -> None:
    elsewhere = Holdings(shelf.state, shelf.directory, Links(base="https://f.example/"))
    RepositoryPages(pages.config, elsewhere, pages.work).update()
    assert shelf.page("foo").files[0].url == f"https://f.example/{FOO.filename}"
    assert "f.example" in str(shelf.state.meta("links"))


def test_what_the_disk_refuses_is_named_by_its_place(
    pages: RepositoryPages, tmp_path: Path
) -> None:
    with pytest.raises(RepositoryError, match="aside"), pages.writing():
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
