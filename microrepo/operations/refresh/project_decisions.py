"""Decisions on the files of projects, counted in the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from microrepo.model import Decision, Project
from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.operations.refresh.upstream.project_record import Decide, Record
from microrepo.operations.run.run_rules import Rules
from microrepo.plan import Wanted
from microrepo.selection.rules.affected_releases import affecting, describe
from microrepo.selection.rules.decisions import reconsider_at, select
from microrepo.selection.rules.policy import Policy
from microrepo.selection.rules.release_rules import unmet_requests
from microrepo.selection.trust.cool_down import held_back
from microrepo.selection.trust.refused_releases import distrusted_releases, unverifiable_files

_MOST_HELD_BACK = 1000  # of a whole index, which has thousands of young releases


class Looked(Struct, frozen=True):
    """A record with the decisions on its files."""

    record: Record
    decisions: tuple[Decision, ...]

    @property
    def project(self) -> Project:
        """The record's project."""
        return self.record.project

    def wanted(self) -> Iterator[Wanted]:
        """Yield the files to keep."""
        for decision in self.decisions:
            if decision.keep:
                yield Wanted(self.project.name, decision.file, decision.cause, decision.detail)


def look(
    report: ReportBuilder,
    rules: Rules,
    records: Iterable[Record],
    decide: Decide,
    *,
    goals_are_reported: bool = False,
) -> list[Looked]:
    """Decide on the files of records; count skipped files and report projects without files.

    Args:
        decide: decides on the files of a project.
        goals_are_reported: requested projects without files are reported as unmet goals.
    """
    looked = []
    for record in records:
        decisions = decide(record.project)
        empty = _count(report, record.project, decisions, rules)
        if empty and goals_are_reported:
            report.emptied[record.project.name] = empty
        elif empty:
            why = f"no file kept ({empty}); see `microrepo explain`" if decisions else empty
            report.failed.append(Failure(record.project.name, why))
        elif not goals_are_reported:
            name = record.project.name
            if unmet := unmet_requests(name, decisions, rules.policy):
                why = f"no file kept for {', '.join(unmet)}; see `microrepo explain`"
                report.failed.append(Failure(name, why))
        if rules.policy.trust:
            report.distrusted += distrusted_releases(decisions)
            report.unverifiable += unverifiable_files(decisions)
        if rules.policy.asks_advisories or report.dry_run:
            _note_advisories(report, record.project, decisions, rules.policy)
        if len(report.held_back) < _MOST_HELD_BACK:
            name, days = record.project.name, rules.policy.min_age_days
            report.held_back += held_back(name, decisions, days)
        row = msgspec.structs.replace(
            record.row, reconsider_at=reconsider_at(decisions, rules.policy)
        )
        looked.append(Looked(msgspec.structs.replace(record, row=row), decisions))
    return looked


def _note_advisories(
    report: ReportBuilder, project: Project, decisions: Iterable[Decision], policy: Policy
) -> None:
    """Report the advisories for kept releases."""
    known = policy.advisories
    if policy.vulnerabilities == "ignore" or not (
        project.vulnerabilities or project.advisories or known is not None
    ):
        return
    for version in dict.fromkeys(one.file.version for one in decisions if one.keep):
        for advisory in affecting(project, version, known):
            report.vulnerable.append(f"{project.name} {version}: {describe(advisory)}")


def deciding_by(rules: Rules, now: str) -> Decide:
    """Return a function that decides on each project by itself."""

    def decide(project: Project) -> tuple[Decision, ...]:
        return select(project, rules.policy, now)

    return decide


def _count(
    report: ReportBuilder, project: Project, decisions: tuple[Decision, ...], rules: Rules
) -> str:
    """Count skipped files; return why a requested project has no files, "" if it has some."""
    causes = Counter(decision.cause for decision in decisions if not decision.keep)
    counts = {cause.value: count for cause, count in causes.items()}
    report.rejected.update(counts)
    if len(decisions) > causes.total():
        return ""
    report.without_files += 1
    if rules.policy.requested is None or project.name not in rules.policy.requested:
        return ""  # usual for a whole index, where it would be reported thousands of times
    if not decisions:
        return "the source lists no files"
    return ", ".join(f"{count} by {reason}" for reason, count in sorted(counts.items()))
