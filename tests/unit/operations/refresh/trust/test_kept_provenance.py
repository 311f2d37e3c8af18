"""Provenance objects of the files in a repository."""

from __future__ import annotations

import os
from typing import Any

import pytest

from microrepo.model import Cause, Decision, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.project_decisions import Looked
from microrepo.operations.refresh.trust.kept_provenance import keep_provenance
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.state import ProjectRow
from microrepo.transfer.tasks import FetchProvenance, ProvenanceOutcome
from tests.support.packages import build_wheel
from tests.support.upstream import file_of
from tests.unit.operations.refresh.trust.test_release_evidence import FOO

WHEEL = build_wheel("foo", "1.0")
URL = "https://i.example/p"


def looked(*, keep: bool = True, attested: bool = True) -> Looked:
    file = file_of(WHEEL, provenance=URL if attested else None)
    record = Record(Project(FOO, "Foo", files=(file,)), ProjectRow(FOO, "Foo"), None, None)
    return Looked(record, (Decision(file, keep, Cause.SELECTED),))


@pytest.fixture
def wheel(holdings: Holdings) -> str:
    path = WHEEL.write_to(holdings.directory.path)
    return str(path)


def test_a_missing_object_is_asked_for(
    holdings: Holdings, work: WorkContext, workers: Any, wheel: str
) -> None:
    workers.answer = lambda task: ProvenanceOutcome(task.filename, fetched_bytes=7)
    assert keep_provenance(holdings, work, [looked()]) == set()
    expected = FetchProvenance(WHEEL.filename, URL, WHEEL.sha256, keep=True)
    assert workers.tasks == [expected]
    assert work.report.received_bytes == 7
    assert wheel


def test_a_failure_is_reported_and_leaves_the_project_open(
    holdings: Holdings, work: WorkContext, workers: Any, wheel: str
) -> None:
    workers.answer = lambda task: ProvenanceOutcome(task.filename, error="answers HTTP 503")
    assert keep_provenance(holdings, work, [looked()]) == {"foo"}
    assert [one.what for one in work.report.failed] == [f"{WHEEL.filename}.provenance"]
    assert wheel


@pytest.mark.parametrize("case", ["not kept", "not attested", "not there", "complete"])
def test_nothing_else_is_asked_for(
    holdings: Holdings, work: WorkContext, workers: Any, case: str
) -> None:
    if case != "not there":
        path = WHEEL.write_to(holdings.directory.path)
        if case == "complete":
            beside = path.with_name(f"{path.name}.provenance")
            beside.write_bytes(b"{}")
            os.utime(beside, ns=(path.stat().st_mtime_ns,) * 2)
    one = looked(keep=case != "not kept", attested=case != "not attested")
    assert keep_provenance(holdings, work, [one]) == set()
    assert workers.tasks == []


def test_an_object_of_another_time_is_asked_for_again(
    holdings: Holdings, work: WorkContext, workers: Any, wheel: str
) -> None:
    with open(f"{wheel}.provenance", "wb") as stream:
        stream.write(b"{}")
    os.utime(f"{wheel}.provenance", ns=(1, 1))
    workers.answer = lambda task: ProvenanceOutcome(task.filename)
    keep_provenance(holdings, work, [looked()])
    assert len(workers.tasks) == 1
