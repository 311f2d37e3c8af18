"""Law of the pages: what we publish says to a reader what we know."""

from __future__ import annotations

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from microrepo.formats.distribution.filenames import unsafe_filename
from microrepo.formats.index.pypi_json import parse_document
from microrepo.formats.index.simple_api import parse_project, parse_root
from microrepo.formats.index.values import LARGEST_FILE
from microrepo.model import Digests, File, Info, NormalizedName, Project, Vulnerability
from microrepo.publish.project.project_contents import Contents
from microrepo.publish.project.project_pages import render
from microrepo.standalone.server.index_pages import render_root_html, render_root_json
from microrepo.standalone.server.records import RootPage

FOO = NormalizedName("foo")
JSON = "application/vnd.pypi.simple.v1+json"
PAGE = "https://m.example/simple/foo/"
DOCUMENT = "https://m.example/pypi/foo/json"
_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)
_REASONS = st.none() | _TEXT.filter(str.strip)


@st.composite
def held_files(draw: st.DrawFn) -> File:
    """A file as it lies in the directory, under a name with anything allowed in it."""
    version = draw(st.sampled_from(("1.0", "2.0.post1", "10.0+local")))
    part = draw(st.text(st.characters(categories=("Lu", "Ll", "Nd")), max_size=3))
    end, kind, label = draw(
        st.sampled_from(
            (
                (f"-py3{part.lower()}-none-any.whl", "bdist_wheel", None),
                (".tar.gz", "sdist", "source"),
            )
        )
    )
    sha256 = draw(st.none() | st.sampled_from(("a" * 64, "b" * 64)))
    metadata = draw(st.none() | st.just("c" * 64))
    yanked = draw(st.booleans())
    return File(
        f"{draw(st.sampled_from(('foo', 'Foo', 'FOO')))}-{version}{end}",
        "",
        version,
        kind,
        Digests(sha256, md5=None if sha256 else draw(st.none() | st.just("d" * 32))),
        draw(st.none() | st.integers(0, LARGEST_FILE)),
        draw(st.none() | st.sampled_from((">=3.8", ">=3.8,<4", "!=3.0.*", '"<&>'))),
        draw(st.none() | st.just("2026-05-31T12:00:00.123456Z")),
        label or f"py3{part.lower()}",
        yanked,
        draw(_REASONS) if yanked else None,
        core_metadata=metadata is not None,
        core_metadata_sha256=metadata,
    )


@st.composite
def contents(draw: st.DrawFn) -> Contents:
    files = draw(st.lists(held_files(), min_size=1, max_size=5, unique_by=lambda f: f.filename))
    status = draw(st.sampled_from(("active", "archived", "quarantined")))
    return Contents(
        FOO,
        draw(st.sampled_from(("foo", "Foo", "FOO"))),
        tuple(file for file in files if unsafe_filename(file.filename) is None),
        status,
        draw(_REASONS),
        info=Info(
            version="10.0+local",
            summary=draw(_REASONS),
            classifiers=tuple(draw(st.lists(_TEXT, max_size=2))) or None,
            project_urls=draw(st.none() | st.just({"Home": "https://x.example"})),
        ),
        vulnerabilities=tuple(draw(st.lists(st.builds(Vulnerability, id=_TEXT), max_size=2))),
    )


def by_name(files: tuple[File, ...], *unknown: str) -> dict[str, File]:
    """Files without their addresses and without what a page of a certain kind cannot say."""
    empty = File("", "", "", "")
    blank = {name: getattr(empty, name) for name in ("url", "python_version", *unknown)}
    return {file.filename: msgspec.structs.replace(file, **blank) for file in files}


def check_links(project: Project) -> None:
    for file in project.files:
        assert file.url.startswith("https://m.example/")
        assert file.url.count("/") == 3


@given(contents(), st.integers(0, 2**40))
def test_json_page(said: Contents, serial: int) -> None:
    project = parse_project(render(said, serial).json, JSON, PAGE, "foo")
    assert by_name(project.files) == by_name(said.files)
    assert (project.serial, project.rejected) == (serial, ())
    assert (project.status, project.status_reason) == (said.status, said.status_reason)
    check_links(project)


@given(contents(), st.integers(0, 2**40))
def test_html_page(said: Contents, serial: int) -> None:
    project = parse_project(render(said, serial).html, "text/html", PAGE, "foo")
    unsaid = ("size", "upload_time")
    assert by_name(project.files, *unsaid) == by_name(said.files, *unsaid)
    assert (project.serial, project.rejected) == (serial, ())
    assert (project.status, project.status_reason) == (said.status, said.status_reason)
    check_links(project)


@given(contents(), st.integers(0, 2**40))
def test_document(said: Contents, serial: int) -> None:
    parsed = parse_document(render(said, serial).document, "foo", base_url=DOCUMENT)
    project = parsed.project
    expected = {file.filename: file for file in said.files}
    found = {file.filename: msgspec.structs.replace(file, url="") for file in project.files}
    assert found == expected
    assert (project.serial, project.rejected, parsed.has_files) == (serial, (), True)
    assert (project.status, project.status_reason) == (said.status, said.status_reason)
    assert project.display_name == said.display_name
    if project.info.version == said.info.version:
        assert project.vulnerabilities == said.vulnerabilities
        unsaid = {"requires_python": None}
        assert msgspec.structs.replace(project.info, **unsaid) == said.info
    check_links(project)


@given(
    st.dictionaries(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,6}[A-Za-z0-9])?", fullmatch=True),
                    st.none() | st.integers(0, 2**40), max_size=5)
)  # fmt: skip
def test_root(projects: dict[str, int | None]) -> None:
    root = RootPage(tuple(projects.items()), 7)
    from_json = parse_root(render_root_json(root), JSON, "https://m.example/simple/")
    assert (from_json.projects, from_json.serial) == (projects, 7)
    from_html = parse_root(render_root_html(root), "text/html", "https://m.example/simple/")
    assert (set(from_html.projects), from_html.serial) == (set(projects), 7)


@given(contents())
def test_pages_are_what_other_readers_read(said: Contents) -> None:
    """JSON by the standard library's reader: no half pairs, no numbers beyond bounds."""
    pages = render(said, 1)
    assert json.loads(pages.json)["name"] == "foo"
    assert json.loads(pages.document)["info"]["name"] == said.display_name
    pages.html.decode("utf-8")
