"""A repository of an older schema: it opens, keeps who owns what, and a refresh goes on."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.programs import CHECKOUT
from tests.support.repository import Repository

SCHEMA_3 = CHECKOUT / "tests/cases/schema_3.sql"
ADOPTED_NS = 1_700_000_000_000_000_000


@pytest.fixture
def files(repo: Repository, index: FakeIndex) -> dict[str, BuiltFile]:
    """The repository that `schema_3.sql` was written beside, and the index behind it."""
    index.serial = 2000  # beyond those on record
    alpha = build_wheel("alpha", "2.0", requires_dist=["dep"])
    dep, mirrored = build_wheel("dep", "1.0"), build_wheel("mirrored", "1.0")
    index.add("alpha", alpha)
    index.add("dep", dep)
    index.add("mirrored", mirrored)
    held = [alpha, dep, mirrored, build_wheel("mine", "1.0"), build_wheel("alpha", "0.5")]
    (repo.path / ".microrepo").mkdir(parents=True)
    place = repo.path / ".microrepo" / "state.db"
    text = SCHEMA_3.read_text(encoding="utf-8")
    for key, value in {"{source}": repo.source.rstrip("/"), "{repository}": str(repo.path)}.items():
        text = text.replace(key, value)
    connection = sqlite3.connect(place)
    connection.executescript(text)
    times = dict(connection.execute("SELECT filename, mtime_ns FROM files"))
    connection.close()
    for built in held:
        path = built.write_to(repo.path)
        os.utime(path, ns=(times[built.filename], times[built.filename]))
    repo.settings = (*("--processes", "2", "--min-free-space", "0"),
                     *("--environments", "cp311-manylinux_2_28_x86_64"))  # fmt: skip
    return {built.filename: built for built in held}


def distributions(repo: Repository) -> set[str]:
    return {name for name in repo.names() if name.endswith(".whl")}


def test_a_refresh_goes_on(repo: Repository, index: FakeIndex, files: dict[str, BuiltFile]) -> None:
    index.add("mirrored", build_wheel("mirrored", "2.0"))
    report = repo.refresh("--packages", "alpha,mirrored")
    assert (report.downloaded, report.deleted) == (1, 1)  # nothing but the new release
    left = {*files, "mirrored-2.0-py3-none-any.whl"} - {"mirrored-1.0-py3-none-any.whl"}
    assert distributions(repo) == left
    assert (repo.path / ".microrepo" / "state.db.schema3").is_file()


def test_what_a_person_put_there_stays_and_the_rest_goes(
    repo: Repository, files: dict[str, BuiltFile]
) -> None:
    repo.refresh("--packages", "alpha", "--max-deletes", "100%")
    assert distributions(repo) == set(files) - {"mirrored-1.0-py3-none-any.whl"}
    assert "licence withdrawn" in repo.do("history", "dep").stdout


@pytest.mark.parametrize(
    "command", [("list",), ("stats",), ("history",), ("explain", "alpha"), ("health",)]
)
def test_readers_leave_it_as_it_is(
    repo: Repository, files: dict[str, BuiltFile], command: tuple[str, ...]
) -> None:
    place: Path = repo.path / ".microrepo" / "state.db"
    before = place.read_bytes()
    assert repo.do(*command).stdout
    assert place.read_bytes() == before


def test_a_snapshot_of_it_is_restored(repo: Repository, files: dict[str, BuiltFile]) -> None:
    repo.do("snapshot", "list")
    repo.do("index")  # its metadata files are lost
    repo.do("snapshot", "create", "old")
    repo.do("delete", "alpha", "mirrored")
    repo.do("snapshot", "restore", "old", "--min-free-space", "0")
    assert distributions(repo) == set(files)
    found = dict(repo.query("SELECT filename, owner FROM files"))
    assert found["mine-1.0-py3-none-any.whl"] == "person"
    repo.do("verify", "--deep")
