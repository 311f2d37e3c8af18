"""Which URLs name a file right in a directory."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.repositories.sources.directory_source import local_path

_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)


@given(_NAMES.filter(lambda name: name not in {".", ".."}))
def test_a_name_comes_back_from_its_url(name: str) -> None:
    root = Path("/some where/with %20")
    url = (root / name).as_uri()
    assert local_path(url) == root / name


@pytest.mark.parametrize(
    "name", ["foo-1.0.tar.gz", "a b+c-1.0.tar.gz", "ü-1.0.tar.gz", "a%20b-1.0.tar.gz", "a#b", "a?b"]
)
def test_a_path_survives_its_url(tmp_path: Path, name: str) -> None:
    path = tmp_path / "folder" / name
    assert local_path(path.as_uri()) == path
    assert local_path(Path("/x").as_uri()) == Path("/x")


def test_other_urls_name_no_path() -> None:
    assert local_path("https://index.example/foo-1.0.tar.gz") is None
