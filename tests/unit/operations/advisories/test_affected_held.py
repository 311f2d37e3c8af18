"""Held releases that advisories affect: which, why, and which goals need them."""

from __future__ import annotations

import io

import pytest

from microrepo.formats.advisories.index_building import build_index
from microrepo.formats.advisories.known_advisories import KnownAdvisories
from microrepo.model import Digests, NormalizedName
from microrepo.operations.advisories.affected_held import (
    affected_held,
    affected_rows,
    held_versions,
)
from microrepo.operations.advisories.kept_advisories import known_from
from microrepo.operations.apply.holdings import Holdings
from microrepo.state import FileRow, ProjectRow, Requirer
from tests.support.advisories import osv_archive, osv_record


@pytest.fixture
def known() -> KnownAdvisories:
    records = [
        osv_record("MAL-1", "foo", introduced="", versions=["2"]),
        osv_record("PYSEC-1", "foo", fixed="10"),
        osv_record("PYSEC-2", "other"),
    ]
    return known_from(build_index(io.BytesIO(osv_archive(records)), "x", "").content)


def row(name: str, version: str, *, present: bool = True) -> FileRow:
    filename = f"{name}-{version}.zip"
    return FileRow(filename, NormalizedName(name), version, "u", 4, Digests("a" * 64), present)


ROWS = [row("foo", "9"), row("foo", "2"), row("foo", "10"), row("bar", "1")]
ROWS.append(row("foo", "3", present=False))


@pytest.fixture
def held(holdings: Holdings) -> Holdings:
    with holdings.state.transaction():
        holdings.state.save_projects(ProjectRow(one.project, one.project) for one in ROWS)
        holdings.state.save_files(ROWS)
        goals = [f"goal{number}" for number in range(8)]
        needs = [Requirer("foo-2.zip", "e", "foo", "", goal) for goal in goals]
        holdings.state.save_requirers(needs, replace=True)
    return holdings


def test_malware_and_vulnerabilities_are_told_apart(held: Holdings, known: KnownAdvisories) -> None:
    (evil,) = affected_held(held, known, malware=True)
    assert (evil.version, [one.id for one in evil.advisories]) == ("2", ["MAL-1"])
    assert [one.version for one in affected_held(held, known, malware=False)] == ["2", "9"]


def test_goals_are_named(held: Holdings, known: KnownAdvisories) -> None:
    (evil,) = affected_held(held, known, malware=True)
    assert evil.text() == ("foo 2: MAL-1; needed by goal0, goal1, goal2, goal3, goal4 and 3 more")
    _, flawed = affected_held(held, known, malware=False)
    assert flawed.text() == "foo 9: PYSEC-1, fixed in 10"


def test_rows_by_release(known: KnownAdvisories) -> None:
    other = FileRow("foo-9.whl", NormalizedName("foo"), "9", "u", 4, Digests("b" * 64), True)
    found = [(len(rows), rows[0].version) for rows, _ in affected_rows([*ROWS, other], known)]
    assert found == [(1, "2"), (1, "3"), (2, "9")]


def test_held_versions_of_projects_with_advisories(held: Holdings, known: KnownAdvisories) -> None:
    assert {
        name: sorted(found)
        for name, found in held_versions(held.state, known, all_rows=False).items()
    } == {"foo": ["10", "2", "9"]}
    (every,) = held_versions(held.state, known, all_rows=True).values()
    assert sorted(every) == ["10", "2", "3", "9"]
