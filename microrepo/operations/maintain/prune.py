"""Deleting: which files go with their projects, and how they go."""

from __future__ import annotations

import time
from collections.abc import Sequence

from microrepo.batching import batched
from microrepo.config.schema import Config
from microrepo.model import Action, Cause, NormalizedName, Project
from microrepo.operations.records.report import Report
from microrepo.operations.refresh.deletions import delete_with_pages
from microrepo.operations.refresh.size_budget import evictions
from microrepo.operations.run.goals import Requests, policy_of
from microrepo.operations.run.session import Session, open_session
from microrepo.plan import check_deletions, totals_of
from microrepo.reporting import Reporter, SilentReporter
from microrepo.selection.rules.decisions import select
from microrepo.selection.rules.policy import Policy
from microrepo.state import FileRow, deletion_of

_BATCH = 500


def prune(
    config: Config,
    requests: Requests,
    *,
    dry_run: bool = False,
    reporter: Reporter | None = None,
) -> Report:
    """Delete what the configuration no longer selects, from the stored records, offline.

    Args:
        config: complete settings.
        requests: what is wanted.
        dry_run: plan only.
        reporter: told of progress.

    Returns:
        The report; `refused` is set when a guard stopped the deletions.

    Raises:
        RepositoryError: the state cannot be used.
    """
    started = time.monotonic()
    policy = policy_of(config, requests)
    with open_session(config, "prune", reporter or SilentReporter(), read_only=dry_run) as session:
        report = session.report
        deletions = _unwanted(session, policy)
        deletions += evictions(session, policy, {action.filename for action in deletions})
        report.totals = totals_of(deletions)
        refused = check_deletions(deletions, session.count_held(), session.limits())
        if refused is not None:
            report.refused = str(refused)
        elif dry_run:
            report.plan = deletions
        else:
            delete_with_pages(session, deletions)
    return report.build(time.monotonic() - started)


def _unwanted(session: Session, policy: Policy) -> list[Action]:
    names = [NormalizedName(row[0]) for row in session.state.iter_known()]
    deletions: list[Action] = []
    for batch in batched(names, _BATCH):
        rows = [row for row in session.state.files(batch) if session.holds(row)]
        causes = unwanted_because(session, rows, policy)
        deletions += [
            deletion_of(row, why, replaced=why is Cause.SUPERSEDED)
            for row in rows
            if (why := causes[row.filename])
        ]
    return deletions


def unwanted_because(
    session: Session, rows: Sequence[FileRow], policy: Policy
) -> dict[str, Cause | None]:
    """Return, by file name, why the stored records do not select a file; None if they do."""
    projects = session.state.documents({row.project for row in rows}).values()
    verdicts = {project.name: _verdicts(project, policy, session.now) for project in projects}
    causes = {}
    for row in rows:
        why = _why_unwanted(row, verdicts.get(row.project), policy)
        causes[row.filename] = None if why and session.state.requirers(row.filename) else why
    return causes


def _verdicts(project: Project, policy: Policy, now: str) -> dict[str, Cause | None]:
    """Return, by file name, why a file is not wanted; None for those that are."""
    return {
        decision.file.filename: None if decision.keep else decision.cause
        for decision in select(project, policy, now)
    }


def _why_unwanted(
    row: FileRow, verdicts: dict[str, Cause | None] | None, policy: Policy
) -> Cause | None:
    if not row.is_ours:
        return None
    if policy.requested is not None and row.project not in policy.requested:
        return Cause.UNREQUESTED
    if verdicts is None:
        return None
    return verdicts.get(row.filename, Cause.UNLISTED)
