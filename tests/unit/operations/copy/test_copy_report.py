"""What a copy says it did."""

from __future__ import annotations

from microrepo.model import Outcome
from microrepo.operations.copy.copy_report import copy_report
from microrepo.operations.copy.endpoints import Endpoints
from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.plan import Totals
from microrepo.repositories.protocol import DestinationSettings, SourceSettings
from tests.unit.operations.conftest import NOW

ENDPOINTS = Endpoints(
    SourceSettings("simple", "https://i.example/", name="from"),
    DestinationSettings("directory", "/to", name="to"),
)


def test_a_report_tells_files_bytes_and_the_exit_code() -> None:
    report = ReportBuilder("copy", "to", NOW)
    report.projects, report.totals = 2, Totals(download=2, adopt=1)
    report.rejected.update({"b": 1, "a": 2})
    report.add_outcome(Outcome("a.whl", True, 7, reused_bytes=3))
    report.add_outcome(Outcome("b.whl", True, status="present"))
    report.seconds = 1.23456
    found = copy_report(report, ENDPOINTS)
    assert (found.source, found.destination, found.operation) == ("from", "to", "copy")
    assert (found.copied, found.copied_bytes, found.reused_bytes, found.already) == (1, 7, 3, 1)
    assert (found.totals.adopt, found.projects, list(found.rejected)) == (1, 2, ["a", "b"])
    assert (found.seconds, found.exit_code) == (1.235, 0)


def test_what_went_wrong_is_told_by_its_kind() -> None:
    report = ReportBuilder("copy", "to", NOW)
    report.add_outcome(Outcome("a.whl", False, error="HTTP 500"))
    report.add_outcome(Outcome("b.whl", False, status="conflict", error="other content"))
    report.missing.append("foo")
    found = copy_report(report, ENDPOINTS)
    assert found.failed == (Failure("a.whl", "HTTP 500"),)
    assert found.conflicts == (Failure("b.whl", "other content"),)
    assert (found.missing, found.exit_code) == (("foo",), 3)
    report.refused = "the password"
    assert copy_report(report, ENDPOINTS).exit_code == 1
