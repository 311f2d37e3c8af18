"""The end of a run as a value, and its exit code."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest

from microrepo.model import Outcome
from microrepo.operations.records.report import Failure, Report, ReportBuilder
from microrepo.plan import Totals


def builder() -> ReportBuilder:
    return ReportBuilder("refresh", "/srv/python", "2026-05-31T12:00:00.000000Z")


def fails(report: ReportBuilder) -> None:
    report.failed.append(Failure("foo", "gone"))


def misses(report: ReportBuilder) -> None:
    report.missing.append("foo")


def conflicts(report: ReportBuilder) -> None:
    report.conflicts.append(Failure("foo", "other"))


def waits(report: ReportBuilder) -> None:
    report.waiting += 1


def refuses(report: ReportBuilder) -> None:
    report.refused = "too many deletions"


@pytest.mark.parametrize(
    ("events", "code"),
    [
        pytest.param([], 0, id="all done"),
        pytest.param([fails], 3, id="a file failed"),
        pytest.param([misses], 3, id="a project does not exist"),
        pytest.param([conflicts], 3, id="a conflict"),
        pytest.param([waits], 3, id="a failing project waits"),
        pytest.param([refuses], 1, id="refused"),
        pytest.param([fails, refuses], 1, id="refused after failures"),
    ],
)
def test_exit_code(events: list[Callable[[ReportBuilder], None]], code: int) -> None:
    report = builder()
    for event in events:
        event(report)
    assert report.build().exit_code == code


def test_outcomes_are_counted() -> None:
    report = builder()
    report.add_outcome(Outcome("a", ok=True, size_bytes=10, fetched_bytes=12, resumed=True))
    report.add_outcome(Outcome("b", ok=False, fetched_bytes=5, error="b: gone"))
    built = report.build()
    assert (built.downloaded, built.downloaded_bytes) == (1, 10)
    assert (built.received_bytes, built.resumed) == (17, 1)
    assert built.failed == (Failure("b", "b: gone"),)


def test_metadata_counts_as_received() -> None:
    report = builder()
    report.add_metadata(7)
    assert (report.build().received_bytes, report.metadata) == (7, 1)


def test_adopted_files_come_from_the_plan() -> None:
    report = builder()
    report.totals += Totals(adopt=3)
    assert report.build().adopted == 3


def test_warnings_are_said_once_and_rules_in_order() -> None:
    report = builder()
    report.warnings += ["b", "a", "b"]
    report.rejected.update({"yanked": 2, "excluded": 1})
    report.seconds = 1.23456
    built = report.build()
    assert built.warnings == ("b", "a")
    assert list(built.rejected.items()) == [("excluded", 1), ("yanked", 2)]
    assert built.seconds == pytest.approx(1.235)


def test_report_is_json() -> None:
    built = builder().build()
    encoded = msgspec.json.encode(built)
    assert json.loads(encoded)["exit_code"] == 0
    assert msgspec.json.decode(encoded, type=Report) == built
