"""Directories that another program filled, where a repository was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.errors import RepositoryError
from microrepo.repositories.reading import open_for_reading
from tests.support.packages import build_wheel

WHEEL = build_wheel("app", "1.0")


@pytest.mark.parametrize(
    ("folder", "program"),
    [
        ("web/packages/aa/bb/cc", "bandersnatch"),
        ("+files/root/pypi/+f/abc", "devpi"),
        ("app", "a directory of distributions"),
    ],
)
def test_a_tree_of_another_program_is_named(tmp_path: Path, folder: str, program: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "web" / "simple").mkdir(parents=True)
    WHEEL.write_to(tmp_path / folder)
    with pytest.raises(RepositoryError) as caught, open_for_reading(tmp_path):
        pass
    assert f"as {program} keeps" in str(caught.value)
    assert "microrepo adopt" in str(caught.value)


def test_distributions_of_the_directory_itself_are_read(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    for directory in (tmp_path, tmp_path / "old"):
        WHEEL.write_to(directory)
    with open_for_reading(tmp_path) as state:
        assert [row.filename for row in state.files()] == [WHEEL.filename]


def test_an_empty_directory_is_an_empty_repository(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with open_for_reading(tmp_path) as state:
        assert not list(state.files())
