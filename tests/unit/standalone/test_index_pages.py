"""Index pages of the Simple API 1.4: every field, order, escapes, and the way back."""

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.standalone.server.index_pages import (
    file_url,
    names_provenance,
    parse_project_json,
    render_anchor,
    render_links_html,
    render_project_html,
    render_project_json,
    render_root_html,
    render_root_json,
    with_absolute_provenance,
)
from microrepo.standalone.server.records import FileEntry, ProjectPage, RootPage, list_versions

FULL = FileEntry(
    filename="foo_bar-1.0+x-py3-none-any.whl",
    url="",
    hashes={"sha256": "ab" * 32, "blake2b": "cd" * 8},
    size=1234,
    upload_time="2026-01-02T03:04:05.000006Z",
    requires_python=">=3.8,<4",
    yanked='broken "badly" <b>',
    core_metadata={"sha256": "ef" * 32},
    provenance="https://files.example/p?a&b",
)
BARE = FileEntry("foo_bar-0.9.tar.gz", "", {}, None)


class Links(HTMLParser):
    """Collects what a client sees: anchors, meta elements, comments and text."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: list[dict[str, str | None]] = []
        self.meta: dict[str | None, str | None] = {}
        self.comments: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.anchors.append(dict(attrs))
        if tag == "meta":
            self.meta[dict(attrs).get("name")] = dict(attrs).get("content")

    def handle_comment(self, data):
        self.comments.append(data)

    def handle_data(self, data):
        self.texts.append(data)


def _read(document: bytes) -> Links:
    links = Links()
    links.feed(document.decode("utf-8"))
    return links


def test_project_json_has_every_field():
    page = ProjectPage("Foo.Bar", (FULL, BARE), ("2.0",), "archived", "done", 77)
    assert json.loads(render_project_json(page)) == {
        "meta": {"api-version": "1.4", "_last-serial": 77},
        "name": "foo-bar",
        "project-status": {"status": "archived", "reason": "done"},
        "versions": ["0.9", "1.0+x", "2.0"],
        "files": [
            {
                "filename": "foo_bar-0.9.tar.gz",
                "url": "../../foo_bar-0.9.tar.gz",
                "hashes": {},
                "yanked": False,
                "core-metadata": False,
            },
            {
                "filename": "foo_bar-1.0+x-py3-none-any.whl",
                "url": "../../foo_bar-1.0%2Bx-py3-none-any.whl",
                "hashes": {"sha256": "ab" * 32, "blake2b": "cd" * 8},
                "requires-python": ">=3.8,<4",
                "size": 1234,
                "upload-time": "2026-01-02T03:04:05.000006Z",
                "yanked": 'broken "badly" <b>',
                "core-metadata": {"sha256": "ef" * 32},
                "provenance": "https://files.example/p?a&b",
            },
        ],
    }


def test_project_html_has_every_attribute():
    page = ProjectPage("foo-bar", (FULL, BARE), (), "quarantined", 'bad "<x>"', 5)
    seen = _read(render_project_html(page))
    assert seen.meta["pypi:repository-version"] == "1.4"
    assert seen.meta["pypi:project-status"] == "quarantined"
    assert seen.meta["pypi:project-status-reason"] == 'bad "<x>"'
    assert seen.comments == ["SERIAL 5"]
    assert seen.anchors == [
        {"href": "../../foo_bar-0.9.tar.gz"},
        {
            "href": "../../foo_bar-1.0%2Bx-py3-none-any.whl#sha256=" + "ab" * 32,
            "data-requires-python": ">=3.8,<4",
            "data-upload-time": "2026-01-02T03:04:05.000006Z",
            "data-yanked": 'broken "badly" <b>',
            "data-dist-info-metadata": "sha256=" + "ef" * 32,
            "data-core-metadata": "sha256=" + "ef" * 32,
            "data-provenance": "https://files.example/p?a&b",
        },
    ]


def test_yanked_without_reason_and_metadata_without_digest():
    entry = FULL._replace(yanked=True, core_metadata=True, hashes={"md5": "00"}, provenance="")
    anchor = _read(render_anchor(entry, "").encode()).anchors[0]
    assert anchor["data-yanked"] == ""
    assert anchor["data-core-metadata"] == "true"
    assert (anchor["href"] or "").endswith("#md5=00")
    record = json.loads(render_project_json(ProjectPage("foo-bar", (entry,))))
    assert record["files"][0]["yanked"] is True
    assert record["files"][0]["core-metadata"] is True


def test_an_absolute_address_is_kept():
    entry = FULL._replace(url="https://files.example/a/b.whl")
    assert file_url(entry, "../../") == "https://files.example/a/b.whl"


@pytest.mark.parametrize("render", [render_project_json, render_project_html])
def test_order_of_input_never_shows(render):
    files = [BARE._replace(filename=f"foo_bar-{n}.tar.gz") for n in ("1.10", "1.9", "1.2a1", "x")]
    one = render(ProjectPage("foo-bar", tuple(files), ("1.9", "3")))
    other = render(ProjectPage("foo-bar", tuple(reversed(files)), ("3", "1.9")))
    assert one == other
    assert re.findall(rb"(?<=/)foo_bar-(\S+?)\.tar", one) == [b"x", b"1.2a1", b"1.9", b"1.10"]


def test_releases_with_two_spellings_are_one_version():
    wheel = BARE._replace(filename="foo_bar-1.0.0-py3-none-any.whl")
    sdist = BARE._replace(filename="foo_bar-1.0.tar.gz")
    assert len(list_versions(ProjectPage("foo-bar", (wheel, sdist)))) == 1
    assert list_versions(ProjectPage("foo-bar", (wheel, sdist), ("1",))) == ["1"]


def test_root_pages_list_projects_by_normalised_name():
    root = RootPage((("Zoo", 3), ("a.B", None), ("Yes", 9)), 9)
    assert json.loads(render_root_json(root)) == {
        "meta": {"api-version": "1.4", "_last-serial": 9},
        "projects": [
            {"name": "a.B"},
            {"name": "Yes", "_last-serial": 9},
            {"name": "Zoo", "_last-serial": 3},
        ],
    }
    seen = _read(render_root_html(root))
    assert [anchor["href"] for anchor in seen.anchors] == ["a-b/", "yes/", "zoo/"]
    assert [text for text in seen.texts if text.strip()] == ["Simple index", "a.B", "Yes", "Zoo"]


def test_links_page_names_every_file_one_level_up():
    pages = [
        ProjectPage("foo-bar", (FULL, BARE)),
        ProjectPage("b", (BARE._replace(filename="b-1 & 2.zip"),)),
    ]
    hrefs = [anchor["href"] for anchor in _read(render_links_html(pages)).anchors]
    assert hrefs == [
        "../foo_bar-0.9.tar.gz",
        "../foo_bar-1.0%2Bx-py3-none-any.whl#sha256=" + "ab" * 32,
        "../b-1%20%26%202.zip",
    ]


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)


@given(TEXT, TEXT, TEXT, st.one_of(st.booleans(), TEXT))
def test_json_reads_back_as_written(name, python, reason, yanked):
    entry = FileEntry(
        f"foo-1{name}.zip", "x", {"sha256": "00"}, 1, "", python, yanked, {"sha256": "11"}
    )
    page = ProjectPage("foo", (entry,), ("1",), "deprecated", reason, 4)
    again = parse_project_json(render_project_json(page))
    assert again._replace(versions=()) == page._replace(versions=())


@given(TEXT, TEXT, TEXT)
def test_html_survives_any_text(name, python, yanked):
    entry = FULL._replace(filename=f"foo-1{name}.zip", requires_python=python, yanked=yanked)
    seen = _read(render_project_html(ProjectPage("foo", (entry,))))
    assert len(seen.anchors) == 1
    assert seen.anchors[0].get("data-requires-python", "") == python
    assert seen.anchors[0]["data-yanked"] == yanked


@pytest.mark.parametrize(
    "document", [b"", b"{}", b"[]", b'{"name":1,"files":[1],"meta":{}}', b"\xff", b'{"files":null}']
)
def test_what_is_no_page_is_refused(document):
    with pytest.raises(ValueError):
        parse_project_json(document)


def test_objects_beside_files_get_an_absolute_address_when_sent():
    entry = FULL._replace(provenance=FULL.filename + ".provenance")
    other = BARE._replace(provenance='odd "name".provenance')
    page = ProjectPage("foo-bar", (entry, other, FULL._replace(filename="foo_bar-3.zip")))
    body = render_project_json(page)
    assert names_provenance(body[:256])
    assert b'"provenance":"../' not in body
    files = json.loads(with_absolute_provenance(body, "https://m.example/x/"))["files"]
    assert [file.get("provenance") for file in files] == [
        "https://m.example/x/odd%20%22name%22.provenance",
        "https://m.example/x/foo_bar-1.0%2Bx-py3-none-any.whl.provenance",
        "https://files.example/p?a&b",
    ]
    assert "_provenance" not in files[0]
    again = {one.filename: one for one in parse_project_json(body).files}
    assert again[entry.filename].provenance == entry.provenance
    assert b"data-provenance" not in render_project_html(ProjectPage("foo-bar", (entry,)))


def test_pages_without_such_objects_are_sent_as_they_are():
    assert not names_provenance(render_project_json(ProjectPage("foo-bar", (FULL, BARE)))[:256])
