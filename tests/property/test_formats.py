"""Laws of the parsers: whatever a source sends is taken or refused in words, and stays harmless."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.filenames import (
    guess_release,
    parse_wheel_name,
    unsafe_filename,
)
from microrepo.formats.index.pypi_json import parse_document
from microrepo.formats.index.simple_api import parse_project, parse_root
from microrepo.formats.times import normalize_time, parse_time, shift, to_ns
from microrepo.model import Project
from microrepo.state import pack, unpack
from tests.property.strategies import (
    VERSIONS,
    documents,
    html_pages,
    json_values,
    pages,
    projects,
)

JSON = "application/vnd.pypi.simple.v1+json"
URL = "https://index.example/simple/foo/"
LARGEST = 2**63 - 1


def encode(value: Any) -> bytes:
    return json.dumps(value).encode()


def check(parse: Callable[[], Project]) -> None:
    """What comes out fits the state and names nothing but addresses on the web."""
    try:
        project = parse()
    except MalformedResponse:
        return
    assert project.name == "foo"
    assert project.serial is None or 0 <= project.serial <= LARGEST
    for file in project.files:
        assert file.url.startswith(("https://", "http://"))
        assert file.size is None or 0 <= file.size <= LARGEST
        assert abs(to_ns(file.upload_time) or 0) <= LARGEST
        assert all(
            value is None or value.isalnum() for value in msgspec.structs.astuple(file.digests)
        )
        unsafe_filename(file.filename)
        file.filename.encode()
    assert unpack(pack(project)) == project


@given(documents())
def test_any_document(value: object) -> None:
    check(lambda: parse_document(encode(value), "foo", base_url=URL).project)


@given(pages())
def test_any_json_page(value: object) -> None:
    check(lambda: parse_project(encode(value), JSON, URL, "foo"))


@given(html_pages())
def test_any_html_page(text: str) -> None:
    check(lambda: parse_project(text.encode("utf-8", "replace"), "text/html", URL, "foo"))


@given(st.binary(max_size=80), st.sampled_from((JSON, "text/html", "", "application/json")))
def test_any_bytes(body: bytes, content_type: str) -> None:
    check(lambda: parse_project(body, content_type, URL, "foo"))
    check(lambda: parse_document(body, "foo").project)


@given(json_values() | st.fixed_dictionaries({"projects": json_values()}), html_pages())
def test_any_root(value: object, text: str) -> None:
    bodies = ((encode(value), JSON), (text.encode("utf-8", "replace"), "text/html"))
    for body, content_type in bodies:
        try:
            root = parse_root(body, content_type, URL)
        except MalformedResponse:
            continue
        assert all(name for name in root.projects if content_type != JSON)
        assert all(serial is None or 0 <= serial <= LARGEST for serial in root.projects.values())


@given(projects())
def test_a_record_survives_the_way_through_the_state(project: Project) -> None:
    assert unpack(pack(project)) == project


@given(st.text(max_size=30) | st.datetimes().map(str) | st.datetimes().map(lambda d: d.isoformat()))
def test_a_time_has_one_spelling(text: str) -> None:
    once = normalize_time(text)
    assert once is None or normalize_time(once) == once


@given(st.datetimes(), st.datetimes())
def test_text_order_is_time_order(first: Any, second: Any) -> None:
    left, right = normalize_time(str(first)), normalize_time(str(second))
    assert left is not None
    assert right is not None
    assert (left < right) is (first < second)


@given(st.datetimes(), st.floats(-1e10, 1e10))
def test_shifting_never_leaves_the_calendar(moment: Any, days: float) -> None:
    text = normalize_time(str(moment))
    assert text is not None
    shifted = shift(text, days)
    assert normalize_time(shifted) == shifted
    assert (shifted >= text) if days >= 0 else (shifted <= text)
    parse_time(shifted)


@given(st.sampled_from(VERSIONS), st.sampled_from(("foo", "foo-bar", "foo-bar-baz")))
def test_the_release_in_a_name_of_ours_is_found(version: str, name: str) -> None:
    wheel = f"{name.replace('-', '_')}-{version.replace('-', '_')}-py3-none-any.whl"
    parsed = parse_wheel_name(wheel)
    assert parsed is not None
    assert parsed.version.replace("_", "-") == version
    assert guess_release(wheel, name) == version
    assert guess_release(f"{name}-{version}.tar.gz", name) == version


@given(st.text(max_size=40), st.text(max_size=10))
def test_any_name_may_be_asked_about(filename: str, project: str) -> None:
    guess_release(filename, project)
    parse_wheel_name(filename)
    unsafe_filename(filename)
