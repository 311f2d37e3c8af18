"""What the state keeps of adopted files: the projects of a mirror, or what a person put there."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.model import Cause, NormalizedName, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.maintain.adopt_records import AdoptRecords, project_of
from microrepo.plan import Wanted
from microrepo.repositories.foreign.tree_layouts import Layout
from microrepo.state import FileRow, Owner, ProjectRow
from microrepo.state.file_rows import Origin
from tests.support.packages import build_wheel
from tests.support.upstream import file_of

FOO = NormalizedName("foo")
FILE = file_of(build_wheel("foo", "1.0"))
ROW = FileRow(FILE.filename, FOO, "1.0", FILE.url, FILE.size, FILE.digests, True, 5)


def save(holdings: Holdings, *, mirror: bool, record: Project | None = None) -> AdoptRecords:
    place = Path("/tree")
    layout = Layout("a program", place, place, place, (), is_mirror=mirror)
    records = AdoptRecords(holdings.state, layout, {FOO: record}, [Wanted(FOO, FILE)])
    with holdings.state.transaction():
        holdings.state.save_files([ROW])
        records.save([ROW])
    assert records.rows == [ROW]
    return records


def test_files_of_a_mirror_are_decided_on_by_the_next_refresh(holdings: Holdings) -> None:
    record = Project(FOO, "Foo", status="archived", files=(FILE,), versions=("1.0",))
    records = save(holdings, mirror=True, record=record)
    assert records.origin == Origin(Cause.ADOPTED, "a program", Owner.MIRROR)
    row = holdings.state.projects([FOO])[FOO]
    assert (row.display_name, row.status, row.complete) == ("Foo", "archived", False)
    assert holdings.state.documents([FOO])[FOO] == record


def test_a_mirror_without_a_record_gets_one_of_its_files(holdings: Holdings) -> None:
    save(holdings, mirror=True)
    assert holdings.state.documents([FOO])[FOO] == project_of(FOO, [FILE])
    assert project_of(FOO, [FILE, FILE]).versions == ("1.0",)


def test_a_known_project_keeps_its_record(holdings: Holdings) -> None:
    with holdings.state.transaction():
        holdings.state.save_projects([ProjectRow(FOO, "Known", serial=7, complete=True)])
    save(holdings, mirror=True)
    row = holdings.state.projects([FOO])[FOO]
    assert (row.display_name, row.serial, row.complete) == ("Known", 7, False)
    assert holdings.state.documents([FOO]) == {}


def test_files_of_a_person_are_found_not_listed(holdings: Holdings) -> None:
    records = save(holdings, mirror=False)
    assert records.origin == Origin(Cause.ADOPTED, "", Owner.PERSON)
    assert holdings.state.projects([FOO]) == {}
    (found,) = holdings.state.publication.found([FOO])
    assert (found.filename, found.size, found.mtime_ns) == (FILE.filename, FILE.size, 5)
    assert found.file == FILE


@pytest.mark.parametrize("mirror", [False, True])
def test_nothing_to_save(holdings: Holdings, mirror: bool) -> None:
    place = Path("/tree")
    layout = Layout("a program", place, place, place, (), is_mirror=mirror)
    records = AdoptRecords(holdings.state, layout, {}, [])
    with holdings.state.transaction():
        records.save([])
    assert list(holdings.state.iter_known()) == []
