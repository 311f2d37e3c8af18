"""Commands that are pointed at nothing say so; mostly, a path or a filter has a mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.packages import build_wheel
from tests.support.programs import MicrorepoRunner

SIX = build_wheel("six", "1.0")


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["copy", "--source", "{empty}", "--destination", "{there}", "--all"], 1),
        (["copy", "--source", "{empty}", "--destination", "{there}", "--all", "--dry-run"], 1),
        (["push", "{there}", "--repository", "{empty}"], 1),
        (["adopt", "{empty}", "--repository", "{there}"], 1),
        (["refresh", "--source", "{empty}", "--repository", "{there}", "--packages=everything"], 1),
        (["verify", "--repository", "{empty}"], 1),
        (["verify", "--deep", "--repair", "--repository", "{empty}"], 1),
        (["check", "--repository", "{empty}"], 3),
        (["delete", "--repository", "{empty}", "six"], 3),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else str(value),
)
def test_an_empty_directory(
    empty: Path, tmp_path: Path, run_microrepo: MicrorepoRunner, words: list[str], code: int
) -> None:
    there = tmp_path / "there"
    done = run_microrepo(*(word.format(empty=empty, there=there) for word in words))
    said = done.stdout + done.stderr
    assert (done.returncode, "Traceback" in said) == (code, False), said
    assert "contains no distributions" in said or code == 3, said
    assert not (there / "simple").exists()


def test_an_empty_index_is_written_and_named(empty: Path, run_microrepo: MicrorepoRunner) -> None:
    done = run_microrepo("index", "--repository", empty)
    assert done.returncode == 0
    assert "warning" in done.stderr
    assert "contains no distributions" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        *(["index"], ["prune", "--packages", "six"], ["prune", "--dry-run", "--packages", "six"]),
        *(["delete", "six"], ["verify"], ["check"], ["list"], ["explain", "six"], ["health"]),
    ],
)
def test_a_directory_that_does_not_exist_is_not_created(
    tmp_path: Path, run_microrepo: MicrorepoRunner, words: list[str]
) -> None:
    done = run_microrepo(*words, "--repository", tmp_path / "typo")
    assert (done.returncode, "directory not found" in done.stderr) == (1, True), done.stderr
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize(
    "filters", [["--exclude", "six"], ["--package-types", "sdist"], ["--max-file-size", "1 B"]]
)
def test_a_copy_of_which_the_filters_leave_nothing(
    empty: Path, tmp_path: Path, run_microrepo: MicrorepoRunner, filters: list[str]
) -> None:
    SIX.write_to(empty)
    ends = ["copy", "--source", str(empty), "--destination", str(tmp_path / "there"), "--all"]
    done = run_microrepo(*ends, *filters)
    assert (done.returncode, "no file to copy" in done.stdout) == (3, True), done.stdout
    for _ in range(2):  # the second time, everything is there
        assert run_microrepo(*ends).returncode == 0


@pytest.mark.parametrize("packages", [[], ["-c limits.txt"]])
def test_empty_packages_are_no_order_to_delete(
    tmp_path: Path, run_microrepo: MicrorepoRunner, packages: list[str]
) -> None:
    SIX.write_to(tmp_path)
    (tmp_path / "limits.txt").write_text("six<2\n")
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"repository": str(tmp_path), "packages": packages}))
    for command in ("refresh", "prune"):
        done = run_microrepo(command, "--config", config)
        assert (done.returncode, "nothing to mirror" in done.stderr) == (2, True), done.stderr
    assert (tmp_path / SIX.filename).exists()
