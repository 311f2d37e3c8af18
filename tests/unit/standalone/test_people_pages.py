"""Pages for people: what labels say, what metadata tells, and that text stays text."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.standalone.server.labels import (
    file_kind,
    format_age,
    format_bytes,
    platform_labels,
    python_labels,
)
from microrepo.standalone.server.metadata import (
    ProjectInfo,
    info_from_core_metadata,
    info_from_document,
)
from microrepo.standalone.server.names import parse_filename
from microrepo.standalone.server.people.front_page import render_home
from microrepo.standalone.server.people.layout import CONTENT_SECURITY_POLICY, render_message
from microrepo.standalone.server.people.project_page import render_project
from microrepo.standalone.server.people.views import Card, HomeView, ProjectView, Totals
from microrepo.standalone.server.records import FileEntry, ProjectPage, latest_version

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
NOTHING = ProjectInfo()


class Elements(HTMLParser):
    """Collects start tags and text; scripts and styles are kept apart by the parser itself."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(page: bytes) -> Elements:
    elements = Elements()
    elements.feed(page.decode("utf-8", "surrogatepass"))
    return elements


def _home(**changes: object) -> HomeView:
    totals = Totals(2, 3, 1_500_000, 1000.0, (("Source", 3, 1_500_000),), ())
    view = HomeView("http://x.example/", 8200.0, totals, (Card("a"),), 1)
    return view._replace(**changes)  # type: ignore[arg-type]


def _project(page: ProjectPage, **changes: object) -> bytes:
    version = latest_version(page)
    view = ProjectView("http://x.example/", 0.0, page, NOTHING, version, {"b"}.__contains__)
    return render_project(view._replace(**changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("filename", "pythons", "platforms"),
    [
        ("a-1-py2.py3-none-any.whl", ["Python 2", "Python 3"], ["any platform"]),
        ("a-1-cp311-cp311-win_amd64.whl", ["CPython 3.11"], ["Windows x86-64"]),
        ("a-1-cp38-abi3-win32.whl", ["CPython 3.8+"], ["Windows x86"]),
        ("a-1-cp313-cp313t-win_arm64.whl", ["CPython 3.13 free-threaded"], ["Windows ARM64"]),
        (
            "a-1-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            ["CPython 3.9"],
            ["Linux x86-64"],
        ),
        ("a-1-pp310-pypy310_pp73-musllinux_1_2_aarch64.whl", ["PyPy 3.10"], ["Linux musl ARM64"]),
        ("a-1-cp310-cp310-macosx_11_0_universal2.whl", ["CPython 3.10"], ["macOS universal"]),
        ("a-1-cp312-cp312-pyodide_2024_0_wasm32.whl", ["CPython 3.12"], ["Pyodide"]),
        ("a-1-cp312-cp312-some_thing.whl", ["CPython 3.12"], ["some_thing"]),
        ("a-1-py2.7.egg", ["Python 2.7"], []),
        ("a-1-odd-none-any.whl", [], ["any platform"]),
        ("a-1.tar.gz", [], []),
    ],
)
def test_badges(filename: str, pythons: list[str], platforms: list[str]) -> None:
    parsed = parse_filename(filename)
    assert parsed is not None
    assert python_labels(parsed) == pythons
    assert platform_labels(parsed) == platforms


@pytest.mark.parametrize(
    ("filename", "kind"),
    [
        ("a-1.tar.gz", "Source"),
        ("a-1-py3-none-any.whl", "Any platform"),
        ("a-1-cp39-cp39-manylinux1_i686.whl", "Linux"),
        ("a-1-cp39-cp39-musllinux_1_1_x86_64.whl", "Linux"),
        ("a-1-cp39-cp39-win32.whl", "Windows"),
        ("a-1-cp39-cp39-macosx_10_9_x86_64.whl", "macOS"),
        ("a-1-cp39-cp39-ios_13_0_arm64.whl", "Other"),
        ("a-1-py2.7.egg", "Any platform"),
        ("a-1.win32.exe", "Windows"),
    ],
)
def test_groups_of_files(filename: str, kind: str) -> None:
    assert file_kind(filename) == kind


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_400, "99.4 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_600, "1.0 MB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7199, "1 hour ago"),
        (7200, "2 hours ago"),
        (86400 * 45, "1 month ago"),
        (86400 * 800, "2 years ago"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    assert format_age(seconds) == text


def test_the_latest_release_is_final_and_not_yanked() -> None:
    def page(*files: tuple[str, bool]) -> ProjectPage:
        entries = (FileEntry(f"a-{v}.zip", "", {}, 1, yanked=y) for v, y in files)
        return ProjectPage("a", tuple(entries))

    assert latest_version(page(("1", False), ("2", True), ("3rc1", False))) == "1"
    assert latest_version(page(("2", True), ("3rc1", False), ("3.dev1", False))) == "3rc1"
    assert latest_version(page(("1", True), ("2", True))) == "2"
    assert latest_version(page()) == ""


def test_the_front_page() -> None:
    page = _read(render_home(_home()))
    for text in ("1.5 MB", "2 hours ago", "Source", "pip install --index-url http://x.example/"):
        assert text in page.text


def test_an_empty_repository() -> None:
    empty = Totals(0, 0, 0, 0.0)
    page = _read(render_home(_home(totals=empty, cards=(), matches=0)))
    assert "No distributions yet" in page.text
    assert "No matching project" in _read(render_home(_home(cards=(), query="x"))).text


def test_a_long_list_has_letters_and_pages() -> None:
    view = _home(matches=200, letters="0ab", letter="a", page=2)
    hrefs = [value for name, value in _read(render_home(view)).attributes if name == "href"]
    for href in ("./?letter=0", "./?letter=b", "./?letter=a&page=1", "./?letter=a&page=3"):
        assert href in hrefs
    last = _read(render_home(view._replace(page=4)))
    assert ("rel", "next") not in last.attributes
    assert ("rel", "prev") in last.attributes
    found = render_home(_home(matches=200, query='a&"b'))
    assert b"./?q=a%26%22b&amp;page=2" in found


def test_a_project_page_tells_of_status_yanks_and_pre_releases() -> None:
    entry = FileEntry("a-1rc1.zip", "", {"sha256": "00"}, 5, yanked="bad & worse")
    page = ProjectPage("a", (entry,), (), "quarantined", "found <malware>")
    text = _read(_project(page)).text
    assert "This project is quarantined: found <malware>" in text
    assert "This release was yanked: bad & worse" in text
    assert "This is a pre-release" in text
    assert "sha256: 00" in text


def test_only_what_is_here_is_linked_among_requirements() -> None:
    info = NOTHING._replace(requires=("B>=1 ; extra == 'x'", "c[d]", "", "-"))
    page = ProjectPage("a", (FileEntry("a-1.zip", "", {}, 1),))
    hrefs = [value for name, value in _read(_project(page, info=info)).attributes if name == "href"]
    assert "../b/" in hrefs
    assert "../c/" not in hrefs


@given(TEXT, TEXT, TEXT, TEXT)
def test_no_text_of_an_author_becomes_markup(one: str, two: str, three: str, four: str) -> None:
    hostile = f"<script>{one}</script>\"'><img src=x onerror={two}>"
    info = ProjectInfo(
        hostile,
        hostile + three,
        hostile,
        hostile,
        (hostile, four),
        ((hostile, hostile), (one, two)),
    )
    entry = FileEntry(
        f"a-1{one}.zip", "", {three: four}, 1, two, hostile, hostile, True, "", hostile
    )
    page = ProjectPage("a", (entry,), (hostile,), hostile, hostile)
    seen = _read(_project(page, info=info, version=hostile))
    assert seen.tags.count("script") == 1
    assert "img" not in seen.tags
    assert not [name for name, _ in seen.attributes if name.startswith("on")]
    card = Card(hostile, hostile, hostile)
    home = _read(render_home(_home(cards=(card,), query=hostile, letter=hostile[:1])))
    assert home.tags.count("script") == 1
    assert "img" not in home.tags


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", " javascript:x", "http://["]
)
def test_no_link_runs_script(url: str) -> None:
    info = NOTHING._replace(links=(("Bad", url), ("Good", "https://x.example/")))
    page = ProjectPage("a", (FileEntry("a-1.zip", "", {}, 1),))
    values = [value or "" for name, value in _read(_project(page, info=info)).attributes]
    assert "https://x.example/" in values
    assert not [value for value in values if "javascript" in value or value.startswith("data:text")]


METADATA = (
    b"Metadata-Version: 2.1\r\nName: a\r\nSummary: Sum\r\nHome-page: https://a.example/\r\n"
    b"License: one\r\n  two\r\nAuthor-email: A <a@a.example>\r\nRequires-Dist: b\r\n"
    b"Requires-Dist: c>1\r\nProject-URL: Code, https://c.example/\r\nno field\r\n\r\nLong\r\n\xfftext\r\n"
)


def test_core_metadata_is_read() -> None:
    info = info_from_core_metadata(METADATA)
    assert info == ProjectInfo(
        "Sum",
        "Long\n\ufffdtext\n",
        "one",
        "A <a@a.example>",
        ("b", "c>1"),
        (("Homepage", "https://a.example/"), ("Code", "https://c.example/")),
    )


@given(st.binary(max_size=300))
def test_any_bytes_are_metadata(document: bytes) -> None:
    info_from_core_metadata(document)


def test_the_old_way_to_write_a_description() -> None:
    document = b"Name: a\nDescription: First\n        |  Second\n        third\nSummary: S\n"
    assert info_from_core_metadata(document).description == "First\n  Second\nthird"


def test_the_document_is_read() -> None:
    document = b"""{"info": {"summary": "S", "description": "D", "license": "L\\nlong", "author": null,
        "author_email": "e", "requires_dist": ["b"], "project_urls": {"Code": "https://c.example/"}}}"""
    expected = ProjectInfo("S", "D", "L", "e", ("b",), (("Code", "https://c.example/"),))
    assert info_from_document(document) == expected


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"info": 5}', b"\xff"])
def test_what_is_no_document(document: bytes) -> None:
    with pytest.raises(ValueError):
        info_from_document(document)


def test_all_of_the_style_and_script_is_in_the_policy() -> None:
    """A changed style whose hash is not in the policy would leave the page bare."""
    page = render_message("a", "b", "./").decode()
    assert page.count("<style>") == page.count("<script>") == 1
    assert " style=" not in page
    assert "unsafe" not in CONTENT_SECURITY_POLICY
