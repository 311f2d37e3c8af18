"""Requires-Python from the wheels themselves, where a source does not announce it."""

from __future__ import annotations

from typing import Any

import pytest

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.model import Cause, Decision, Digests, File, NormalizedName, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.upstream.own_pythons import with_own_pythons
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.state import ProjectRow, unpack
from microrepo.transfer.download.remote_metadata import pack_metadata
from microrepo.transfer.tasks import FetchMetadata, MetadataOutcome

FOO = NormalizedName("foo")
OLD, NEW = "foo-1-py3-none-any.whl", "foo-2-py3-none-any.whl"


def record(*, silent: bool = True, python: str | None = None) -> Record:
    files = tuple(
        File(name, "u", name[4], "bdist_wheel", Digests(name[4] * 64), 5, requires_python=python)
        for name in (NEW, OLD)
    )
    project = Project(FOO, "Foo", files=files, silent_on_python=silent)
    return Record(project, ProjectRow(FOO, "Foo"), None, None)


def newest(project: Project) -> tuple[Decision, ...]:
    """Keep the newest release for Python 3.8."""
    fitting = [file for file in project.files if file.requires_python != ">=3.9"]
    return tuple(Decision(file, file in fitting[:1], Cause.SELECTED) for file in project.files)


def answer(task: FetchMetadata) -> MetadataOutcome:
    python = {OLD: ">=3.7", NEW: ">=3.9"}[task.filename]
    packed = pack_metadata(CoreMetadata("foo", task.filename[4], requires_python=python))
    return MetadataOutcome(task.filename, packed, fetched_bytes=9)


def test_the_release_that_takes_the_place_is_asked_about_too(
    holdings: Holdings, work: WorkContext, workers: Any
) -> None:
    workers.answer = answer
    (found,) = with_own_pythons(holdings, work, [record()], newest)
    assert [task.filename for task in workers.tasks] == [NEW, OLD]
    assert {file.filename: file.requires_python for file in found.project.files} == {
        NEW: ">=3.9",
        OLD: ">=3.7",
    }
    assert found.document is not None
    assert unpack(found.document).files == found.project.files
    assert work.report.metadata == 2


def test_what_was_read_once_is_not_asked_again(
    holdings: Holdings, work: WorkContext, workers: Any
) -> None:
    workers.answer = answer
    first = with_own_pythons(holdings, work, [record()], newest)
    workers.tasks.clear()
    assert with_own_pythons(holdings, work, [record()], newest) == first
    assert workers.tasks == []


@pytest.mark.parametrize("one", [record(silent=False), record(python=">=3.8")])
def test_what_is_announced_is_not_asked(
    holdings: Holdings, work: WorkContext, workers: Any, one: Record
) -> None:
    assert with_own_pythons(holdings, work, [one], newest) == [one]
    assert workers.tasks == []


def test_metadata_that_cannot_be_had_is_a_warning(
    holdings: Holdings, work: WorkContext, workers: Any
) -> None:
    workers.answer = lambda task: MetadataOutcome(task.filename, error="HTTP 500")
    (found,) = with_own_pythons(holdings, work, [record()], newest)
    assert [file.requires_python for file in found.project.files] == [None, None]
    assert work.report.warnings == [f"{NEW}: no metadata: HTTP 500"]


def test_a_dry_run_keeps_no_metadata(holdings: Holdings, work: WorkContext, workers: Any) -> None:
    work.report.dry_run = True
    workers.answer = answer
    with_own_pythons(holdings, work, [record()], newest)
    assert holdings.state.metadata([OLD, NEW]) == {}
