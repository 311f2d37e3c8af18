"""Index pages, JSON and HTML: what is taken, what costs a file, what costs the page."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import OutOfBounds
from microrepo.formats.index.simple_api import (
    PageRecord,
    Root,
    is_json,
    parse_page_record,
    parse_project,
    parse_root,
)
from microrepo.model import Digests, File, Project

SHA256 = "0123456789abcdef" * 4
JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html; charset=UTF-8"
PAGE_URL = "https://index.example/simple/foo/"
GOOD = {"filename": "foo-1.0.tar.gz", "url": "https://files.example/foo-1.0.tar.gz"}


def json_page(*files: object, **changes: Any) -> Project:
    page = {"meta": {"api-version": "1.1"}, "name": "foo", "files": list(files), **changes}
    return parse_project(json.dumps(page).encode(), JSON, PAGE_URL, "foo")


def html_page(text: str, **about: Any) -> Project:
    return parse_project(text.encode(), HTML, PAGE_URL, "foo", **about)


def the_file(project: Project) -> File:
    assert project.rejected == ()
    (file,) = project.files
    return file


# --- JSON ---------------------------------------------------------------------------------------------


def test_a_whole_json_entry() -> None:
    file = the_file(
        json_page(
            {
                **GOOD,
                "hashes": {"sha256": SHA256, "unheard-of": "x"},
                "requires-python": ">=3.8",
                "size": 10,
                "upload-time": "2024-05-31T12:34:56.5Z",
                "yanked": "broken",
                "core-metadata": {"sha256": SHA256},
                "provenance": "https://index.example/p",
                "gpg-sig": True,
            }
        )
    )
    assert file == File(
        filename="foo-1.0.tar.gz",
        url="https://files.example/foo-1.0.tar.gz",
        version="1.0",
        package_type="sdist",
        digests=Digests(sha256=SHA256),
        size=10,
        requires_python=">=3.8",
        upload_time="2024-05-31T12:34:56.500000Z",
        yanked=True,
        yanked_reason="broken",
        core_metadata=True,
        core_metadata_sha256=SHA256,
        provenance="https://index.example/p",
    )


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        pytest.param({"yanked": True}, "yanked", True, id="yanked without a reason"),
        pytest.param({"yanked": ""}, "yanked", True, id="an empty reason still yanks"),
        pytest.param({"yanked": False}, "yanked", False, id="not yanked"),
        pytest.param({"dist-info-metadata": True}, "core_metadata", True, id="old metadata key"),
        pytest.param(
            {"core-metadata": False, "dist-info-metadata": True},
            "core_metadata",
            False,
            id="the new metadata key goes first",
        ),
        pytest.param({"hashes": {"sha256": None}}, "digests", Digests(), id="digest is null"),
        pytest.param({"hashes": []}, "digests", Digests(), id="digests are a list"),
        pytest.param({"hashes": None}, "digests", Digests(), id="digests are null"),
        pytest.param(
            {"hashes": {"SHA512": "A" * 128, "sha384": "x"}},
            "digests",
            Digests(sha512="a" * 128),
            id="any algorithm of hashlib",
        ),
        pytest.param({"size": -5}, "size", None, id="negative size"),
        pytest.param({"size": "10"}, "size", None, id="size is text"),
        pytest.param({"size": 1.5}, "size", None, id="size is a fraction"),
        pytest.param({"yanked": None}, "yanked", False, id="yanked is null"),
        pytest.param({"yanked": 1}, "yanked", True, id="yanked is a number"),
        pytest.param({"yanked": []}, "yanked", False, id="yanked is a list"),
        pytest.param({"requires-python": 3.6}, "requires_python", None, id="Python is a number"),
        pytest.param({"upload-time": 1577836800}, "upload_time", None, id="time is a number"),
        pytest.param(
            {"core-metadata": {"sha256": None}}, "core_metadata", True, id="no digest of metadata"
        ),
        pytest.param({"core-metadata": "yes"}, "core_metadata", False, id="metadata is text"),
        pytest.param({"provenance": {}}, "provenance", None, id="provenance is a table"),
        pytest.param({"url": "../../f/foo-1.0.tar.gz"}, "version", "1.0", id="version by name"),
        pytest.param(
            {"url": "../../f/foo-1.0.tar.gz"},
            "url",
            "https://index.example/f/foo-1.0.tar.gz",
            id="relative link",
        ),
        pytest.param(
            {"url": "//cdn.example/x"}, "url", "https://cdn.example/x", id="link without a scheme"
        ),
        pytest.param({"filename": "bar.zip"}, "version", "unknown", id="no version in the name"),
        pytest.param({"filename": "foo-1.0.xyz"}, "package_type", "unknown", id="unknown ending"),
        pytest.param({"upload-time": "soon"}, "upload_time", None, id="unreadable time"),
    ],
)
def test_values_of_a_json_entry(changes: dict[str, Any], field: str, expected: object) -> None:
    assert getattr(the_file(json_page({**GOOD, **changes})), field) == expected


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({**GOOD, "size": 10**15}, id="size beyond reason"),
        pytest.param({**GOOD, "size": 2**63}, id="absurd size"),
        pytest.param({**GOOD, "url": "file:///etc/passwd"}, id="local file"),
        pytest.param({**GOOD, "url": "ftp://x.example/"}, id="ftp"),
        pytest.param({**GOOD, "url": "http://[x"}, id="no URL"),
        pytest.param({**GOOD, "hashes": {"sha256": "nonsense"}}, id="unreadable digest"),
        pytest.param({"url": GOOD["url"]}, id="no name"),
        pytest.param({"filename": "x"}, id="no link"),
        pytest.param(None, id="null"),
        pytest.param("foo-1.0.tar.gz", id="text"),
    ],
)
def test_malformed_json_entry_costs_that_file_alone(bad: object) -> None:
    project = json_page(bad, GOOD)
    assert [file.filename for file in project.files] == ["foo-1.0.tar.gz"]
    assert len(project.rejected) == 1


@pytest.mark.parametrize(
    ("version", "accepted"),
    [("1.0", True), ("1.1", True), ("1.5", True), ("1.99", True), ("2.0", False), ("10.0", False)],
)
def test_api_version_of_json(version: str, accepted: bool) -> None:
    if accepted:
        assert json_page(GOOD, meta={"api-version": version}).files
        return
    with pytest.raises(MalformedResponse, match="newer than this program"):
        json_page(GOOD, meta={"api-version": version})


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html></html>", id="HTML"),
        pytest.param(b'{"files": [', id="truncated"),
        pytest.param(b'{"meta": {}}', id="no files"),
        pytest.param(b'{"files": {}}', id="files are no list"),
        pytest.param(b'{"files": ' + b"[" * 200_000, id="deeply nested"),
        pytest.param(b'{"files": [], "name": "\xff"}', id="no UTF-8"),
    ],
)
def test_no_json_page(body: bytes) -> None:
    with pytest.raises(MalformedResponse, match="index page"):
        parse_project(body, JSON, PAGE_URL, "foo")


def test_json_page_of_another_project_is_refused() -> None:
    with pytest.raises(MalformedResponse, match="another project, 'bar'"):
        json_page(GOOD, name="bar")


@pytest.mark.parametrize(
    ("header", "body", "expected"), [(7, 5, 7), (None, 5, 5), (None, None, None), (None, -5, None)]
)
def test_serial_of_a_json_page(header: int | None, body: int | None, expected: int | None) -> None:
    page = {"meta": {"api-version": "1.0", "_last-serial": body}, "files": []}
    project = parse_project(json.dumps(page).encode(), JSON, PAGE_URL, "foo", header)
    assert project.serial == expected


def test_status_of_a_json_page() -> None:
    project = json_page(**{"project-status": {"status": "archived", "reason": "moved"}})
    assert (project.status, project.status_reason) == ("archived", "moved")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"versions": ["2.0", "1.0"]}, ("2.0", "1.0"), id="listed"),
        pytest.param({}, ("1.0",), id="from the names"),
    ],
)
def test_versions_of_a_json_page(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert json_page(GOOD, **changes).versions == expected


# --- HTML ---------------------------------------------------------------------------------------------


def test_a_whole_anchor() -> None:
    file = the_file(
        html_page(
            '<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.1">'
            "</head><body><h1>Links for foo</h1>"
            f'<a href="../../f/foo-1.0-py3-none-any.whl#sha256={SHA256}" '
            'data-requires-python="&gt;=3.8,&lt;4" data-yanked="broken &amp; old" '
            f'data-core-metadata="sha256={SHA256}" data-provenance="https://index.example/p" '
            'data-gpg-sig="false">foo-1.0-py3-none-any.whl</a><br/></body></html>'
        )
    )
    assert file == File(
        filename="foo-1.0-py3-none-any.whl",
        url="https://index.example/f/foo-1.0-py3-none-any.whl",
        version="1.0",
        package_type="bdist_wheel",
        digests=Digests(sha256=SHA256),
        requires_python=">=3.8,<4",
        yanked=True,
        yanked_reason="broken & old",
        core_metadata=True,
        core_metadata_sha256=SHA256,
        provenance="https://index.example/p",
    )


@pytest.mark.parametrize(
    ("anchor", "field", "expected"),
    [
        pytest.param(
            '<a href="foo-1.0.tar.gz">foo-1.0.tar.gz</a>',
            "url",
            PAGE_URL + "foo-1.0.tar.gz",
            id="relative to the page",
        ),
        pytest.param(
            '<a href="/f/foo-1.0.tar.gz">foo-1.0.tar.gz</a>',
            "url",
            "https://index.example/f/foo-1.0.tar.gz",
            id="relative to the host",
        ),
        pytest.param(
            '<base href="https://cdn.example/d/"><a href="foo-1.0.tar.gz">foo-1.0.tar.gz</a>',
            "url",
            "https://cdn.example/d/foo-1.0.tar.gz",
            id="relative to a base",
        ),
        pytest.param(
            '<base href="../files/"><a href="foo-1.0.tar.gz">foo-1.0.tar.gz</a>',
            "url",
            "https://index.example/simple/files/foo-1.0.tar.gz",
            id="relative base",
        ),
        pytest.param(
            '<a href="f/foo%201-1.0.tar.gz"></a>', "filename", "foo 1-1.0.tar.gz", id="name in link"
        ),
        pytest.param(
            '<a href="f/foo-1.0.tar.gz"> foo-1.0.tar.gz\n</a>',
            "filename",
            "foo-1.0.tar.gz",
            id="spaces around",
        ),
        pytest.param(
            '<A HREF="f/foo-1.0.tar.gz">foo-1.0.tar.gz</A>',
            "filename",
            "foo-1.0.tar.gz",
            id="upper case",
        ),
        pytest.param(
            "<a href='f/foo-1.0.tar.gz' data-yanked>foo-1.0.tar.gz</a>",
            "yanked",
            True,
            id="yanked, no value",
        ),
        pytest.param(
            '<a href="f/foo-1.0.tar.gz" data-yanked="">foo-1.0.tar.gz</a>',
            "yanked_reason",
            None,
            id="no reason",
        ),
        pytest.param(
            '<a href="f/foo-1.0.tar.gz" data-dist-info-metadata="true">foo-1.0.tar.gz</a>',
            "core_metadata",
            True,
            id="old metadata attribute",
        ),
        pytest.param(
            '<a href="f/foo-1.0.tar.gz" data-core-metadata="false">foo-1.0.tar.gz</a>',
            "core_metadata",
            False,
            id="metadata denied",
        ),
        pytest.param(
            f'<a href="f/foo-1.0.tar.gz#md5={"a" * 32}">foo-1.0.tar.gz</a>',
            "digests",
            Digests(md5="a" * 32),
            id="md5 fragment",
        ),
        pytest.param(
            '<a href="f/foo-1.0.tar.gz#egg=foo">foo-1.0.tar.gz</a>',
            "digests",
            Digests(),
            id="other fragment",
        ),
        pytest.param(
            f'<a href="foo-1.0.tar.gz#egg=foo&sha512={"A" * 128}&subdirectory=x">x</a>',
            "digests",
            Digests(sha512="a" * 128),
            id="several parts of a fragment",
        ),
        pytest.param(
            '<a href="foo-1.0%2Bcpu-py3-none-any.whl">foo-1.0%2Bcpu..&gt;</a>',
            "filename",
            "foo-1.0+cpu-py3-none-any.whl",
            id="the link decides, not its text",
        ),
        pytest.param('<a href="foo-1.0.zip" data-size="12">x</a>', "size", 12, id="size"),
        pytest.param('<a href="foo-1.0.zip" data-size="1e9">x</a>', "size", None, id="odd size"),
        pytest.param(
            '<a href="foo-1.0.zip" data-upload-time="2024-05-31T12:34:56Z">x</a>',
            "upload_time",
            "2024-05-31T12:34:56.000000Z",
            id="upload time",
        ),
        pytest.param(
            "<a title=it's href=foo-1.0.zip id = x>x</a>", "filename", "foo-1.0.zip", id="no quotes"
        ),
        pytest.param(
            '<a href="foo-1.0.zip" href="bar-1.0.zip"/>', "filename", "foo-1.0.zip", id="twice"
        ),
        pytest.param(
            '<a href="包-1.0.tar.gz"></a>', "filename", "包-1.0.tar.gz", id="Unicode in a name"
        ),
        pytest.param(
            '<a href="&#xD800;foo.zip">x</a>',
            "filename",
            "\ufffdfoo.zip",
            id="impossible character",
        ),
        pytest.param(
            '<a href="f/foo-1.0.tar.gz">foo-1.0.tar.gz',
            "filename",
            "foo-1.0.tar.gz",
            id="left open",
        ),
    ],
)
def test_values_of_an_anchor(anchor: str, field: str, expected: object) -> None:
    assert getattr(the_file(html_page(anchor)), field) == expected


@pytest.mark.parametrize(
    "link",
    [
        pytest.param("file:///etc/passwd", id="local file"),
        pytest.param("javascript:alert(1)", id="script"),
        pytest.param("mailto:a@b.example", id="mail"),
        pytest.param("http://[x", id="no URL"),
    ],
)
def test_bad_link_costs_that_file_alone(link: str) -> None:
    project = html_page(f'<a href="{link}">a-1.0.zip</a><a href="foo-1.0.zip">foo-1.0.zip</a>')
    assert [file.filename for file in project.files] == ["foo-1.0.zip"]
    assert len(project.rejected) == 1


@pytest.mark.parametrize("base", ["file:///etc/", "http://[x", "javascript:x"])
def test_a_base_may_not_lead_off_the_web(base: str) -> None:
    project = html_page(f'<base href="{base}"><a href="foo-1.0.zip">foo-1.0.zip</a>')
    assert (project.files, len(project.rejected)) == ((), 1)


@pytest.mark.parametrize(
    ("comment", "header", "expected"),
    [
        pytest.param("<!--SERIAL 123-->", None, 123, id="comment"),
        pytest.param("<!-- SERIAL  123 -->", None, 123, id="comment with spaces"),
        pytest.param("<!--SERIAL 123-->", 7, 7, id="the header goes first"),
        pytest.param("<!-- nothing -->", None, None, id="another comment"),
        pytest.param(f"<!--SERIAL {'9' * 5000}-->", None, None, id="absurd"),
    ],
)
def test_serial_of_an_html_page(comment: str, header: int | None, expected: int | None) -> None:
    page = html_page(f'{comment}<a href="foo-1.0.zip">foo-1.0.zip</a>', header_serial=header)
    assert page.serial == expected


def test_status_of_an_html_page() -> None:
    project = html_page(
        '<meta name="pypi:project-status" content="deprecated">'
        '<meta name="pypi:project-status-reason" content="use bar">'
    )
    assert (project.status, project.status_reason) == ("deprecated", "use bar")


def test_newer_html_is_refused() -> None:
    with pytest.raises(MalformedResponse, match="newer"):
        html_page(
            '<meta name="pypi:repository-version" content="2.0"><a href="f/foo-1.0.tar.gz">x</a>'
        )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Service Unavailable", id="plain text"),
        pytest.param("", id="empty"),
        pytest.param("<![foo[<a href='f/foo-1.0.tar.gz'>x</a>", id="broken declaration"),
    ],
)
def test_no_html_page(text: str) -> None:
    with pytest.raises(MalformedResponse):
        html_page(text)


def test_html_that_is_no_utf8_is_read_as_far_as_can_be() -> None:
    body = b'<a href="foo-1.0.zip">foo-1.0.zip</a><a href="b\xff-1.0.zip">x</a>'
    project = parse_project(body, HTML, PAGE_URL, "foo")
    assert [file.filename for file in project.files] == ["foo-1.0.zip", "b\ufffd-1.0.zip"]


def test_page_without_files() -> None:
    page = '<meta name="pypi:repository-version" content="1.0"><body></body>'
    assert html_page(page).files == ()


@pytest.mark.parametrize(
    "body", ["", "<h1>Down for maintenance</h1>", '<a href="/login">Log in</a>']
)
def test_a_page_for_people_is_not_taken_for_a_project_without_files(body: str) -> None:
    with pytest.raises(MalformedResponse, match="does not say it is an index page"):
        html_page(f'<html><meta name="viewport" content="x"><body>{body}</body></html>')


@pytest.mark.parametrize(
    "hidden",
    [
        pytest.param("<!-- {} -->", id="comment"),
        pytest.param("<script>x = '{}'</script>", id="script"),
        pytest.param("<STYLE>{}</Style>", id="style"),
        pytest.param("<textarea>{}</textarea>", id="text area"),
    ],
)
def test_links_that_are_none(hidden: str) -> None:
    page = hidden.format('<a href="foo-2.0.zip">x</a>') + '<a href="foo-1.0.zip">x</a>'
    assert [file.filename for file in html_page(page).files] == ["foo-1.0.zip"]


def test_an_unreadable_digest_is_named_as_the_cause() -> None:
    page = html_page('<a href="foo-1.0.zip#sha256=short">x</a><a href="foo-2.0.zip">x</a>')
    assert page.rejected == ("a link: 'foo-1.0.zip': 'short' is not a digest of sha256",)


@pytest.mark.parametrize(
    "piece",
    [
        "<a ",
        "<!--",
        "<a href='x",
        '<a href="x',
        "<?",
        "</a",
        "<![CDATA[",
        "<a href=x ",
        "<script>",
        "<a =",
        '<a =">',
        "&#9999999999;<b>",
        "<a href=x>&#" + "9" * 100,
        "< ",
        "<a/",
        " = ",
    ],
)
def test_a_broken_page_takes_linear_time(piece: str) -> None:
    page = '<a href="foo-1.0.zip">x</a>' + piece * (2_000_000 // len(piece))
    started = time.process_time()
    with suppress(MalformedResponse):
        html_page(page)
    assert time.process_time() - started < 5


def test_a_number_of_any_length_is_a_character() -> None:
    page = html_page('<a href="foo-1.0.zip">&#' + "9" * 5000 + ";</a>")
    assert [file.filename for file in page.files] == ["foo-1.0.zip"]


@pytest.mark.parametrize("piece", ["<a href=x>", "<b>", "<a " + "y " * 900 + ">"])
def test_a_page_of_too_many_things_is_refused(piece: str) -> None:
    with pytest.raises(OutOfBounds, match="more than"):
        html_page(piece * (40_000_000 // len(piece)))


# --- the root -----------------------------------------------------------------------------------------


def test_json_root() -> None:
    page = {
        "meta": {"api-version": "1.4", "_last-serial": 99},
        "projects": [{"name": "Foo", "_last-serial": 5}, {"name": "bär"}, {"name": "x", "y": 1}],
    }
    root = parse_root(json.dumps(page).encode(), JSON, PAGE_URL)
    assert root == Root({"Foo": 5, "bär": None, "x": None}, 99)


def test_html_root() -> None:
    body = b'<!--SERIAL 99--><a href="foo/">Foo</a><a href="/simple/b%C3%A4r/"></a><a name="x">'
    root = parse_root(body, HTML, "https://index.example/simple/")
    assert root == Root({"Foo": None, "bär": None}, 99)


def test_links_of_an_html_root_that_name_no_project_are_left_out() -> None:
    body = b'<a href="../">../</a><a href="/login">Log in</a><a href="foo_x/">foo-x/</a>'
    assert parse_root(body, HTML, PAGE_URL).projects == {"foo-x": None}


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"{}", b'{"projects": null}', b'{"projects": ' + b"[" * 200_000]
)
def test_no_json_root(body: bytes) -> None:
    with pytest.raises(MalformedResponse, match="index root"):
        parse_root(body, JSON, PAGE_URL)


def test_newer_json_root_is_refused() -> None:
    with pytest.raises(MalformedResponse, match="newer"):
        parse_root(b'{"meta": {"api-version": "2.0"}, "projects": []}', JSON, PAGE_URL)


def test_absurd_serials_of_a_root_are_unknown() -> None:
    projects = [{"name": "a", "_last-serial": -1}, {"name": "b", "_last-serial": 2**60}]
    body = json.dumps({"projects": projects}).encode()
    assert parse_root(body, JSON, PAGE_URL).projects == {"a": None, "b": None}


@pytest.mark.parametrize("bad", ['{"name": null}', '{"name": "\\ud800"}', "1", "null", "{}"])
def test_a_bad_entry_of_the_root_costs_that_project_and_is_counted(bad: str) -> None:
    """A project that is missing from the list would be taken for one removed upstream."""
    body = f'{{"projects": [{{"name": "a"}}, {bad}, {{"name": "b"}}]}}'.encode()
    assert parse_root(body, JSON, PAGE_URL) == Root({"a": None, "b": None}, None, 1)


def test_names_that_a_directory_listing_cut_short() -> None:
    body = b'<a href="a-very-long-name/">a-very-lo..&gt;</a><a href="x/">y..&gt;</a>'
    assert parse_root(body, HTML, PAGE_URL).projects == {"a-very-long-name": None}


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (JSON, True),
        ("application/json; charset=utf-8", True),
        ("APPLICATION/JSON", True),
        (HTML, False),
        ("application/vnd.pypi.simple.v1+html", False),
        ("", False),
    ],
)
def test_content_type(content_type: str, expected: bool) -> None:
    assert is_json(content_type) is expected


@pytest.mark.parametrize(
    ("name", "right"), [("Foo.Bar", True), ("foo-bar", True), ("other", False)]
)
def test_a_status_is_that_of_the_project(name: str, right: bool) -> None:
    """The page of another project, which a broken cache may give, tells nothing."""
    page = {"meta": {"api-version": "1.4"}, "name": name, "files": []}
    body = json.dumps({**page, "project-status": {"status": "archived"}}).encode()
    media, url = "application/vnd.pypi.simple.v1+json", "https://x.example/"
    read = partial(parse_page_record, body, media, url)
    if right:
        assert read("foo-bar") == PageRecord("archived")
    else:
        with pytest.raises(MalformedResponse):
            read("foo-bar")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://i.example/p", "https://i.example/p"),
        ("http://i.example/p", "http://i.example/p"),
        ("../p", None),
        ("//i.example/p", None),
        ("file:///etc/passwd", None),
        ("ftp://i.example/p", None),
        ("", None),
    ],
)
def test_attestations_have_an_absolute_address_of_the_web(url: str, expected: str | None) -> None:
    entry = {"filename": "foo-1.0.zip", "url": "foo-1.0.zip", "hashes": {}, "provenance": url}
    document = {"meta": {"api-version": "1.4"}, "name": "foo", "files": [entry]}
    page = "https://i.example/simple/foo/"
    by_json = parse_project(
        json.dumps(document).encode(), "application/vnd.pypi.simple.v1+json", page, "foo"
    )
    html = f'<a href="foo-1.0.zip" data-provenance="{url}">foo-1.0.zip</a>'.encode()
    by_html = parse_project(html, "text/html", page, "foo")
    assert [one.files[0].provenance for one in (by_json, by_html)] == [expected, expected]
