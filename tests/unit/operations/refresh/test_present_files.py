"""What a plan has to know of files: from the state, from the disk, from their content."""

from __future__ import annotations

import os
from typing import Any

import msgspec
import pytest

from microrepo.model import Cause, Decision, Digests, LocalFile, NormalizedName, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.present_files import find_present
from microrepo.operations.refresh.project_decisions import Looked
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.publish.links import Links
from microrepo.state import FileRow, Owner, ProjectRow
from microrepo.transfer.tasks import HashFile
from tests.support.packages import BuiltFile, build_wheel
from tests.support.upstream import Upstream, file_of

FOO = NormalizedName("foo")
WHEEL, OLD = build_wheel("foo", "2.0"), build_wheel("foo", "1.0")
SHA = Digests(sha256=WHEEL.sha256)


def looked(*kept: BuiltFile, rejected: tuple[BuiltFile, ...] = ()) -> Looked:
    decisions = [Decision(file_of(one), True, Cause.SELECTED) for one in kept]
    decisions += [Decision(file_of(one), False, Cause.SUPERSEDED) for one in rejected]
    files = tuple(one.file for one in decisions)
    record = Record(Project(FOO, "foo", files=files), ProjectRow(FOO, "foo"), None, None)
    return Looked(record, tuple(decisions))


def put(holdings: Holdings, content: bytes = WHEEL.content) -> int:
    path = holdings.directory.file(WHEEL.filename)
    path.write_bytes(content)
    return path.stat().st_mtime_ns


def row(mtime_ns: int, project: NormalizedName = FOO, **more: Any) -> FileRow:
    return FileRow(WHEEL.filename, project, "2.0", "u", WHEEL.size, SHA, True, mtime_ns, **more)


def find(
    holdings: Holdings, work: WorkContext, *rows: FileRow, of: Looked | None = None
) -> dict[str, LocalFile]:
    with holdings.state.transaction():
        holdings.state.save_files(rows)
    one = of or looked(WHEEL)
    recorded = {one.filename: one for one in holdings.state.files([FOO])}
    return find_present(holdings, work, [one], list(one.wanted()), recorded)


def test_a_file_that_is_nowhere(holdings: Holdings, work: WorkContext) -> None:
    assert find(holdings, work) == {WHEEL.filename: LocalFile(WHEEL.filename, None)}


def test_a_file_as_recorded_is_not_read(holdings: Holdings, work: WorkContext) -> None:
    mtime_ns = put(holdings)
    expected = LocalFile(WHEEL.filename, WHEEL.size, mtime_ns, True, SHA, "foo")
    assert find(holdings, work, row(mtime_ns)) == {WHEEL.filename: expected}


def test_a_file_with_another_time_is_read(
    holdings: Holdings, work: WorkContext, upstream: Upstream, workers: Any
) -> None:
    mtime_ns = put(holdings, b"x" * WHEEL.size)
    found = find(holdings, work, row(mtime_ns + 1))[WHEEL.filename]
    assert workers.tasks == [HashFile(WHEEL.filename, ("sha256",))]
    assert (found.recorded, found.project) == (True, "foo")
    assert found.digests.sha256 not in {None, WHEEL.sha256}


def test_a_recorded_file_that_is_gone(holdings: Holdings, work: WorkContext) -> None:
    expected = LocalFile(WHEEL.filename, None, recorded=True, project="foo")
    assert find(holdings, work, row(1)) == {WHEEL.filename: expected}


def test_a_file_of_another_project_is_named_as_its(holdings: Holdings, work: WorkContext) -> None:
    mtime_ns = put(holdings)
    found = find(holdings, work, row(mtime_ns, NormalizedName("other")))
    assert found[WHEEL.filename].project == "other"


def test_a_file_of_a_person_is_not_ours(
    holdings: Holdings, work: WorkContext, upstream: Upstream
) -> None:
    mtime_ns = put(holdings, b"of somebody")
    theirs = row(mtime_ns, owner=Owner.PERSON)
    theirs = msgspec.structs.replace(theirs, digests=Digests(sha256="0" * 64))
    assert not find(holdings, work, theirs)[WHEEL.filename].recorded


def test_damage_of_a_file_of_a_person_is_replaced_by_what_it_should_be(
    holdings: Holdings, work: WorkContext, upstream: Upstream
) -> None:
    """Its record and the source agree on the content: then the source's file may take its place."""
    put(holdings, b"damaged")
    os.utime(holdings.directory.file(WHEEL.filename), ns=(5, 5))
    found = find(holdings, work, row(7, owner=Owner.PERSON))
    assert (found[WHEEL.filename].recorded, found[WHEEL.filename].project) == (True, "foo")


def test_an_index_knows_files_by_its_pages(holdings: Holdings, work: WorkContext) -> None:
    put(holdings)
    index = Holdings(holdings.state, holdings.directory, Links(files=False))
    expected = LocalFile(WHEEL.filename, None, recorded=True, digests=SHA, project="foo")
    assert find(index, work, row(1)) == {WHEEL.filename: expected}


@pytest.mark.parametrize(
    ("was_lost", "content", "expected"),
    [(True, OLD.content, True), (True, b"another", False), (False, OLD.content, None)],
)
def test_after_a_lost_state_old_files_are_ours_if_the_source_vouches_for_them(
    holdings: Holdings,
    work: WorkContext,
    upstream: Upstream,
    was_lost: bool,
    content: bytes,
    expected: bool | None,
) -> None:
    holdings.directory.file(OLD.filename).write_bytes(content)
    holdings.state_was_lost = was_lost
    found = find(holdings, work, of=looked(WHEEL, rejected=(OLD,)))
    if expected:
        assert (found[OLD.filename].recorded, found[OLD.filename].project) == (True, "foo")
    else:
        assert OLD.filename not in found
