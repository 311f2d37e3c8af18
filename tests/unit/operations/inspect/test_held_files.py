"""The list of files, from a state."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.config.load import load
from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.operations.inspect.held_files import list_files
from microrepo.operations.inspect.statistics import stats

PRESENT = ("foo_bar-2.0-py3-none-any.whl", "foo-bar-2.0.tar.gz", "old-1.0-py2.7.egg")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param((), sorted(PRESENT), id="all"),
        pytest.param(("old",), ["old-1.0-py2.7.egg"], id="one project"),
        pytest.param(("Foo.Bar", "foo_bar"), sorted(PRESENT[:2]), id="other spellings"),
    ],
)
def test_list(config: Config, names: tuple[str, ...], expected: list[str]) -> None:
    assert [row.filename for row in list_files(config, names).files] == expected


def test_list_of_an_unknown_project(config: Config) -> None:
    found = list_files(config, ["Old", "Nope"])
    assert ([row.filename for row in found.files], found.known, found.unknown) == (
        [PRESENT[2]],
        ("old",),
        ("Nope",),
    )


def test_repository_without_a_state(tmp_path: Path) -> None:
    config = load(None, {"repository": str(tmp_path / "new")}, {}).config
    with pytest.raises(RepositoryError, match="directory not found"):
        list_files(config)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "foo-1.0.zip").write_bytes(b"12345")
    (tmp_path / "new" / "notes.zip").write_bytes(b"12345")
    assert [(row.filename, row.project, row.size) for row in list_files(config).files] == [
        ("foo-1.0.zip", "foo", 5)
    ]


def test_looking_leaves_nothing_behind(config: Config, tmp_path: Path) -> None:
    before = sorted(path.name for path in tmp_path.rglob("*"))
    list_files(config)
    stats(config)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
