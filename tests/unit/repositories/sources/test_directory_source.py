"""Which URLs name a file right in a directory."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from microrepo.repositories.sources.directory_source import local_path

_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)


@given(_NAMES.filter(lambda name: name not in {".", ".."}))
def test_a_name_comes_back_from_its_url(name: str) -> None:
    root = Path("/some where/with %20")
    url = (root / name).as_uri()
    assert local_path(url) == root / name
