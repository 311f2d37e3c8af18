"""From the `packages` setting to requirements and goals."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.config.load import convert
from microrepo.errors import ConfigError
from microrepo.operations.run.goals import (
    EVERYTHING_REQUESTED,
    read_requests,
    requests_of,
)


def test_bare_requirements_are_goals_of_their_own(tmp_path: Path) -> None:
    found = read_requests(["flask", " numpy>=1.26,<3 ", "flask"], tmp_path)
    assert list(map(str, found.requirements or ())) == ["flask", "numpy>=1.26,<3"]
    assert [[str(one) for one in goal.requirements] for goal in found.goals] == [
        ["flask"],
        ["numpy>=1.26,<3"],
    ]


@pytest.mark.parametrize("entry", ["-r all.txt", "-rall.txt", " -r  all.txt "])
def test_a_file_is_one_goal(tmp_path: Path, entry: str) -> None:
    text = "\ufeff# a comment\nflask\n\nnumpy>=1.26 ; python_version > '3'  # why\n"
    (tmp_path / "all.txt").write_text(text, encoding="utf-8")
    found = read_requests(["rich", entry], tmp_path)
    assert found.requirements is not None
    assert str(found.requirements[0]) == "rich"
    assert len(found.requirements) == 3
    assert [len(goal.requirements) for goal in found.goals] == [1, 2]
    assert found.goals[1].name == "all.txt"


def test_files_are_relative_to_the_base_or_absolute(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("flask\n")
    for base, name in ((tmp_path, "a.txt"), (Path("/"), str(tmp_path / "a.txt"))):
        assert str((read_requests([f"-r {name}"], base).requirements or ("",))[0]) == "flask"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        pytest.param("flask=1", "'flask=1' is not a requirement", id="no requirement"),
        pytest.param("3.12", "is a version, not a project", id="a version"),
        pytest.param("../flask", "is not a requirement", id="a path"),
        pytest.param("-r nowhere.txt", "nowhere.txt: cannot be read: No such file", id="no file"),
        pytest.param("-r .", "cannot be read: Is a directory", id="a folder"),
        pytest.param("-r bad.txt", "bad.txt", id="a file with nonsense"),
        pytest.param("-r empty.txt", "empty.txt: contains no requirements", id="an empty file"),
        pytest.param("-r pyproject.toml", "dependencies is dynamic", id="what a build tells"),
        pytest.param("-r bare.txt", "bare.txt: --require-hashes: flask has no --hash", id="bare"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, entry: str, words: str) -> None:
    (tmp_path / "bad.txt").write_text("flask\n=== what ===\n")
    (tmp_path / "empty.txt").write_text("# nothing yet\n")
    (tmp_path / "pyproject.toml").write_text("[project]\ndynamic = ['dependencies']\n")
    (tmp_path / "bare.txt").write_text("--require-hashes\nflask==3\n")
    with pytest.raises(ConfigError) as caught:
        read_requests([entry], tmp_path)
    assert words in str(caught.value)


def test_packages_of_the_settings(tmp_path: Path) -> None:
    assert (
        requests_of(convert({"packages": "everything"}, "test"), tmp_path) == EVERYTHING_REQUESTED
    )


@pytest.mark.parametrize("settings", [{}, {"packages": []}, {"packages": ["-c limits.txt"]}])
def test_settings_that_request_nothing(tmp_path: Path, settings: dict[str, object]) -> None:
    """An empty list is not a way to delete everything."""
    (tmp_path / "limits.txt").write_text("six<2\n")
    with pytest.raises(ConfigError, match="nothing to mirror"):
        requests_of(convert(settings, "test"), tmp_path)
