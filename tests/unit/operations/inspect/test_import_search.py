"""Search for the projects of a directory that provide a module."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.operations.inspect.import_search import find_import
from tests.support.packages import build_sdist, build_wheel

STATED = ["Import-Name: yaml", "Import-Name: _yaml; private", "Import-Namespace: shared"]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory of distributions that no program of ours made."""
    place = tmp_path / "wheelhouse"
    place.mkdir()
    for file in (
        build_wheel("PyYAML", "5.0", files={"old.py": b""}),
        build_wheel("PyYAML", "6.0", metadata_version="2.5", metadata_lines=STATED),
        build_wheel("PyYAML", "7.0b1", files={"beta.py": b""}),
        build_wheel("lint", "1.0", files={"yamllint/__init__.py": b"", "shared/lint.py": b""}),
        build_wheel("fork", "1.0", files={"yaml/__init__.py": b"", "yaml/extra.py": b""}),
        build_sdist("source", "1.0"),
    ):
        file.write_to(place)
    return place


def _projects(directory: Path, module: str, *patterns: str) -> list[tuple[str, str]]:
    found = find_import(str(directory), module, patterns)
    return [(one.project, one.evidence.value) for one in found.matches]


def test_metadata_and_contents(directory: Path) -> None:
    assert _projects(directory, "yaml") == [
        ("fork", "module in the wheel"),
        ("pyyaml", "import name"),
    ]
    assert _projects(directory, "yaml", "py*") == [("pyyaml", "import name")]
    assert _projects(directory, "yaml.extra") == [("fork", "module in the wheel")]
    assert _projects(directory, "shared") == [
        ("pyyaml", "import namespace"),
        ("lint", "part of a namespace in the wheel"),
    ]


def test_the_newest_final_release_is_searched(directory: Path) -> None:
    assert _projects(directory, "old") == []
    assert _projects(directory, "beta") == []


def test_the_search_is_bounded(directory: Path) -> None:
    """Similar names are read first; the answer counts what was not searched."""
    found = find_import(str(directory), "lint", limit=1)
    assert (found.read, found.unread, found.matches) == (1, 3, ())
    assert find_import(str(directory), "fork", limit=1).unread == 3
