"""Records of projects, from what sources answer and what the state knows."""

from __future__ import annotations

from typing import Any

import pytest

from microrepo.client import Client
from microrepo.config.schema import Config
from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.upstream.change_detection import Visit
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.operations.refresh.upstream.record_reader import RecordReader
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_rules import Rules
from microrepo.repositories.protocol import SourceSettings
from microrepo.selection.rules.policy import build_policy
from microrepo.state import FileRow, ProjectRow, pack
from microrepo.transfer.tasks import FetchProject, ProjectOutcome

FOO = NormalizedName("foo")
NOW = "2026-06-02T12:00:00.000000Z"
SOURCE = SourceSettings("simple", "https://index.example/simple/", name="index.example")


def no_client() -> Client:
    pytest.fail("one source needs no list")


def project(*versions: str, serial: int | None = 7, rejected: tuple[str, ...] = ()) -> Project:
    files = tuple(File(f"foo-{one}.zip", "u", one, "sdist", Digests("a" * 64)) for one in versions)
    return Project(FOO, "Foo", serial, files=files, versions=versions, rejected=rejected)


@pytest.fixture
def reader(holdings: Holdings, work: WorkContext) -> RecordReader:
    policy = build_policy(Config(), None)
    rules = Rules(policy, policy.fingerprint())
    return RecordReader(holdings.state, Sources([SOURCE], no_client), work, rules)


def remember(holdings: Holdings, document: bytes, **row: Any) -> None:
    with holdings.state.transaction():
        holdings.state.save_projects([ProjectRow(FOO, "Foo", **{"source": SOURCE.name, **row})])
        holdings.state.save_documents([(FOO, document)])


def read(reader: RecordReader, visit: Visit) -> list[Record]:
    return list(reader.read([visit], reader.ask([visit])))


def changed(document: Project, **more: Any) -> ProjectOutcome:
    return ProjectOutcome("foo", "changed", pack(document), source=SOURCE.name, **more)


def test_a_new_project(reader: RecordReader, workers: Any, work: WorkContext) -> None:
    workers.answer = lambda _: changed(project("1"), etag='"e"')
    (record,) = read(reader, Visit(FOO, True, 7))
    assert workers.tasks == [FetchProject("foo", None, 7, (0,))]
    assert (record.project, record.document, record.before) == (
        project("1"),
        pack(project("1")),
        None,
    )
    assert (record.row.etag, record.row.serial, record.row.checked_at) == ('"e"', 7, NOW)
    assert (record.is_new, work.report.fetched, work.report.asked) == (True, 1, 1)


def test_an_unchanged_project_is_read_from_the_state(
    holdings: Holdings, reader: RecordReader, workers: Any, work: WorkContext
) -> None:
    remember(holdings, pack(project("1")), etag='"e"')
    workers.answer = lambda _: ProjectOutcome("foo", "unchanged", etag='"e"', source=SOURCE.name)
    (record,) = read(reader, Visit(FOO, True, 7))
    assert workers.tasks[0].etag == '"e"'
    assert (record.project, record.document) == (project("1"), None)
    assert (work.report.fetched, work.report.unchanged) == (0, 1)


def test_nobody_is_asked_where_only_the_rules_changed(
    holdings: Holdings, reader: RecordReader, workers: Any
) -> None:
    remember(holdings, pack(project("1")), checked_at="2026-06-01T00:00:00.000000Z")
    (record,) = read(reader, Visit(FOO, ask=False))
    assert (workers.tasks, record.project) == ([], project("1"))
    assert record.row.checked_at == "2026-06-01T00:00:00.000000Z"
    assert record.is_new


@pytest.mark.parametrize("known", [False, True])
def test_a_project_that_the_source_does_not_know(
    holdings: Holdings, reader: RecordReader, workers: Any, work: WorkContext, known: bool
) -> None:
    if known:
        remember(holdings, pack(project("1")))
    workers.answer = lambda _: ProjectOutcome("foo", "missing", error="HTTP 404")
    assert read(reader, Visit(FOO, ask=True)) == []
    assert (reader.gone, work.report.failed) == ([FOO], [])
    assert [row.failures for row in holdings.state.projects([FOO]).values()] == [1] * known


def test_a_failed_answer_is_reported_and_remembered(
    holdings: Holdings, reader: RecordReader, workers: Any, work: WorkContext
) -> None:
    workers.answer = lambda _: ProjectOutcome("foo", "failed", error="HTTP 500", unreachable=True)
    assert read(reader, Visit(FOO, ask=True)) == []
    assert [failure.why for failure in work.report.failed] == ["HTTP 500"]
    assert (reader.gone, work.report.unreachable, work.report.exit_code()) == ([], 1, 1)
    assert holdings.state.projects([FOO])["foo"].error == "HTTP 500"


def test_a_dry_run_remembers_no_failure(
    holdings: Holdings, reader: RecordReader, workers: Any, work: WorkContext
) -> None:
    work.report.dry_run = True
    workers.answer = lambda _: ProjectOutcome("foo", "failed", error="HTTP 500")
    assert read(reader, Visit(FOO, ask=True)) == []
    assert holdings.state.projects([FOO]) == {}


def test_an_emptied_answer_is_doubted(
    holdings: Holdings, reader: RecordReader, workers: Any, work: WorkContext
) -> None:
    remember(holdings, pack(project("1")))
    row = FileRow("foo-1.zip", FOO, "1", "u", 4, Digests("a" * 64), True)
    with holdings.state.transaction():
        holdings.state.save_files([row])
    workers.answer = lambda _: changed(project(serial=8))
    (record,) = read(reader, Visit(FOO, True, 8))
    assert [file.filename for file in record.project.files] == ["foo-1.zip"]
    assert (record.row.doubted_at, record.row.complete, record.row.etag) == (NOW, False, None)
    assert [failure.what for failure in work.report.failed] == ["foo"]


def test_a_damaged_record_is_asked_for_by_the_next_run(
    holdings: Holdings, reader: RecordReader, work: WorkContext
) -> None:
    remember(holdings, b"\xff", etag='"e"', serial=7, complete=True)
    assert read(reader, Visit(FOO, ask=False)) == []
    row = holdings.state.projects([FOO])["foo"]
    assert (row.etag, row.serial, row.complete) == (None, None, False)
    assert [failure.what for failure in work.report.failed] == ["foo"]


def test_entries_that_cannot_be_used_are_named_once(
    reader: RecordReader, workers: Any, work: WorkContext
) -> None:
    workers.answer = lambda _: changed(project("1", rejected=("no name", "no url", "no size")))
    read(reader, Visit(FOO, ask=True))
    assert work.report.warnings == ["foo: an entry cannot be used: no name (and 2 more)"]


def test_a_project_that_changes_hands_is_warned_of(
    holdings: Holdings, work: WorkContext, workers: Any
) -> None:
    other = SourceSettings(
        "simple", "https://b.example/simple/", name="b.example", packages=("foo",)
    )
    policy = build_policy(Config(), None)
    sources = Sources([SOURCE, other], no_client)
    reader = RecordReader(holdings.state, sources, work, Rules(policy, policy.fingerprint()))
    remember(holdings, pack(project("1")), etag='"e"')
    workers.answer = lambda _: ProjectOutcome(
        "foo", "changed", pack(project("1", "2")), source="b.example"
    )
    (record,) = read(reader, Visit(FOO, ask=True))
    (task,) = workers.tasks
    assert (task.etag, task.sources) == (None, (1,))  # a validator of another source says nothing
    assert record.row.source == "b.example"
    assert work.report.warnings == ["foo: now comes from b.example instead of index.example"]
