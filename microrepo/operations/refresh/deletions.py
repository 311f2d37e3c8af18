"""Deletions: which files go with their projects, why, and how they go."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

import msgspec

from microrepo.cause_texts import action_text
from microrepo.config.schema import Config
from microrepo.guards import check_deletions, count_needed
from microrepo.model import Action, ActionKind, Cause, NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.page_updates import publish
from microrepo.operations.refresh.project_decisions import Looked
from microrepo.operations.run.plan_limits import limits_of
from microrepo.state import FileRow, HistoryRow, deletion_of
from microrepo.stores.flat_directory import FlatDirectory

_BATCH = 500
# What the setting `removed` decides on, and what ends a project as a whole.
_BY_UPSTREAM = frozenset({Cause.REMOVED, Cause.EMPTIED, Cause.QUARANTINED})
_ENDING = frozenset({Cause.REMOVED, Cause.UNREQUESTED, Cause.LEFT_OUT})


def deletions_of_projects(
    holdings: Holdings, names: Sequence[NormalizedName], cause: Cause, *, dry_run: bool
) -> list[Action]:
    """Return the deletions of all files of whole projects; forget projects that have none."""
    if not names:
        return []
    actions = [
        deletion_of(row, cause)
        for row in holdings.state.files(names)
        if holdings.holds(row) and row.is_ours
    ]
    if not dry_run:
        holding = {action.project for action in actions}
        with holdings.state.transaction():
            holdings.state.forget_projects(name for name in names if name not in holding)
    return actions


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


def without_needed(actions: Iterable[Action], needed: Container[str]) -> tuple[Action, ...]:
    """Return actions without the deletions of files that unmet goals need.

    What the index holds in quarantine goes all the same.
    """
    return tuple(
        action
        for action in actions
        if action.kind is not ActionKind.DELETE
        or action.filename not in needed
        or action.cause is Cause.QUARANTINED
    )


def without_doubtful_deletions(
    plan: Sequence[Action], looked: Sequence[Looked]
) -> tuple[Action, ...]:
    """Keep the files of projects whose record could not be read in full: it may have named them."""
    doubtful = {one.project.name for one in looked if one.project.rejected}
    return tuple(
        action
        for action in plan
        if action.kind is not ActionKind.DELETE or action.project not in doubtful
    )


def with_quarantine(
    plan: tuple[Action, ...],
    looked: Sequence[Looked],
    recorded: Iterable[FileRow],
    removed: str,
) -> tuple[Action, ...]:
    """Let the setting `removed` decide on projects without files, and on those held back (PEP 792)."""
    reasons = {
        one.project.name: (Cause.QUARANTINED, one.project.status_reason or "no reason given")
        if one.project.status == "quarantined"
        else (Cause.EMPTIED, "")
        for one in looked
        if not one.project.files and not one.decisions
    }
    if not reasons:
        return plan
    gone = {} if removed == "keep" else {row.filename: row for row in recorded}
    deletions = [
        deletion_of(row, *reasons[row.project])
        for row in gone.values()
        if row.project in reasons and row.is_ours
    ]
    others = [a for a in plan if a.kind is not ActionKind.DELETE or a.project not in reasons]
    return tuple(sorted([*others, *deletions], key=lambda action: action.filename))


def refused_deletions(config: Config, holdings: Holdings, planned: Sequence[Action]) -> str | None:
    """Return why the guard on deletions refuses a plan, None when it lets it pass."""
    limits = limits_of(config)
    count = holdings.count_held(count_needed(planned, limits))
    refused = check_deletions(planned, count, limits)
    return None if refused is None else str(refused)


def delete_of_projects(
    config: Config, holdings: Holdings, work: WorkContext, planned: Sequence[Action]
) -> None:
    """Delete the last files of a refresh, first from the pages; their projects are complete then.

    Projects that are left without any wanted file are forgotten.
    """
    projects = {action.project for action in planned}
    if planned:
        leaving = {action.filename for action in planned}
        publish(config, holdings, work, projects, leaving=leaving)
    delete_files(config, holdings, work, planned, published=config.simple)
    with holdings.state.transaction():
        holdings.state.mark_complete(projects)


def delete_with_pages(
    config: Config, holdings: Holdings, work: WorkContext, deletions: Sequence[Action]
) -> None:
    """Delete files from the pages, where there are any, then from the directory and the state."""
    has_pages = holdings.directory.place("simple").is_dir()
    if has_pages:
        publish(
            config,
            holdings,
            work,
            {action.project for action in deletions},
            leaving={action.filename for action in deletions},
        )
    delete_files(config, holdings, work, deletions)
    if has_pages:
        publish(config, holdings, work)


def delete_files(
    config: Config,
    holdings: Holdings,
    work: WorkContext,
    deletions: Iterable[Action],
    *,
    published: bool = False,
) -> None:
    """Delete files, then their rows; projects that are left without a wanted file are forgotten.

    The state follows the disk: a run that is killed in between finds the rest next time.

    Args:
        config: says what becomes of files that upstream removed.
        holdings: of the repository.
        work: the run.
        deletions: what is to go.
        published: the pages do without these files already, and need not be looked at again.
    """
    actions = sorted(deletions, key=lambda action: action.project)
    quarantine = config.removed == "quarantine"
    for start in range(0, len(actions), _BATCH):
        batch = actions[start : start + _BATCH]
        rows = holdings.state.files_named(action.filename for action in batch)
        aside = _move_aside_or_delete(holdings.directory, batch, quarantine=quarantine)
        holdings.directory.sync()
        with holdings.state.transaction():
            holdings.state.delete_files(action.filename for action in batch)
            holdings.state.add_history(
                HistoryRow(
                    work.report.run,
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
                holdings.state.publication.clear({a.project for a in batch} - rest)
        work.report.deleted += len(batch)
        work.report.deleted_bytes += sum(action.size_bytes for action in batch)
    ended = {a.project for a in actions if a.cause in _ENDING}
    with holdings.state.transaction():
        holdings.state.forget_projects(sorted(ended))


def _move_aside_or_delete(
    directory: FlatDirectory, batch: Sequence[Action], *, quarantine: bool
) -> frozenset[str]:
    """Take files out of the directory; return the names of those that were moved aside."""
    removed = [a for a in batch if quarantine and a.cause in _BY_UPSTREAM]
    for action in removed:
        directory.quarantine(action.filename, action.project, action_text(action))
    aside = frozenset(action.filename for action in removed)
    for _ in directory.delete(a.filename for a in batch if a.filename not in aside):
        pass
    return aside
