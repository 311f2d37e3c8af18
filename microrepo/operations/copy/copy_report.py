"""Report of a copy, kept while it runs."""

from __future__ import annotations

from msgspec import Struct

from microrepo.model import Action
from microrepo.operations.copy.endpoints import Endpoints
from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.plan import Totals


class CopyReport(Struct, frozen=True):
    """What a copy did.

    Attributes:
        exit_code: as the command line returns it.
        projects: how many were looked at.
        totals: counts and bytes of the plan; `adopt` counts what was at the destination already.
        copied: files that arrived, `copied_bytes` in all.
        reused_bytes: of these came from templates, not from the source.
        already: files that someone else brought meanwhile, identical.
        rejected: per rule how many files it left out.
        failed: files and projects that could not be copied, and why.
        conflicts: files in whose place the destination has other content.
        missing: named projects that the source does not know.
        refused: why nothing (more) was sent.
        plan: the actions, in a dry run.
    """

    operation: str
    source: str
    destination: str
    exit_code: int
    started_at: str
    seconds: float
    dry_run: bool = False
    projects: int = 0
    totals: Totals = Totals()
    copied: int = 0
    copied_bytes: int = 0
    reused_bytes: int = 0
    already: int = 0
    rejected: dict[str, int] = {}
    failed: tuple[Failure, ...] = ()
    conflicts: tuple[Failure, ...] = ()
    missing: tuple[str, ...] = ()
    refused: str = ""
    plan: tuple[Action, ...] = ()


def copy_report(report: ReportBuilder, endpoints: Endpoints, seconds: float) -> CopyReport:
    """Return what a copy did.

    Args:
        report: of the run.
        endpoints: of the copy.
        seconds: that it took.
    """
    return CopyReport(
        operation=report.operation,
        source=endpoints.source.name,
        destination=endpoints.destination.name,
        exit_code=report.exit_code(),
        started_at=report.started_at,
        seconds=round(seconds, 3),
        dry_run=report.dry_run,
        projects=report.projects,
        totals=report.totals,
        copied=report.downloaded,
        copied_bytes=report.downloaded_bytes,
        reused_bytes=report.reused_bytes,
        already=report.already,
        rejected=dict(sorted(report.rejected.items())),
        failed=tuple(report.failed),
        conflicts=tuple(report.conflicts),
        missing=tuple(report.missing),
        refused=report.refused,
        plan=tuple(report.plan),
    )
