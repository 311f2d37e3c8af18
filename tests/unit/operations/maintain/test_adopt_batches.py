"""Files of a tree on their way into the repository: linked, recorded, refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.maintain.adopt_batches import Adoption, Counts, counts_of
from microrepo.repositories.foreign.tree_layouts import recognise
from microrepo.state import FileRow, Owner
from tests.support.packages import build_wheel
from tests.unit.operations.conftest import Workers

FOO, FOO_2, BAR = build_wheel("foo", "1.0"), build_wheel("foo", "2.0"), build_wheel("bar", "1.0")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory of distributions, in folders."""
    for folder, built in (("a", FOO), ("b", FOO_2), ("b", BAR)):
        (tmp_path / "tree" / folder).mkdir(parents=True, exist_ok=True)
        built.write_to(tmp_path / "tree" / folder)
    return tmp_path / "tree"


def adopt(
    config: Config, holdings: Holdings, work: WorkContext, tree: Path, *, copy: bool = False
) -> Counts:
    adoption = Adoption(config, holdings, work, recognise(tree), copy=copy)
    adoption.carry_out()
    return adoption.counts


def rows(holdings: Holdings) -> dict[str, FileRow]:
    return {row.filename: row for row in holdings.state.files()}


def failed(work: WorkContext) -> list[str]:
    return [Path(failure.what).name for failure in work.report.failed]


def test_files_are_linked_and_recorded(
    config: Config, holdings: Holdings, work: WorkContext, tree: Path
) -> None:
    counts = adopt(config, holdings, work, tree)
    assert (counts.found, counts.linked, counts.copied, counts.recorded) == (3, 3, 0, 0)
    assert counts.linked_bytes == counts.found_bytes == FOO.size + FOO_2.size + BAR.size
    assert holdings.directory.file(FOO.filename).samefile(tree / "a" / FOO.filename)
    found = rows(holdings)[FOO.filename]
    assert (found.present, found.owner, found.digests.sha256) == (True, Owner.PERSON, FOO.sha256)
    (change,) = holdings.state.history("bar")
    assert change.action == "adopt"


def test_what_is_taken_already_is_not_read_again(
    config: Config, holdings: Holdings, work: WorkContext, tree: Path
) -> None:
    adopt(config, holdings, work, tree)
    counts = adopt(config, holdings, work, tree)
    assert (counts.already, counts.linked, counts.recorded) == (3, 0, 0)


def test_a_file_in_its_place_is_only_recorded(
    config: Config, holdings: Holdings, work: WorkContext, tree: Path
) -> None:
    os.link(tree / "a" / FOO.filename, holdings.directory.file(FOO.filename))
    counts = adopt(config, holdings, work, tree)
    assert (counts.recorded, counts.linked) == (1, 2)


def test_other_content_under_the_name_is_a_conflict(
    config: Config, holdings: Holdings, work: WorkContext, tree: Path
) -> None:
    holdings.directory.file(FOO.filename).write_bytes(b"mine")
    counts = adopt(config, holdings, work, tree)
    assert [failure.what for failure in work.report.conflicts] == [FOO.filename]
    assert counts.linked == 2
    assert holdings.directory.file(FOO.filename).read_bytes() == b"mine"
    assert FOO.filename not in rows(holdings)


def test_damaged_files_are_left_and_named(
    config: Config, holdings: Holdings, work: WorkContext, tree: Path
) -> None:
    (tree / "a" / FOO.filename).write_bytes(FOO.content[:-10])
    adopt(config, holdings, work, tree)
    assert failed(work) == [FOO.filename]
    assert set(rows(holdings)) == {FOO_2.filename, BAR.filename}


def test_damage_in_the_repository_itself_is_remembered(
    config: Config, holdings: Holdings, work: WorkContext
) -> None:
    path = FOO.write_to(holdings.directory.path)
    Path(f"{path}.hash").write_text(f"sha256={'0' * 64}")
    adopt(config, holdings, work, holdings.directory.path)
    assert failed(work) == [FOO.filename]
    (found,) = holdings.state.publication.found(["foo"])
    assert (found.filename, found.file.digests.sha256) == (FOO.filename, "0" * 64)


def test_twins_with_other_content_are_left(
    config: Config, holdings: Holdings, work: WorkContext, tree: Path
) -> None:
    twin = build_wheel("foo", "1.0", summary="another")
    twin.write_to(tree / "b")
    adopt(config, holdings, work, tree)
    assert [failure.what for failure in work.report.conflicts] == [FOO.filename]
    assert FOO.filename not in rows(holdings)


def test_a_dry_run_changes_nothing(
    config: Config, holdings: Holdings, work: WorkContext, tree: Path
) -> None:
    work.report.dry_run = True
    counts = adopt(config, holdings, work, tree)
    planned = {action.filename for action in work.report.plan}
    assert (counts.linked, planned) == (3, {FOO.filename, FOO_2.filename, BAR.filename})
    assert (rows(holdings), list(holdings.directory.scan())) == ({}, [])


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A tree on another file system; skips where there is none."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is only one file system to write to")
    place = shared / f"microrepo-{os.getpid()}-{tmp_path.name}"
    place.mkdir()
    FOO.write_to(place)
    return place


def test_another_file_system_asks_for_copies(
    config: Config, holdings: Holdings, work: WorkContext, workers: Workers, elsewhere: Path
) -> None:
    try:
        adopt(config, holdings, work, elsewhere)
        assert "--copy" in work.report.refused
        assert rows(holdings) == {}
    finally:
        (elsewhere / FOO.filename).unlink()
        elsewhere.rmdir()


@pytest.mark.parametrize(
    ("present", "copied", "expected"),
    [(set(), False, (2, 7, 0, 0)), (set(), True, (2, 7, 2, 0)), ({"a"}, True, (1, 4, 1, 1))],
)
def test_counts(present: set[str], copied: bool, expected: tuple[int, int, int, int]) -> None:
    counts = Counts(found=2) + counts_of([("a", 3), ("b", 4)], present, copied=copied)
    assert counts.found == 2
    assert (counts.linked, counts.linked_bytes, counts.copied, counts.recorded) == expected
