"""Index trees in a directory as a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.errors import ProjectNotFound, SourceError
from microrepo.formats.bounds import DOCUMENT, OutOfBounds
from microrepo.repositories.protocol import SourceSettings
from microrepo.repositories.sources.tree_index import TreeIndex, is_index_tree

WHEEL = "foo-1.0-py3-none-any.whl"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree" / "foo"
    folder.mkdir(parents=True)
    (folder / WHEEL).write_bytes(b"wheel")
    (folder / "index.html").write_text(f'<a href="{WHEEL}#sha256={"a" * 64}">{WHEEL}</a>')
    return tmp_path / "tree"


def source_of(tree: Path) -> TreeIndex:
    return TreeIndex(SourceSettings("directory", str(tree), name="tree"))


def test_files_are_those_of_the_page(tree: Path) -> None:
    project = source_of(tree).fetch_project("Foo").project
    assert project is not None
    (file,) = project.files
    assert (file.url, file.digests.sha256) == ((tree / "foo" / WHEEL).as_uri(), "a" * 64)


@pytest.mark.parametrize("root", ['<a href="foo/">foo</a><a href="bar/">bar</a>', None])
def test_projects_are_those_of_the_root_page_or_of_the_folders(
    tree: Path, root: str | None
) -> None:
    names = ["foo"]
    if root is not None:
        (tree / "index.html").write_text(root)
        names.append("bar")
    assert list(source_of(tree).list_projects().projects) == names


def test_folders_may_have_names_as_their_owners_write_them(tree: Path) -> None:
    (tree / "foo").rename(tree / "Foo_Bar")
    source = source_of(tree)
    (tree / "Foo_Bar" / "index.html").write_text('<a href="foo_bar-1.0.tar.gz">x</a>')
    project = source.fetch_project("foo-bar").project
    assert project is not None
    assert project.files[0].url == (tree / "Foo_Bar" / "foo_bar-1.0.tar.gz").as_uri()


def test_a_project_without_a_page_is_missing(tree: Path) -> None:
    with pytest.raises(ProjectNotFound, match="bar"):
        source_of(tree).fetch_project("bar")


def test_a_page_that_cannot_be_read_is_an_expected_error(tree: Path) -> None:
    (tree / "foo" / "index.html").write_text("nothing")
    with pytest.raises(SourceError, match="index"):
        source_of(tree).fetch_project("foo")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (("foo/index.html",), True),
        (("foo/index.html", "index.html"), True),
        (("foo/index.html", WHEEL), False),
        ((WHEEL,), False),
        (("foo/x.txt",), False),
        ((), False),
    ],
)
def test_what_is_a_tree(tmp_path: Path, files: tuple[str, ...], expected: bool) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert is_index_tree(tmp_path) is expected
    assert is_index_tree(tmp_path / "missing") is False


def test_a_page_may_be_as_large_as_the_setting_says(tree: Path) -> None:
    page = tree / "foo" / "index.html"
    page.write_text(page.read_text() + " " * 2_000)
    settings = SourceSettings("directory", str(tree), name="tree")
    assert TreeIndex(settings, DOCUMENT.of_size(5_000)).fetch_project("foo").project is not None
    with pytest.raises(OutOfBounds, match="max_document_size"):
        TreeIndex(settings, DOCUMENT.of_size(1_000)).fetch_project("foo")
