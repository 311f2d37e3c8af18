"""What the state holds of a batch, before its files arrive and after."""

from __future__ import annotations

import msgspec
import pytest

from microrepo.model import (
    Action,
    ActionKind,
    Cause,
    Digests,
    File,
    LocalFile,
    NormalizedName,
    Project,
)
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.batch_records import BatchRecords
from microrepo.operations.refresh.project_decisions import Looked
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.publish.links import Links
from microrepo.state import FileRow, ProjectRow, pack
from microrepo.state.file_rows import Origin

FOO = NormalizedName("foo")
NAME = "foo-1.zip"
FILE = File(NAME, "https://files.example/foo-1.zip", "1", "sdist", Digests("a" * 64), 4)
ORIGINS = {NAME: Origin(Cause.REQUIRED, "bar")}
KNOWN = FileRow(NAME, FOO, "1", FILE.url, 4, FILE.digests, True, 5, Cause.REQUIRED, "bar")


def looked(
    row: ProjectRow, document: bytes | None = None, before: ProjectRow | None = None
) -> Looked:
    return Looked(Record(Project(FOO, "Foo", files=(FILE,)), row, document, before), ())


def action(kind: ActionKind) -> Action:
    return Action(kind, NAME, FOO, Cause.REQUIRED, FILE, "bar", 4)


def record(
    holdings: Holdings,
    work: WorkContext,
    kind: ActionKind,
    local: LocalFile,
    recorded: FileRow | None = None,
) -> frozenset[str]:
    row = ProjectRow(FOO, "Foo", policy="p")
    rows = {} if recorded is None else {NAME: recorded}
    with holdings.state.transaction():
        holdings.state.save_projects([row])
        holdings.state.save_files(rows.values())
    return BatchRecords(holdings, work).record_plan(
        [looked(row, before=row)], [action(kind)], {NAME: local}, rows, ORIGINS
    )


def test_a_download_is_absent_until_it_has_arrived(holdings: Holdings, work: WorkContext) -> None:
    changed = record(holdings, work, ActionKind.DOWNLOAD, LocalFile(NAME, None))
    assert changed == {"foo"}
    (row,) = holdings.state.files([FOO])
    assert row == msgspec.structs.replace(KNOWN, present=False, mtime_ns=0)
    assert not list(holdings.state.history("foo"))


def test_a_download_over_a_file_of_ours_leaves_its_row(
    holdings: Holdings, work: WorkContext
) -> None:
    record(holdings, work, ActionKind.DOWNLOAD, LocalFile(NAME, 4, 6, True), KNOWN)
    assert list(holdings.state.files([FOO])) == [KNOWN]


def test_a_file_in_its_place_is_recorded_at_once(holdings: Holdings, work: WorkContext) -> None:
    local = LocalFile(NAME, 4, 5, digests=FILE.digests)
    assert record(holdings, work, ActionKind.ADOPT, local) == {"foo"}
    assert list(holdings.state.files([FOO])) == [KNOWN]
    assert [entry.action for entry in holdings.state.history("foo")] == ["adopt"]


def test_a_kept_file_changes_nothing(holdings: Holdings, work: WorkContext) -> None:
    local = LocalFile(NAME, 4, 5, True, FILE.digests, FOO)
    assert record(holdings, work, ActionKind.KEEP, local, KNOWN) == frozenset()
    assert list(holdings.state.files([FOO])) == [KNOWN]
    assert list(holdings.state.history("foo")) == []


@pytest.mark.parametrize(
    ("document", "before", "new"),
    [
        (None, ProjectRow(FOO, "Foo", policy="p"), False),
        (None, ProjectRow(FOO, "Foo", policy="q"), True),
        (pack(Project(FOO, "Foo")), ProjectRow(FOO, "Foo", policy="p"), True),
        (None, None, True),
    ],
)
def test_a_new_record_or_new_rules_change_a_project(
    holdings: Holdings,
    work: WorkContext,
    document: bytes | None,
    before: ProjectRow | None,
    new: bool,
) -> None:
    one = looked(ProjectRow(FOO, "Foo", policy="p"), document, before)
    changed = BatchRecords(holdings, work).record_plan([one], [], {}, {}, {})
    assert changed == ({"foo"} if new else frozenset())
    assert (holdings.state.packed_documents([FOO]) != {}) == (document is not None)


def test_an_index_forgets_what_it_no_longer_lists(holdings: Holdings, work: WorkContext) -> None:
    index = Holdings(holdings.state, holdings.directory, Links(files=False))
    gone = msgspec.structs.replace(KNOWN, filename="foo-0.zip", present=False)
    with holdings.state.transaction():
        holdings.state.save_files([gone])
    one = looked(ProjectRow(FOO, "Foo"))
    BatchRecords(holdings, work).record_plan([one], [], {}, {"foo-0.zip": gone}, {})
    assert list(holdings.state.files([FOO])) == []
    BatchRecords(index, work).record_plan([one], [action(ActionKind.INDEX)], {}, {}, ORIGINS)
    (row,) = holdings.state.files([FOO])
    assert (row.filename, row.url, row.cause, row.present) == (
        NAME,
        FILE.url,
        Cause.REQUIRED,
        False,
    )


@pytest.mark.parametrize(
    ("failed", "shrinking", "doubted", "complete", "failures"),
    [
        (False, False, None, True, 0),
        (True, False, None, False, 3),
        (False, True, None, False, 0),
        (True, False, "2026-06-01T00:00:00.000000Z", False, 2),
    ],
)
def test_what_becomes_of_projects(
    holdings: Holdings,
    work: WorkContext,
    failed: bool,
    shrinking: bool,
    doubted: str | None,
    complete: bool,
    failures: int,
) -> None:
    row = ProjectRow(FOO, "Foo", failures=2, doubted_at=doubted)
    names = {"foo"}
    BatchRecords(holdings, work).finish_projects(
        [looked(row)], names if failed else set(), names if shrinking else set()
    )
    found = holdings.state.projects([FOO])["foo"]
    assert (found.complete, found.failures) == (complete, failures)
