"""Manifests of snapshots: names, ids, and what is said of damaged ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.errors import ConfigError, RepositoryError
from microrepo.operations.snapshot.snapshot_files import Snapshot, SnapshotFiles, checked_name
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject

SIX = ManifestProject("six", "six")
FILE = ManifestFile("six", "six-1.tar.gz", "1", 5, "a" * 64, yanked='has "sha256":"' + "b" * 64)


@pytest.fixture
def files(tmp_path: Path) -> SnapshotFiles:
    return SnapshotFiles(tmp_path)


def write(files: SnapshotFiles, name: str, *entries: ManifestProject | ManifestFile,
          created: str = "2026-01-01") -> Snapshot:  # fmt: skip
    return files.write(name, entries, lambda: {"left_out": 2}, created=created, run=3)


def test_what_is_written_is_listed_and_read(files: SnapshotFiles) -> None:
    made = write(files, "monthly", SIX, FILE)
    assert files.all() == [made]
    assert (made.files, made.size_bytes, made.left_out, made.run) == (1, 5, 2, 3)
    assert list(files.entries("monthly")) == [SIX, FILE]
    assert files.contents("monthly") == {"a" * 64}
    assert [path.name for path in files.path("monthly").parent.iterdir()] == ["monthly.jsonl"]


def test_a_repository_without_snapshots(files: SnapshotFiles) -> None:
    assert files.all() == []
    with pytest.raises(ConfigError, match="has none"):
        files.find("latest")


def test_names_for_a_snapshot(files: SnapshotFiles) -> None:
    old = write(files, "old", SIX)
    new = write(files, "new", SIX, FILE, created="2026-02-01")
    for text, meant in (("old", old), ("latest", new), (new.snapshot[:8], new), ("new", new)):
        assert files.find(text) == meant
    with pytest.raises(ConfigError, match=r"Did you mean old\?"):
        files.find("odl")
    with pytest.raises(ConfigError, match="`microrepo snapshot list` lists them"):
        files.find("something else")


def test_a_start_of_two_ids_is_refused(files: SnapshotFiles) -> None:
    made = [write(files, f"s{number}", SIX._replace(serial=number)) for number in range(2)]
    for one in made:
        assert files.find(one.snapshot) == one
    write(files, "same", SIX._replace(serial=0), created="2026-03-01")
    assert files.find(made[0].snapshot[:10]).name == "same"  # of equal ones the newest


@pytest.mark.parametrize(
    "name",
    ["", ".hidden", "-x", "a/b", "..", "a b", "ä", "a" * 101, "latest", "CURRENT", "a.", "0" * 64],
)
def test_names_that_a_snapshot_cannot_have(name: str) -> None:
    with pytest.raises(ConfigError):
        checked_name(name)


@pytest.mark.parametrize("name", ["2026-11", "before_upgrade", "a+b.c", "20261129"])
def test_names_that_it_can_have(name: str) -> None:
    assert checked_name(name) == name


def test_names_that_differ_only_in_case_are_taken(files: SnapshotFiles) -> None:
    write(files, "Monthly", SIX)
    assert files.name_taken("monthly") == "Monthly"
    assert files.name_taken("weekly") == ""


def test_damage_is_said(files: SnapshotFiles) -> None:
    write(files, "bits", SIX, FILE)
    write(files, "cut", SIX, FILE)
    write(files, "head", SIX, FILE)
    path = files.path("bits")
    path.write_bytes(path.read_bytes().replace(b'"size":5', b'"size":6'))
    path = files.path("cut")
    path.write_bytes(path.read_bytes()[:-9])
    files.path("head").write_bytes(b"\xff\xfe")
    for name in ("bits", "cut"):
        with pytest.raises(RepositoryError, match="the snapshot is damaged"):
            list(files.entries(name))
    problems = {one.name: one.problem for one in files.all()}
    assert problems["head"]
    with pytest.raises(RepositoryError, match="cannot be read"):
        files.find("head")


def test_nothing_is_seen_of_a_snapshot_that_failed(files: SnapshotFiles) -> None:
    def fail() -> dict[str, object]:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.write("monthly", [SIX], fail)
    assert files.all() == []
    files.path("x").with_name(".left").write_text("")
    files.clean()
    assert list(files.path("x").parent.iterdir()) == []


def test_a_view_goes_with_the_last_of_equal_snapshots(files: SnapshotFiles) -> None:
    one, two = write(files, "one", SIX), write(files, "two", SIX)
    files.view(one).mkdir()
    files.delete(one)
    assert files.view(two).is_dir()
    files.delete(two)
    assert not files.view(two).exists()
