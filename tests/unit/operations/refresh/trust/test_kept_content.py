"""Held files stay on record when a source lists other content under their names."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from microrepo.model import Digests, File, NormalizedName, Outcome, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.trust.kept_content import with_kept_content
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.operations.run.run_rules import Rules
from microrepo.selection.rules.policy import Policy
from microrepo.state import FileRow, ProjectRow, unpack
from microrepo.state.rows import Owner, pack
from microrepo.transfer.tasks import HashFile

FOO = NormalizedName("foo")
OLD, NEW = "a" * 64, "b" * 64
REFUSING = Rules(Policy(), "", refuses_substitutes=True)
HELD = FileRow("foo-1.zip", FOO, "1", "https://i.example/1", 3, Digests(OLD), present=True)


def record(*digests: Digests) -> Record:
    files = [
        File(f"foo-{number}.zip", "https://i.example/now", str(number), "sdist", one)
        for number, one in enumerate(digests, 1)
    ]
    project = Project(FOO, "Foo", serial=7, files=tuple(files))
    row = ProjectRow(FOO, "Foo", serial=7, etag='"e"')
    return Record(project, row, pack(project), None)


@pytest.fixture
def held(holdings: Holdings) -> FileRow:
    with holdings.state.transaction():
        holdings.state.save_files([HELD])
    return HELD


@pytest.mark.usefixtures("held")
def test_a_refused_file(holdings: Holdings, work: WorkContext) -> None:
    (found,) = with_kept_content(
        holdings.state, work, [record(Digests(NEW), Digests(NEW))], REFUSING
    )
    assert [file.digests.sha256 for file in found.project.files] == [OLD, NEW]
    assert unpack(found.document or b"") == found.project
    assert (found.row.serial, found.row.etag, found.is_substituted) == (None, None, True)
    (conflict,) = work.report.conflicts
    assert conflict.what == "foo-1.zip"
    assert f"{OLD} before, {NEW} now" in conflict.why
    assert work.report.exit_code() == 3


@pytest.mark.usefixtures("held")
def test_a_reported_file(holdings: Holdings, work: WorkContext) -> None:
    records = [record(Digests(NEW))]
    rules = msgspec.structs.replace(REFUSING, refuses_substitutes=False)
    assert with_kept_content(holdings.state, work, records, rules) == records
    assert work.report.replaced == [f"foo-1.zip: sha256 {OLD} before, {NEW} now"]
    assert work.report.exit_code() == 0


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("computed", ["c", "d"])
def test_a_source_that_lists_another_kind_of_digest(
    holdings: Holdings, work: WorkContext, workers: Any, computed: str
) -> None:
    """The file is read: otherwise such a source could replace it."""
    workers.answer = lambda task: Outcome(
        task.filename, ok=True, digests=Digests(sha512=computed), size_bytes=3
    )
    (found,) = with_kept_content(holdings.state, work, [record(Digests(sha512="c"))], REFUSING)
    assert workers.tasks == [HashFile("foo-1.zip", ("sha512",))]
    assert found.is_substituted == (computed == "d")


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(msgspec.structs.replace(HELD, present=False), id="only listed"),
        pytest.param(msgspec.structs.replace(HELD, owner=Owner.PERSON), id="of a person"),
        pytest.param(msgspec.structs.replace(HELD, filename="foo-9.zip"), id="another file"),
        pytest.param(msgspec.structs.replace(HELD, digests=Digests(NEW)), id="the same content"),
    ],
)
def test_files_that_do_not_count(holdings: Holdings, work: WorkContext, row: FileRow) -> None:
    with holdings.state.transaction():
        holdings.state.save_files([row])
    records = [record(Digests(NEW))]
    assert with_kept_content(holdings.state, work, records, REFUSING) == records
    assert work.report.conflicts == []
