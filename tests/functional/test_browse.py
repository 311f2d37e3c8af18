"""`browse/`: pages for people as files, kept by a refresh, out of the way of installers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from microrepo.publish.tree.people_pages import update_browse
from tests.support.index import FakeIndex
from tests.support.packages import build_sdist, build_wheel
from tests.support.programs import Environment, MicrorepoRunner
from tests.support.repository import PLAIN, Repository
from tests.support.server import PyPIServer

SETTINGS = tuple(flag for flag in PLAIN if flag != "--no-simple")


@pytest.fixture
def kept(tmp_path: Path, pypi: PyPIServer, run_microrepo: MicrorepoRunner) -> Repository:
    """A repository, not there yet, that keeps pages for people."""
    return Repository(tmp_path / "a répo", pypi.url, run_microrepo, (*SETTINGS, "--browse"))


@pytest.fixture
def bare(tmp_path: Path, run_microrepo: MicrorepoRunner) -> Repository:
    """A directory of distributions that others filled; one project has two releases."""
    repository = Repository(tmp_path / "bare é", "http://127.0.0.1:9/", run_microrepo)
    repository.path.mkdir()
    for built in (
        build_wheel("Foo.Bar", "1.0", summary="Old"),
        build_wheel("Foo.Bar", "2.0+a.1", summary="Is <b>bold</b>", requires_dist=["dep", "gone"]),
        build_wheel("dep", "0.1"),
        build_sdist("dep", "0.1"),
    ):
        built.write_to(repository.path)
    return repository


class _Page(HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors.add(found.get("id") or "")
        if tag == "a":
            self.links.append(found.get("href") or "")


def _browse(repository: Repository) -> dict[str, tuple[int, int, bytes]]:
    """Return inode, time and content of each page for people."""
    folder = repository.path / "browse"
    return {
        str(page.relative_to(folder)): (
            page.stat().st_ino,
            page.stat().st_mtime_ns,
            page.read_bytes(),
        )
        for page in folder.rglob("*")
        if page.is_file()
    }


def _start_page(repository: Repository) -> str:
    return (repository.path / "browse/index.html").read_text(encoding="utf-8")


def test_every_link_leads_to_a_file_and_a_place_in_it(bare: Repository) -> None:
    """By the file system alone, as a browser does it without a server."""
    bare.do("index", "--browse")
    pages = sorted((bare.path / "browse").rglob("*.html"))
    assert len(pages) == 3
    for path in pages:
        for link in _Page(path).links:
            parts = urlsplit(link)
            assert not parts.scheme
            assert not parts.netloc
            target = path.parent / unquote(parts.path) if parts.path else path
            assert target.is_file(), (path, link)
            if parts.fragment:
                assert unquote(parts.fragment) in _Page(target).anchors, (path, link)
    project = (bare.path / "browse/project/foo-bar/index.html").read_text(encoding="utf-8")
    assert "Is &lt;b&gt;bold" in project
    assert "../../../foo_bar-1.0-py3-none-any.whl" in project


def test_indexing_again_writes_nothing(bare: Repository) -> None:
    bare.do("index", "--browse")
    before = _browse(bare)
    bare.do("index", "--browse")
    assert _browse(bare) == before
    shutil.rmtree(bare.path / ".microrepo")
    bare.do("index", "--browse")
    after = _browse(bare)
    assert {name: page[0] for name, page in after.items() if "project" in name} == {
        name: page[0] for name, page in before.items() if "project" in name
    }


def test_a_page_that_was_spoilt_is_mended(bare: Repository) -> None:
    bare.do("index", "--browse")
    before = _browse(bare)
    (bare.path / "browse/project/dep/index.html").write_text("spoilt")
    (bare.path / "browse/project/foo-bar/index.html").unlink()
    stranger = bare.path / "browse/project/never-there/index.html"
    stranger.parent.mkdir()
    stranger.write_text("old")
    bare.do("index", "--browse")
    assert {name: page[2] for name, page in _browse(bare).items()} == {
        name: page[2] for name, page in before.items()
    }


def test_more_projects_than_a_page_can_list(bare: Repository) -> None:
    bare.do("index")
    control = bare.path / ".microrepo"
    assert update_browse(bare.path, control, limit=1).too_many == 2
    assert not (bare.path / "browse").exists()
    assert update_browse(bare.path, control, limit=2).pages == 3


def test_what_is_in_the_way_is_put_aside_and_named(bare: Repository) -> None:
    (bare.path / "browse").write_text("mine")
    done = bare.do("index", "--browse")
    assert "browse: was not a directory; it was renamed to browse.not-a-directory" in done.stderr
    assert (bare.path / "browse.not-a-directory").read_text() == "mine"
    assert (bare.path / "browse/index.html").is_file()


def test_a_refresh_keeps_the_pages_current(kept: Repository, index: FakeIndex) -> None:
    """Changed pages are written, others stay; what left the index leaves the pages."""
    index.add("foo", build_wheel("foo", "1.0"))
    index.add("same", build_wheel("same", "1.0"))
    index.add("going", build_wheel("going", "1.0"))
    kept.refresh_all()
    before = _browse(kept)
    assert set(before) == {
        "index.html",
        *(f"project/{name}/index.html" for name in ("foo", "going", "same")),
    }
    kept.refresh_all()
    assert _browse(kept) == before
    index.add("foo", build_wheel("foo", "2.0"))
    index.remove_project("going")
    kept.refresh_all()
    after = _browse(kept)
    assert set(after) == set(before) - {"project/going/index.html"}
    assert after["project/same/index.html"] == before["project/same/index.html"]
    assert b"foo-2.0" in after["project/foo/index.html"][2]
    assert "going" not in _start_page(kept)
    assert not (kept.path / "browse/project/going").exists()


def test_pages_that_are_no_longer_kept_are_spoken_of(kept: Repository, index: FakeIndex) -> None:
    index.add("foo", build_wheel("foo", "1.0"))
    kept.refresh_all()
    kept.settings = SETTINGS
    assert "browse/ is out of date" in kept.do("index").stderr
    shutil.rmtree(kept.path / "browse")
    assert "browse" not in kept.do("index").stderr


@pytest.mark.parametrize("program", ["pip", "uv"])
def test_installers_read_the_flat_directory_as_before(
    bare: Repository, fresh_venv: Callable[..., Environment], program: str
) -> None:
    """No page for people lies where pip takes every page for one of links."""
    bare.do("index", "--browse")
    assert list(bare.path.glob("*.html")) == []
    where = ("--no-index", "--find-links", str(bare.path))
    build_wheel("gone", "1.0").write_to(bare.path)
    environment = fresh_venv()
    if program == "pip":
        environment.pip("install", "--no-cache-dir", *where, "foo-bar")
    else:
        environment.uv("pip", "install", *where, "foo-bar")
    code = "import foo_bar, dep; print(foo_bar.__version__, dep.__version__)"
    assert environment.run("-c", code).stdout.split() == ["2.0+a.1", "0.1"]


def test_the_change_list_names_the_pages(
    kept: Repository, index: FakeIndex, tmp_path: Path
) -> None:
    lists = tmp_path / "lists"
    kept.settings = (*kept.settings, "--change-list", str(lists))
    index.add("foo", build_wheel("foo", "1.0"))
    index.add("going", build_wheel("going", "1.0"))
    kept.refresh_all()
    adds = set((lists / "adds.txt").read_text().splitlines())
    assert {"browse/index.html", "browse/project/foo/index.html"} <= adds
    index.remove_project("going")
    kept.refresh_all()
    assert "browse/index.html" in (lists / "adds.txt").read_text().splitlines()
    deletes = (lists / "deletes.txt").read_text().splitlines()
    assert "browse/project/going/index.html" in deletes
