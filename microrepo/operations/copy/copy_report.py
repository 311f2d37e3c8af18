"""Report of a copy, kept while it runs."""

from __future__ import annotations

from msgspec import field

from microrepo.operations.copy.endpoints import Endpoints
from microrepo.operations.records.report import PlannedReport, ReportBuilder
from microrepo.plan import Totals


class CopyReport(PlannedReport, frozen=True, kw_only=True):
    """What a copy did.

    Attributes:
        projects: how many were looked at.
        totals: counts and bytes of the plan; `adopt` counts what was at the destination already.
        copied: files that arrived, `copied_bytes` in all.
        reused_bytes: of these came from templates, not from the source.
        already: files that another program brought meanwhile, identical.
        rejected: per rule how many files it left out.
        missing: named projects that the source does not know.
    """

    source: str
    destination: str
    projects: int = 0
    totals: Totals = Totals()
    copied: int = 0
    copied_bytes: int = 0
    reused_bytes: int = 0
    already: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def copy_report(report: ReportBuilder, endpoints: Endpoints) -> CopyReport:
    """Return what a copy between two endpoints did."""
    return report.build_as(
        CopyReport,
        source=endpoints.source.name,
        destination=endpoints.destination.name,
        copied=report.downloaded,
        copied_bytes=report.downloaded_bytes,
    )
