"""Deleting: which files go with their projects, and how they go."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import msgspec

from microrepo.batching import batched
from microrepo.cause_texts import action_text
from microrepo.config.schema import Config
from microrepo.model import Action, ActionKind, Cause, NormalizedName, Project
from microrepo.operations.records.report import Report
from microrepo.operations.refresh.project_decisions import Looked
from microrepo.operations.refresh.size_budget import evictions
from microrepo.operations.run.goals import Requests, policy_of
from microrepo.operations.run.session import Session, open_session
from microrepo.plan import check_deletions, totals_of
from microrepo.reporting import Reporter, SilentReporter
from microrepo.selection.rules.decisions import select
from microrepo.selection.rules.policy import Policy
from microrepo.state import FileRow, HistoryRow, deletion_of

_BATCH = 500
# What the setting `removed` decides on, and what ends a project as a whole.
_BY_UPSTREAM = frozenset({Cause.REMOVED, Cause.QUARANTINED})
_ENDING = frozenset({Cause.REMOVED, Cause.UNREQUESTED, Cause.LEFT_OUT})


def deletions_of_projects(
    session: Session, names: Sequence[NormalizedName], cause: Cause
) -> list[Action]:
    """Return the deletions of all files of whole projects; forget projects that have none."""
    if not names:
        return []
    actions = [
        deletion_of(row, cause)
        for row in session.state.files(names)
        if session.holds(row) and row.is_ours
    ]
    if not session.report.dry_run:
        holding = {action.project for action in actions}
        with session.state.transaction():
            session.state.forget_projects(name for name in names if name not in holding)
    return actions


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


def with_causes(plan: Sequence[Action], looked: Iterable[Looked]) -> tuple[Action, ...]:
    """Say of deletions which rule the file no longer passes."""
    if not any(action.kind is ActionKind.DELETE for action in plan):
        return tuple(plan)
    causes = {
        decision.file.filename: decision.cause
        for one in looked
        for decision in one.decisions
        if not decision.keep
    }
    return tuple(
        msgspec.structs.replace(action, cause=causes[action.filename])
        if action.kind is ActionKind.DELETE and action.filename in causes
        else action
        for action in plan
    )


def delete_with_pages(session: Session, deletions: Sequence[Action]) -> None:
    """Delete files from the pages, where there are any, then from the directory and the state."""
    from microrepo.operations.refresh.refresh_run import publish

    has_pages = session.directory.place("simple").is_dir()
    if has_pages:
        publish(
            session,
            {action.project for action in deletions},
            leaving={action.filename for action in deletions},
        )
    delete_files(session, deletions)
    if has_pages:
        publish(session)


def delete_files(session: Session, deletions: Iterable[Action], *, published: bool = False) -> None:
    """Delete files, then their rows; projects that are left without a wanted file are forgotten.

    The state follows the disk: a run that is killed in between finds the rest next time.

    Args:
        session: the run.
        deletions: what is to go.
        published: the pages do without these files already, and need not be looked at again.
    """
    actions = sorted(deletions, key=lambda action: action.project)
    quarantine = session.config.removed == "quarantine"
    for start in range(0, len(actions), _BATCH):
        batch = actions[start : start + _BATCH]
        rows = session.state.files_named(action.filename for action in batch)
        aside = _move_aside_or_delete(session, batch, quarantine=quarantine)
        session.directory.sync()
        with session.state.transaction():
            session.state.delete_files(action.filename for action in batch)
            session.state.add_history(
                HistoryRow(
                    session.run,
                    action.project,
                    action.filename,
                    "quarantine" if action.filename in aside else "delete",
                    action.cause,
                    action.detail,
                    action.size_bytes,
                    rows[action.filename].digests.sha256 if action.filename in rows else None,
                )
                for action in batch
            )
            if published:
                rest = {action.project for action in actions[start + _BATCH :][:1]}
                session.state.publication.clear({a.project for a in batch} - rest)
        session.report.deleted += len(batch)
        session.report.deleted_bytes += sum(action.size_bytes for action in batch)
    ended = {a.project for a in actions if a.cause in _ENDING}
    with session.state.transaction():
        session.state.forget_projects(sorted(ended))


def _move_aside_or_delete(
    session: Session, batch: Sequence[Action], *, quarantine: bool
) -> frozenset[str]:
    """Take files out of the directory; return the names of those that were moved aside."""
    removed = [a for a in batch if quarantine and a.cause in _BY_UPSTREAM]
    for action in removed:
        session.directory.quarantine(action.filename, action.project, action_text(action))
    aside = frozenset(action.filename for action in removed)
    for _ in session.directory.delete(a.filename for a in batch if a.filename not in aside):
        pass
    return aside
