"""Pages of an index: what shows that they have not changed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from microrepo.client import Answer
from microrepo.repositories.sources.simple_index import (
    conditional,
    is_same_content,
    validator_of,
)

MODIFIED = "Mon, 01 Jun 2026 12:00:00 GMT"
LATER = "Mon, 01 Jun 2026 12:01:00 GMT"
AT_ONCE = "Mon, 01 Jun 2026 12:00:59 GMT"


URL = "https://index.example/simple/foo/"


def answer(headers: Mapping[str, str] = {}, body: bytes = b"{}", url: str = URL) -> Answer:
    return Answer(200, headers, body, url)


@pytest.mark.parametrize(
    ("headers", "header"),
    [
        ({"ETag": '"1"', "Last-Modified": MODIFIED, "Date": LATER}, ("If-None-Match", '"1"')),
        ({"Last-Modified": MODIFIED, "Date": LATER}, ("If-Modified-Since", MODIFIED)),
        # A response without a date is dated when it is received.
        ({"ETag": '"1"', "Last-Modified": MODIFIED}, ("If-None-Match", '"1"')),
        ({"Last-Modified": MODIFIED}, ("If-Modified-Since", MODIFIED)),
    ],
)
def test_the_server_is_asked_by_its_own_validator(
    headers: dict[str, str], header: tuple[str, str]
) -> None:
    validator = validator_of(answer(headers))
    assert conditional(validator) == dict([header])
    assert not is_same_content(answer(headers), validator)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Last-Modified": MODIFIED, "Date": "once"},
        {"Last-Modified": MODIFIED, "Date": AT_ONCE},
        {"Last-Modified": "once", "Date": LATER},
    ],
)
def test_without_a_usable_one_the_content_counts(headers: dict[str, str]) -> None:
    validator = validator_of(answer(headers))
    assert conditional(validator) == {}
    assert is_same_content(answer(headers), validator)
    assert not is_same_content(answer(headers, b"{ }"), validator)


def test_a_serial_in_the_header_belongs_to_the_content() -> None:
    """It may be newer than the page's own words."""
    validator = validator_of(answer({"X-PyPI-Last-Serial": "7"}))
    assert is_same_content(answer({"X-PyPI-Last-Serial": "7"}), validator)
    assert not is_same_content(answer({"X-PyPI-Last-Serial": "8"}), validator)


def test_the_same_page_of_a_server_that_moved_is_another() -> None:
    """Its relative links lead to the new server."""
    moved = answer(url="https://moved.example/simple/foo/")
    assert not is_same_content(moved, validator_of(answer()))


def test_nothing_known_is_never_the_same() -> None:
    assert not is_same_content(answer(), None)
    assert conditional(None) == {}
