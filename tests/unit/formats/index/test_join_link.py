"""Links are resolved as the standard library resolves them, only faster."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.formats.index.index_records import join_link

BASES = [
    "https://index.example/pypi/foo/json",
    "https://index.example/root/simple/foo/",
    "http://127.0.0.1:8080/simple/foo/?x=1#y",
    "https://index.example",
    "https://index.example/",
    "file:///srv/index/foo/index.html",
    "",
]
PIECES = ["..", ".", "", "a", "B-1.0.tar.gz", "a b", "%20", "?q", "#f", ";p", ":", "x:y", ".hidden"]
LINKS = st.lists(st.sampled_from(PIECES), max_size=6).map("/".join)


@given(st.sampled_from(BASES), LINKS | st.text(max_size=12))
def test_a_link_leads_where_the_standard_library_says(base: str, link: str) -> None:
    try:
        expected = urljoin(base, link)
    except ValueError:
        with pytest.raises(ValueError):
            join_link(base, link)
    else:
        assert join_link(base, link) == expected


def test_usual_links() -> None:
    base = "https://index.example/pypi/foo/json"
    assert join_link(base, "../../packages/ab/foo-1.0.tar.gz") == (
        "https://index.example/packages/ab/foo-1.0.tar.gz"
    )
    assert join_link(base, "foo-1.0.tar.gz") == "https://index.example/pypi/foo/foo-1.0.tar.gz"
    assert join_link(base, "../../../../x") == "https://index.example/x"
