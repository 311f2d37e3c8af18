"""Report of a copy, kept while it runs."""

from __future__ import annotations

from msgspec import Struct

from microrepo.model import Action
from microrepo.operations.copy.endpoints import Endpoints
from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.plan import Totals


class CopyReport(Struct, frozen=True):
    """Result of a copy.

    Attributes:
        exit_code: exit code of the command.
        projects: number of projects checked.
        totals: counts and bytes of the plan; `adopt` counts files already at the destination.
        copied: files that arrived, `copied_bytes` in total.
        reused_bytes: part of these that came from templates.
        already: identical files that another program added meanwhile.
        rejected: number of skipped files per rule.
        failed: files and projects that could not be copied, and why.
        conflicts: files of which the destination has different content.
        missing: requested projects that the source does not have.
        refused: why nothing (more) was transferred.
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
    """Return the result of a copy.

    Args:
        report: of the run.
        endpoints: endpoints of the copy.
        seconds: duration.
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
