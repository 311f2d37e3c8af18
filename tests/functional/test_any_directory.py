"""Any directory of distributions is a repository, whatever has filled it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.support.packages import build_sdist, build_wheel
from tests.support.programs import MicrorepoRunner

FOO = build_wheel("foo", "1.0", requires_dist=["bar"])
BAR = build_wheel("bar", "2.0")
OLD = build_sdist("baz", "0.1")
Fill = Callable[[MicrorepoRunner, Path, Path], object]


def by_hand(_: MicrorepoRunner, pile: Path, there: Path) -> None:
    shutil.copytree(pile, there, dirs_exist_ok=True)


def copied(run: MicrorepoRunner, pile: Path, there: Path) -> None:
    run("copy", "--source", pile, "--destination", there, "--all")


def adopted(run: MicrorepoRunner, pile: Path, there: Path) -> None:
    run("adopt", pile, "--repository", there)


def indexed(run: MicrorepoRunner, pile: Path, there: Path) -> None:
    shutil.copytree(pile, there)
    run("index", "--repository", there)


def indexed_in_part(run: MicrorepoRunner, pile: Path, there: Path) -> None:
    there.mkdir()
    shutil.copy(pile / BAR.filename, there)
    run("index", "--repository", there)
    by_hand(run, pile, there)


@pytest.fixture
def pile(tmp_path: Path) -> Path:
    directory = tmp_path / "pile"
    directory.mkdir()
    for file in (FOO, BAR, OLD):
        file.write_to(directory)
    (directory / "notes.txt").write_text("no distribution")
    return directory


@pytest.mark.parametrize("fill", [by_hand, copied, adopted, indexed, indexed_in_part])
def test_every_command_sees_every_file(
    fill: Fill, pile: Path, tmp_path: Path, run_microrepo: MicrorepoRunner
) -> None:
    there = tmp_path / "there"
    fill(run_microrepo, pile, there)
    names = sorted(file.filename for file in (FOO, BAR, OLD))
    listed = run_microrepo("list", "--repository", there, "--json")
    assert [row["filename"] for row in msgspec.json.decode(listed.stdout)] == names
    stats = run_microrepo("stats", "--repository", there, "--json")
    assert msgspec.json.decode(stats.stdout)["files"] == 3
    verified = run_microrepo("verify", "--deep", "--repository", there)
    assert verified.returncode == 0, verified.stdout
    checked = run_microrepo("check", "--repository", there, "foo")
    assert checked.returncode == 0, checked.stdout
    explained = run_microrepo("explain", "--repository", there, FOO.filename)
    assert FOO.filename in explained.stdout
    health = run_microrepo("health", "--repository", there, "--json")
    assert msgspec.json.decode(health.stdout)["files"] == 3


def test_what_is_missing_is_missing(
    pile: Path, tmp_path: Path, run_microrepo: MicrorepoRunner
) -> None:
    (pile / BAR.filename).unlink()
    done = run_microrepo("check", "--repository", pile, "foo")
    assert done.returncode == 3
    assert "bar" in done.stdout
    assert not (pile / ".microrepo").exists()
    done = run_microrepo("list", "--repository", tmp_path / "absent")
    assert done.returncode == 1
    assert "directory not found" in done.stderr
