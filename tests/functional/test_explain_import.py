"""Which project provides a module: `explain --import` on a directory that no program of ours made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.packages import build_sdist, build_wheel
from tests.support.programs import MicrorepoRunner


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Distributions of three projects."""
    place = tmp_path / "wheelhouse"
    place.mkdir()
    stated = ["Import-Name: yaml", "Import-Name: _yaml; private"]
    for file in (
        build_wheel("PyYAML", "6.0", metadata_version="2.5", metadata_lines=stated),
        build_wheel("lint", "1.0", files={"yamllint/__init__.py": b""}),
        build_sdist("source", "1.0"),
    ):
        file.write_to(place)
    return place


def test_the_command_says_what_it_knows(directory: Path, run_microrepo: MicrorepoRunner) -> None:
    done = run_microrepo("explain", "--import", "_yaml", "--repository", directory)
    assert done.stdout == (
        "pyyaml 6.0: its metadata names the module, as private (pyyaml-6.0-py3-none-any.whl)\n"
    )
    done = run_microrepo("explain", "--import", "numpy", "--repository", directory, "--json")
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    # The sdist states no names, so nobody knows what it provides.
    assert (answer["module"], answer["matches"]) == ("numpy", [])
    assert (answer["read"], answer["unread"]) == (2, 1)
    done = run_microrepo("explain", "--import", "not-a-name", "--repository", directory)
    assert (done.returncode, "not the name of a module" in done.stderr) == (2, True)
    assert run_microrepo("explain", "--repository", directory).returncode == 2


def test_damaged_files_are_named_and_hide_nothing(
    directory: Path, run_microrepo: MicrorepoRunner
) -> None:
    (directory / "broken-1.0-py3-none-any.whl").write_bytes(b"not a zip archive")
    done = run_microrepo("explain", "--import", "yaml", "--repository", directory)
    assert done.returncode == 0
    assert "pyyaml 6.0" in done.stdout
    assert "broken-1.0-py3-none-any.whl: not a zip archive" in done.stderr
