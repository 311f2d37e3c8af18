"""The static tree of a repository: what it says, what is written when, what is never written."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from microrepo.formats.index.pypi_json import parse_document
from microrepo.model import Info, NormalizedName
from microrepo.standalone.server.index_pages import (
    render_links_html,
    render_root_html,
    render_root_json,
)
from microrepo.standalone.server.records import RootPage
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.shelf import UPLOADED, Shelf

FORMS = ("index.v1_json", "index.v1_html", "index.html")


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path / "a répository")
    yield shelf
    shelf.state.close()


def _wheel(name: str, version: str = "1.0", requires_python: str | None = None) -> BuiltFile:
    return build_wheel(name, version, requires_python=requires_python)


def _changed(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> set[str]:
    return {path for path in before | after if before.get(path) != after.get(path)}


# --- what the pages say ---------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_page_names_each_file_with_all_that_is_known(shelf: Shelf, form: str) -> None:
    """Simple API 1.4; the links lead into the flat directory, from wherever the tree is served."""
    wheel = _wheel("Foo.Bar", requires_python=">=3.8,<4")
    shelf.hold(wheel, serial=7, yanked=True, yanked_reason='it "broke" <all>')
    shelf.hold(build_sdist("Foo.Bar", "1.0"))
    shelf.publish()
    project = shelf.page("foo-bar", form)
    files = {file.filename: file for file in project.files}
    found = files[wheel.filename]
    assert found.url == f"https://mirror.example/{wheel.filename}"
    assert (found.digests.sha256, found.requires_python) == (wheel.sha256, ">=3.8,<4")
    assert (found.yanked, found.yanked_reason) == (True, 'it "broke" <all>')
    assert (found.core_metadata, found.core_metadata_sha256) == (True, wheel.metadata_sha256)
    sdist = files["foo_bar-1.0.tar.gz"]
    assert (sdist.yanked, sdist.core_metadata) == (False, False)
    if form == "index.v1_json":
        assert (found.size, found.upload_time, found.provenance) == (wheel.size, UPLOADED, None)


def test_the_three_forms_of_a_page_and_of_the_root_agree(shelf: Shelf) -> None:
    shelf.hold(_wheel("Foo.Bar"), serial=7)
    shelf.publish()
    folder = shelf.path / "simple"
    for place in (folder, folder / "foo-bar"):
        assert (place / "index.html").read_bytes() == (place / "index.v1_html").read_bytes()
    assert shelf.root().projects == {"Foo.Bar": 7}
    assert list(shelf.root("index.html").projects) == ["Foo.Bar"]
    assert shelf.root("index.html").serial == shelf.root().serial == 7


def test_a_status_is_passed_on(shelf: Shelf) -> None:
    shelf.hold(_wheel("foo"))
    name = NormalizedName("foo")
    shelf.record(name, "foo", 5, status="archived", status_reason="see bar")
    shelf.publish()
    page = shelf.page("foo")
    assert (page.status, page.status_reason) == ("archived", "see bar")
    document = json.loads((shelf.path / "pypi/foo/json").read_bytes())
    assert document["project-status"] == {"status": "archived", "reason": "see bar"}


def test_an_attestation_is_not_advertised(shelf: Shelf) -> None:
    """Its address would have to be absolute, and of ours nobody knows where it is served."""
    shelf.hold(_wheel("foo"), provenance="https://index.example/integrity/foo/provenance")
    shelf.publish()
    for form in FORMS:
        assert b"provenance" not in (shelf.path / "simple/foo" / form).read_bytes()


def test_a_document_tells_what_the_source_told(shelf: Shelf) -> None:
    """Of the files that are here; another microrepo reads it as it reads PyPI's."""
    wheel = _wheel("Foo", "2.0", requires_python=">=3.9")
    held = shelf.hold(wheel, serial=9, yanked=False)
    shelf.hold(_wheel("Foo", "1.0"), yanked=True, yanked_reason="old")
    info = Info(version="2.0", summary="A summary", license="MIT", requires_python=">=3.9")
    shelf.record(NormalizedName("foo"), "Foo", 9, info=info)
    shelf.publish()
    body = (shelf.path / "pypi/foo/json").read_bytes()
    project = parse_document(body, "foo", base_url="https://m.example/sub/pypi/foo/json").project
    assert (project.display_name, project.serial) == ("Foo", 9)
    assert (project.info.version, project.info.summary) == ("2.0", "A summary")
    found = {file.filename: file for file in project.files}
    assert found[wheel.filename] == msgspec.structs.replace(
        held,
        url=f"https://m.example/sub/{wheel.filename}",
        core_metadata=True,
        core_metadata_sha256=wheel.metadata_sha256,
    )
    assert [entry["filename"] for entry in json.loads(body)["urls"]] == [wheel.filename]


def test_odd_names_are_quoted(shelf: Shelf) -> None:
    built = build_wheel("foo", "1.0+büild 1")
    assert " " in built.filename
    shelf.hold(built)
    shelf.publish()
    for form in FORMS:
        url = shelf.page("foo", form).files[0].url
        assert url == "https://mirror.example/foo-1.0%2Bb%C3%BCild%201-py3-none-any.whl"


def test_a_name_that_leads_elsewhere_is_never_written(shelf: Shelf) -> None:
    """A source's list may hold anything."""
    wheel = _wheel("foo")
    file = shelf.hold(wheel)
    evil = NormalizedName("../../evil")
    shelf.save([msgspec.structs.replace(shelf.row_of(evil, file), filename="evil.whl")])
    shelf.publish()
    assert [path.name for path in shelf.path.parent.iterdir()] == [shelf.path.name]
    assert {path.name for path in (shelf.path / "simple").iterdir() if path.is_dir()} == {"foo"}


# --- what is written when ---------------------------------------------------------------------------


def test_publishing_again_writes_nothing(shelf: Shelf) -> None:
    for name in ("foo", "bar"):
        shelf.hold(_wheel(name))
    shelf.publish()
    before = shelf.identities()
    shelf.state.publication.mark(["foo", "bar"])
    assert shelf.publish().pages == 0
    assert shelf.identities() == before


def test_one_change_writes_one_project_and_the_pages_of_all(shelf: Shelf) -> None:
    for name in ("foo", "bar", "baz"):
        shelf.hold(_wheel(name))
    shelf.publish()
    before = shelf.identities()
    new = _wheel("bar", "2.0")
    shelf.hold(new)
    shelf.publish()
    of_bar = {f"simple/bar/{form}" for form in FORMS}
    of_all = {f"simple/{form}" for form in (*FORMS, "links.html")}
    files = {new.filename, f"{new.filename}.metadata", "pypi/bar/json"}
    expected = {*of_bar, *of_all, *files}
    # The time in it has not moved on in this test.
    assert _changed(before, shelf.identities()) - {"last-modified"} == expected


def test_what_was_damaged_is_mended_at_the_same_serial(shelf: Shelf) -> None:
    shelf.hold(_wheel("foo"), serial=3)
    shelf.publish()
    before = {path: path.read_bytes() for path in (shelf.path / "simple").rglob("*.*")}
    (shelf.path / "simple/foo/index.html").unlink()
    (shelf.path / "simple/foo/index.v1_json").write_bytes(b"{}")
    shelf.state.publication.mark(["foo"])
    shelf.publish()
    assert {path: path.read_bytes() for path in (shelf.path / "simple").rglob("*.*")} == before


@pytest.mark.parametrize("name", ["index.html", "index.v1_html", "index.v1_json", "links.html"])
@pytest.mark.parametrize("how", ["gone", "other"])
def test_a_page_of_all_projects_that_was_touched_is_made_anew(
    shelf: Shelf, name: str, how: str
) -> None:
    for project in ("foo", "bar"):
        shelf.hold(_wheel(project))
    shelf.publish()
    page = shelf.path / "simple" / name
    good = page.read_bytes()
    page.unlink()
    if how == "other":
        page.write_bytes(good[:-20])
    shelf.publish()
    assert page.read_bytes() == good


@pytest.mark.parametrize("seed", range(12))
def test_after_any_changes_the_pages_of_all_are_as_if_made_at_once(shelf: Shelf, seed: int) -> None:
    """Projects come, change and go, in any order; the pages are put together from old pieces."""
    draw = random.Random(seed)
    # Some begin alike, which is how the state sums up.
    names = ["a", "ab", "ab-c", "abc", "abc-d", "abcd", "abce", "abd", "b0", "b0c", "b0c1", "c"]
    serials: dict[str, int] = {}
    root_serial = 0
    for step in range(10):
        for name in draw.sample(names, draw.choice((1, 1, 2, 3, 12))):
            held = sorted(shelf.files.get(name, {}))
            if held and draw.random() < 0.4:
                shelf.drop(*held[: draw.choice((1, len(held)))])
            else:
                shelf.hold(_wheel(name, f"{step}.{'0' * draw.randrange(9)}"), serial=step)
        shelf.publish()
        present = sorted(name for name, files in shelf.files.items() if files)
        pages = [shelf.static_page(name) for name in present]
        rows = tuple((page.name, page.serial) for page in pages)
        root = shelf.root()
        assert tuple(root.projects.items()) == rows
        whole = RootPage(rows, root.serial)
        links = [
            page._replace(files=tuple(entry._replace(url="") for entry in page.files))
            for page in pages
        ]
        folder = shelf.path / "simple"
        assert (folder / "index.v1_json").read_bytes() == render_root_json(whole)
        assert (folder / "index.html").read_bytes() == render_root_html(whole)
        assert (folder / "links.html").read_bytes() == render_links_html(links)
        assert (root.serial or 0) >= max([root_serial, *(serial or 0 for _, serial in rows)])
        root_serial = root.serial or 0
        for name, serial in rows:
            assert (serial or 0) >= serials.get(name, 0)
            serials[name] = serial or 0


def test_the_links_page_is_kept_up_to_a_number_of_files(shelf: Shelf) -> None:
    """A stale one would name files that are gone."""
    links = shelf.path / "simple/links.html"
    shelf.hold(_wheel("foo"))
    shelf.publish(links_limit=1)
    assert links.exists()
    shelf.hold(_wheel("bar"))
    shelf.publish(links_limit=1)
    assert not links.exists()
    shelf.drop("bar-1.0-py3-none-any.whl")
    shelf.publish(links_limit=1)
    assert links.read_bytes().count(b"<a ") == 1


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_modes_follow_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        shelf = Shelf(tmp_path / "shelf")
        shelf.hold(_wheel("foo"))
        shelf.publish()
        shelf.state.close()
    finally:
        os.umask(before)
    for path in (shelf.path / "simple").rglob("*"):
        wanted = 0o777 if path.is_dir() else 0o666
        assert path.stat().st_mode & 0o777 == wanted & ~umask, path
    assert (shelf.path / "server.py").stat().st_mode & 0o777 == 0o777 & ~umask


# --- serials ------------------------------------------------------------------------------------------


def test_serials_are_the_source_s(shelf: Shelf) -> None:
    shelf.hold(_wheel("foo"), serial=100)
    shelf.publish()
    shelf.hold(_wheel("foo", "2.0"), serial=200)
    shelf.publish()
    assert (shelf.root().projects, shelf.root().serial) == ({"foo": 200}, 200)
    assert shelf.page("foo").serial == 200


def test_what_changes_here_alone_grows_the_serial_too(shelf: Shelf) -> None:
    """Another choice of files at an unchanged source: mirrors of us would not look again else."""
    shelf.hold(_wheel("foo"), serial=100)
    shelf.publish()
    shelf.hold(_wheel("foo", "2.0"), serial=100)
    shelf.publish()
    assert shelf.page("foo").serial == 101
    shelf.drop("foo-2.0-py3-none-any.whl")
    shelf.publish()
    assert shelf.page("foo").serial == 102


def test_a_change_of_the_source_that_changes_nothing_here_is_silent(shelf: Shelf) -> None:
    shelf.hold(_wheel("foo"), serial=100)
    shelf.publish()
    before = shelf.identities()
    shelf.record(NormalizedName("foo"), "foo", 150)
    assert shelf.publish().pages == 0
    assert shelf.identities() == before


def test_without_serials_the_repository_counts_by_itself(shelf: Shelf) -> None:
    shelf.hold(_wheel("foo"))
    shelf.publish()
    shelf.hold(_wheel("bar"))
    shelf.publish()
    shelf.hold(_wheel("foo", "2.0"))
    shelf.publish()
    assert dict(shelf.root().projects) == {"bar": 2, "foo": 2}
    assert shelf.root().serial == 2


def test_a_project_that_goes_grows_the_serial_of_the_root(shelf: Shelf) -> None:
    shelf.hold(_wheel("foo"), serial=5)
    shelf.hold(_wheel("bar"), serial=6)
    shelf.publish()
    shelf.drop("bar-1.0-py3-none-any.whl")
    shelf.publish()
    assert (shelf.root().projects, shelf.root().serial) == ({"foo": 5}, 7)


# --- what goes, and what must not -----------------------------------------------------------------------


def test_a_project_that_comes_back_does_so_at_a_greater_serial(shelf: Shelf) -> None:
    """A mirror of us that missed its absence would not look at it else."""
    shelf.hold(_wheel("foo"), serial=5)
    shelf.publish()
    shelf.hold(_wheel("foo", "2.0"), serial=5)
    shelf.publish()
    shelf.drop(*shelf.files["foo"])
    shelf.publish()
    shelf.hold(_wheel("foo", "2.0"), serial=5)
    shelf.publish()
    assert shelf.root().projects == {"foo": 7}


def test_files_leave_the_pages_before_they_leave_the_directory(shelf: Shelf) -> None:
    old, new, last = _wheel("foo"), _wheel("foo", "2.0"), _wheel("bar")
    for built in (old, new, last):
        shelf.hold(built)
    shelf.publish()
    shelf.publish(leaving={old.filename})  # nothing is pending: nothing happens
    shelf.state.publication.mark(["foo", "bar"])
    shelf.publish(leaving={old.filename, last.filename})
    assert (shelf.path / old.filename).exists()
    assert (shelf.path / last.filename).exists()
    assert [file.filename for file in shelf.page("foo").files] == [new.filename]
    assert list(shelf.root().projects) == ["foo"]
    assert not (shelf.path / "simple/bar").exists()
    assert not (shelf.path / "pypi/bar").exists()
    before = shelf.identities()
    shelf.drop(old.filename, last.filename)
    shelf.publish()
    gone = {old.filename, last.filename}
    assert _changed(before, shelf.identities()) == gone | {f"{name}.metadata" for name in gone}


def test_a_page_is_not_emptied_because_files_are_not_there_yet(shelf: Shelf) -> None:
    """Wanted, not in place: a failed download must not take the project from the index."""
    wheel = _wheel("foo")
    file = shelf.hold(wheel)
    shelf.publish()
    before = shelf.identities()
    shelf.save([shelf.row_of(NormalizedName("foo"), file, present=False)])
    report = shelf.publish()
    assert report.waiting == ("foo",)
    assert shelf.identities() == before


def test_a_page_is_not_emptied_because_files_are_missing(shelf: Shelf) -> None:
    wheel = _wheel("foo")
    shelf.hold(wheel)
    shelf.publish()
    before = shelf.identities()
    shelf.state.publication.mark(["foo"])
    report = shelf.publish(absent={wheel.filename})
    assert report.waiting == ("foo",)
    assert shelf.identities() == before


def test_one_missing_file_of_several_leaves_the_page(shelf: Shelf) -> None:
    for version in ("1.0", "2.0"):
        shelf.hold(_wheel("foo", version))
    shelf.publish()
    shelf.state.publication.mark(["foo"])
    shelf.publish(absent={"foo-1.0-py3-none-any.whl"})
    assert [file.version for file in shelf.page("foo").files] == ["2.0"]


def test_a_lost_state_does_not_shrink_the_root(shelf: Shelf) -> None:
    """The first run afterwards looks at some projects only; the others are still there."""
    for number, name in enumerate(("foo", "bar", "baz")):
        shelf.hold(_wheel(name), serial=10 + number)
    shelf.publish()
    root, before = shelf.root(), shelf.identities()
    shelf.lose_state()
    shelf.publish()
    assert shelf.identities() == before
    shelf.hold(_wheel("bar"), serial=11)
    assert shelf.publish().projects == 0
    assert shelf.root() == root
    assert shelf.identities().keys() == before.keys()


def test_after_a_lost_state_serials_go_on(shelf: Shelf) -> None:
    shelf.hold(_wheel("foo"), serial=10)
    shelf.hold(_wheel("foo", "2.0"), serial=10)
    shelf.publish()
    assert shelf.page("foo").serial == 10
    shelf.lose_state()
    shelf.hold(_wheel("foo"), serial=10)
    shelf.hold(_wheel("foo", "3.0"), serial=10)
    shelf.publish()
    assert shelf.page("foo").serial == 11
    assert dict(shelf.root().projects) == {"foo": 11}


def test_a_file_that_its_source_no_longer_lists_keeps_its_facts(shelf: Shelf) -> None:
    """Kept although removed upstream: what our page said of this content is all that is left."""
    wheel = _wheel("foo", requires_python=">=3.7")
    shelf.hold(wheel, yanked=True, yanked_reason="bad")
    shelf.hold(_wheel("foo", "2.0"))
    shelf.publish()
    del shelf.files["foo"][wheel.filename]
    shelf.record(NormalizedName("foo"), "foo", 9)
    shelf.publish()
    found = {file.filename: file for file in shelf.page("foo").files}[wheel.filename]
    assert (found.yanked, found.yanked_reason) == (True, "bad")
    assert (found.requires_python, found.upload_time) == (">=3.7", UPLOADED)


# --- metadata beside wheels -----------------------------------------------------------------------------


def test_metadata_is_taken_from_the_wheel(shelf: Shelf) -> None:
    wheel = _wheel("foo")
    shelf.hold(wheel)
    assert shelf.publish().sidecars == 1
    sidecar = shelf.path / f"{wheel.filename}.metadata"
    assert sidecar.read_bytes() == wheel.metadata
    assert sidecar.stat().st_mtime_ns == (shelf.path / wheel.filename).stat().st_mtime_ns


@pytest.mark.parametrize("when", ["before", "after"])
def test_metadata_that_others_put_there_is_not_believed(shelf: Shelf, when: str) -> None:
    wheel = _wheel("foo")
    sidecar = shelf.path / f"{wheel.filename}.metadata"
    if when == "after":
        shelf.hold(wheel)
        shelf.publish()
        shelf.state.publication.mark(["foo"])
    sidecar.write_bytes(b"Metadata-Version: 2.1\nName: foo\nVersion: 1.0\nRequires-Dist: evil\n")
    shelf.hold(wheel)
    shelf.publish()
    assert sidecar.read_bytes() == wheel.metadata
    assert shelf.page("foo").files[0].core_metadata_sha256 == wheel.metadata_sha256


def test_metadata_that_was_deleted_is_made_again(shelf: Shelf) -> None:
    wheel = _wheel("foo")
    shelf.hold(wheel)
    shelf.publish()
    (shelf.path / f"{wheel.filename}.metadata").unlink()
    shelf.state.publication.mark(["foo"])
    shelf.publish()
    assert (shelf.path / f"{wheel.filename}.metadata").read_bytes() == wheel.metadata


def test_a_wheel_without_readable_metadata_advertises_none(shelf: Shelf) -> None:
    """pip fails on metadata that is promised and not there."""
    whole = _wheel("foo")
    broken = BuiltFile(whole.filename, b"no zip", None, "foo", "1.0", "bdist_wheel", "py3")
    shelf.hold(broken)
    shelf.publish()
    assert not (shelf.path / f"{whole.filename}.metadata").exists()
    for form in FORMS:
        assert not shelf.page("foo", form).files[0].core_metadata


def test_a_replaced_wheel_gets_other_metadata(shelf: Shelf) -> None:
    first = build_wheel("foo", "1.0", summary="first")
    second = build_wheel("foo", "1.0", summary="the second")
    shelf.hold(first)
    shelf.publish()
    shelf.hold(second)
    shelf.publish()
    sidecar = shelf.path / f"{second.filename}.metadata"
    assert sidecar.read_bytes() == second.metadata
    assert shelf.page("foo").files[0].core_metadata_sha256 == second.metadata_sha256
