"""Law of file names: what is taken as safe makes a plain file in its directory, and only there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.formats.distribution.filenames import unsafe_filename

_PARTS = ".. . / \\ ~ -rf con aux. C: é simple .html .metadata $HOME * .whl %2e%2e%2f"
_HOSTILE = st.sampled_from(
    (*_PARTS.split(), "\0", " ", "\n", "\u202e", "\ud800", "a" * 90, "包" * 40)
)
NAMES = st.lists(_HOSTILE | st.text(max_size=4), max_size=5).map("".join)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A directory and the one it lies in."""
    outside = tmp_path_factory.mktemp("names")
    inside = outside / "repository"
    inside.mkdir()
    return outside, inside


@given(NAMES)
def test_a_safe_name_stays_inside_its_directory(folders: tuple[Path, Path], name: str) -> None:
    outside, inside = folders
    if unsafe_filename(name):
        return
    # The longest name that is made of it, here and for a download under way.
    for path in (inside / name, inside / f"{name}.metadata"):
        path.write_bytes(b"x")
        assert os.path.realpath(path) == os.path.join(os.path.realpath(inside), path.name)
        assert [entry.name for entry in os.scandir(inside)] == [path.name]
        assert [entry.name for entry in os.scandir(outside)] == ["repository"]
        path.unlink()


@given(NAMES)
def test_a_safe_name_is_a_plain_one(name: str) -> None:
    if unsafe_filename(name) is None:
        assert name == Path(name).name == os.path.basename(name)
        assert name.isprintable()
        assert name.encode()
        assert not name.startswith(".")


@given(NAMES, st.sampled_from('/\\\0\n\r\t\x1b:*?"<>|'))
def test_no_name_with_a_separator_or_control_character_is_safe(name: str, char: str) -> None:
    middle = len(name) // 2
    assert unsafe_filename(name[:middle] + char + name[middle:])


@given(NAMES)
def test_case_does_not_make_a_name_safe(name: str) -> None:
    """On other systems the names are the same."""
    if name.isascii():
        assert (unsafe_filename(name) is None) is (unsafe_filename(name.upper()) is None)
