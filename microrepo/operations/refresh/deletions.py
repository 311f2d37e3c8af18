"""Deletions: which files, why, and in which order."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence

import msgspec

from microrepo.cause_texts import action_text
from microrepo.config.schema import Config
from microrepo.formats.version_numbers import parse_version
from microrepo.guards import check_deletions, count_needed
from microrepo.model import Action, ActionKind, Cause, Decision, NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.pages.publishing import RepositoryPages
from microrepo.operations.records.report import ReportBuilder
from microrepo.operations.refresh.project_decisions import Looked
from microrepo.operations.run.plan_limits import limits_of
from microrepo.selection.rules.policy import Policy
from microrepo.selection.rules.release_rules import specifier_admits, unmet_specifiers
from microrepo.state import FileRow, HistoryRow, deletion_of
from microrepo.stores.flat_directory import FlatDirectory

_BATCH = 500
# Causes that the setting `removed` decides on, and causes that end a whole project.
_BY_UPSTREAM = frozenset({Cause.REMOVED, Cause.EMPTIED, Cause.QUARANTINED})
# Causes for which no unmet goal keeps a file; only malware also passes the guards.
_AT_ONCE = frozenset({Cause.QUARANTINED, Cause.MALWARE, Cause.FORGED})
_ENDING = frozenset({Cause.REMOVED, Cause.UNREQUESTED, Cause.LEFT_OUT})


def deletions_of_projects(
    holdings: Holdings, names: Sequence[NormalizedName], cause: Cause, *, dry_run: bool
) -> list[Action]:
    """Return the deletions of all files of projects; forget projects without files."""
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
    """Return deletions with the rule that the file no longer passes."""
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


def with_forged(
    plan: tuple[Action, ...], looked: Iterable[Looked], held: Iterable[FileRow]
) -> tuple[Action, ...]:
    """Return a plan that deletes held files with forged attestations, whatever `prune` says."""
    forged = {
        decision.file.filename: decision.detail
        for one in looked
        for decision in one.decisions
        if decision.cause is Cause.FORGED
    }
    if not forged:
        return plan
    others = [action for action in plan if action.filename not in forged]
    deletions = [
        deletion_of(row, Cause.FORGED, forged[row.filename])
        for row in held
        if row.filename in forged and row.is_ours
    ]
    return tuple(sorted([*others, *deletions], key=lambda action: action.filename))


def without_needed(actions: Iterable[Action], needed: Container[str]) -> tuple[Action, ...]:
    """Return the actions without deletions of files that unmet goals need.

    Quarantined files and malware are deleted all the same.
    """
    return tuple(
        action
        for action in actions
        if action.kind is not ActionKind.DELETE
        or action.filename not in needed
        or action.cause in _AT_ONCE
    )


def unless_slip(deletions: list[Action], report: ReportBuilder) -> list[Action]:
    """Return deletions of unrequested files; none while requested projects were not found.

    The name of a missing project can be a slip of the name of one of these.
    """
    if deletions and report.missing:
        report.warn(
            "files of projects that are no longer requested were kept, because requested projects "
            "were not found"
        )
        return []
    return deletions


def files_of_unmet(
    policy: Policy, name: NormalizedName, decisions: Sequence[Decision], rows: Iterable[FileRow]
) -> Iterator[str]:
    """Yield the files of a project that meet a requirement of which no file is selected."""
    if policy.requested is None or name not in policy.requested:
        return
    is_unmet = not any(one.keep for one in decisions)
    unmet = () if is_unmet else unmet_specifiers(name, decisions, policy)
    for row in rows if is_unmet or unmet else ():
        version = parse_version(row.version)
        if is_unmet or (
            version is not None and any(specifier_admits(text, version) for text in unmet)
        ):
            yield row.filename


def without_doubtful_deletions(
    plan: Sequence[Action], looked: Sequence[Looked]
) -> tuple[Action, ...]:
    """Keep the files of projects with an incomplete record, which may have listed them."""
    doubtful = {one.project.name for one in looked if one.project.rejected}
    return tuple(
        action
        for action in plan
        if action.kind is not ActionKind.DELETE or action.project not in doubtful
    )


def with_quarantine(
    plan: tuple[Action, ...], looked: Sequence[Looked], recorded: Iterable[FileRow], removed: str
) -> tuple[Action, ...]:
    """Apply the setting `removed` to projects without files and to quarantined ones (PEP 792)."""
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
    """Return why the guard refuses the deletions of a plan, None if it allows them."""
    limits = limits_of(config)
    count = holdings.count_held(count_needed(planned, limits))
    refused = check_deletions(planned, count, limits)
    return None if refused is None else str(refused)


def delete_of_projects(pages: RepositoryPages, planned: Sequence[Action]) -> None:
    """Delete the last files of a refresh, first from the pages; then mark projects complete.

    Projects without selected files are forgotten.
    """
    projects = {action.project for action in planned}
    if planned:
        pages.update(projects, leaving={action.filename for action in planned})
    delete_files(pages, planned, published=pages.config.simple)
    state = pages.holdings.state
    with state.transaction():
        state.mark_complete(projects)


def delete_with_pages(pages: RepositoryPages, deletions: Sequence[Action]) -> None:
    """Delete files from the pages, if any, then from the directory and the state."""
    has_pages = pages.exist
    if has_pages:
        leaving = {action.filename for action in deletions}
        pages.update({action.project for action in deletions}, leaving=leaving)
    delete_files(pages, deletions)
    if has_pages:
        pages.update()


def delete_files(
    pages: RepositoryPages, deletions: Iterable[Action], *, published: bool = False
) -> None:
    """Delete files, then their rows; forget projects without selected files.

    The state follows the disk: after a kill, the next run continues.

    Args:
        pages: of the repository; not written here.
        published: whether the pages no longer list these files.
    """
    holdings, report = pages.holdings, pages.work.report
    actions = sorted(deletions, key=lambda action: action.project)
    for start in range(0, len(actions), _BATCH):
        batch = actions[start : start + _BATCH]
        rows = holdings.state.files_named(action.filename for action in batch)
        aside = _move_aside_or_delete(holdings.directory, batch, pages.config)
        holdings.directory.sync()
        with holdings.state.transaction():
            holdings.state.delete_files(action.filename for action in batch)
            holdings.state.add_history(
                HistoryRow(
                    report.run,
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
        report.deleted += len(batch)
        report.deleted_bytes += sum(action.size_bytes for action in batch)
    ended = {a.project for a in actions if a.cause in _ENDING}
    with holdings.state.transaction():
        holdings.state.forget_projects(sorted(ended))


def _move_aside_or_delete(
    directory: FlatDirectory, batch: Sequence[Action], config: Config
) -> frozenset[str]:
    """Delete files from the directory; return the names of those moved to quarantine."""
    causes = {Cause.MALWARE, Cause.FORGED}
    causes |= _BY_UPSTREAM if config.removed == "quarantine" else set()
    causes |= {Cause.VULNERABLE} if config.vulnerabilities == "quarantine" else set()
    removed = [action for action in batch if action.cause in causes]
    for action in removed:
        directory.quarantine(action.filename, action.project, action_text(action))
    aside = frozenset(action.filename for action in removed)
    for _ in directory.delete(a.filename for a in batch if a.filename not in aside):
        pass
    return aside
