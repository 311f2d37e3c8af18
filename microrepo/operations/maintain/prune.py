"""Prune: delete files that the settings no longer select, offline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from microrepo.batching import batched
from microrepo.config.schema import Config
from microrepo.guards import count_bare
from microrepo.model import Action, Cause, File, NormalizedName, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.closure.needed_files import Needed, needed_files
from microrepo.operations.pages.publishing import RepositoryPages
from microrepo.operations.records.report import Report, ReportBuilder
from microrepo.operations.refresh.deletions import (
    delete_with_pages,
    files_of_unmet,
    refused_deletions,
    unless_slip,
)
from microrepo.operations.refresh.size_budget import evictions
from microrepo.operations.run.advised_rules import advised_policy
from microrepo.operations.run.goals import Requests, policy_of
from microrepo.operations.run.run_rules import rules_of
from microrepo.operations.run.session import open_session
from microrepo.plan import totals_of
from microrepo.reporting import Reporter, SilentReporter
from microrepo.selection.resolver.goal_records import Goal
from microrepo.selection.rules.decisions import select, split_candidates
from microrepo.selection.rules.policy import Policy
from microrepo.state import FileRow, State, deletion_of

_BATCH = 500


def prune(
    config: Config, requests: Requests, *, dry_run: bool = False, reporter: Reporter | None = None
) -> Report:
    """Delete files that the settings no longer select, by the stored records, offline.

    Args:
        config: complete settings.
        requests: what to mirror.
        dry_run: only make the plan.
        reporter: receives progress.

    Returns:
        The report; `refused` is set if a guard refused the deletions.

    Raises:
        RepositoryError: the directory does not exist, or its state cannot be used.
    """
    policy = policy_of(config, requests)
    watching = reporter or SilentReporter()
    with open_session(config, "prune", watching, read_only=dry_run, creates=False) as session:
        holdings, work = session.holdings, session.work
        report = work.report
        policy = advised_policy(config, policy, holdings.state)
        goals = requests.goals if config.dependencies else ()
        needed = _needed(config, holdings, work.now, policy, goals) if goals else None
        deletions = _unwanted(holdings, work.now, policy, needed)
        if needed is None:
            deletions = _unless_slips(holdings.state, policy, deletions, report)
        if holdings.links.files:
            leaving = {action.filename for action in deletions}
            deletions += evictions(holdings.state, policy, leaving)
        report.totals = totals_of(deletions)
        refused = refused_deletions(config, holdings, deletions)
        if refused is not None:
            report.refused = refused
            report.refused_deletes = count_bare(deletions)
        elif dry_run:
            report.plan = deletions
        else:
            _note_other_rules(config, holdings.state, policy, deletions)
            delete_with_pages(RepositoryPages(config, holdings, work), deletions)
    return report.build()


def _note_other_rules(
    config: Config, state: State, policy: Policy, deletions: Iterable[Action]
) -> None:
    """Let the next refresh decide again where the rules are not those of the last one.

    Before anything is deleted: a run that is killed must not leave projects that count as complete.
    """
    rules = rules_of(config, policy)
    rows = state.projects({NormalizedName(action.project) for action in deletions}).values()
    with state.transaction():
        state.mark_incomplete(row.name for row in rows if row.policy != rules.fingerprint(row.name))


def _unwanted(holdings: Holdings, now: str, policy: Policy, needed: Needed | None) -> list[Action]:
    names = [NormalizedName(row[0]) for row in holdings.state.iter_known()]
    deletions: list[Action] = []
    for batch in batched(names, _BATCH):
        rows = [row for row in holdings.state.files(batch) if holdings.holds(row) and row.is_ours]
        causes = unwanted_because(holdings.state, rows, policy, now)
        if needed is not None:
            causes = _outside_closure(rows, causes, policy, needed)
        if needed is None or needed.unmet:
            causes = _without_unmet(rows, causes, policy)
            causes |= dict.fromkeys(_of_unmet(holdings.state, rows, causes, policy, now))
        deletions += [
            deletion_of(row, why, replaced=why is Cause.SUPERSEDED)
            for row in rows
            if (why := causes[row.filename])
        ]
    return deletions


def _needed(
    config: Config, holdings: Holdings, now: str, policy: Policy, goals: Sequence[Goal]
) -> Needed:
    """Return what the goals need, as in a refresh without changes at the source.

    An unmet goal keeps what it needed before, as in a refresh.
    """

    def admits(project: Project) -> Iterable[File]:
        return split_candidates(project, policy, now)[0]

    found = needed_files(config, holdings.state, holdings.directory, goals, admits)
    if not found.unmet:
        return found
    before = (
        row.filename
        for row in holdings.state.all_requirers()
        if (row.goal, row.environment) in found.unmet
    )
    return msgspec.structs.replace(found, files=found.files.union(before))


def _outside_closure(
    rows: Sequence[FileRow], verdicts: Mapping[str, Cause | None], policy: Policy, needed: Needed
) -> dict[str, Cause | None]:
    """Return why no goal needs each file; None for files that a goal needs, or may need."""
    requested = policy.requested or {}
    causes: dict[str, Cause | None] = {}
    for row in rows:
        why = verdicts[row.filename]
        if row.filename in needed.files:
            why = None
        elif row.project not in needed.projects and row.project not in requested:
            # While a goal is unmet, any project can have what it needs.
            why = None if needed.unmet else Cause.UNREQUESTED
        elif why is None and (policy.newest == 1 or row.project not in requested):
            why = Cause.NOT_IN_CLOSURE
        causes[row.filename] = why
    return causes


def _without_unmet(
    rows: Sequence[FileRow], causes: Mapping[str, Cause | None], policy: Policy
) -> dict[str, Cause | None]:
    """Keep the files of requested projects that would lose all files."""
    left = {row.project for row in rows if causes[row.filename] is None}
    unmet = (policy.requested or {}).keys() - left
    return {row.filename: None if row.project in unmet else causes[row.filename] for row in rows}


def _of_unmet(
    state: State,
    rows: Sequence[FileRow],
    causes: Mapping[str, Cause | None],
    policy: Policy,
    now: str,
) -> Iterator[str]:
    """Yield the files that meet a requirement of which no file is selected, as in a refresh."""
    leaving = {row.project for row in rows if causes[row.filename]} & (
        policy.requested or {}
    ).keys()
    for project in state.documents(leaving).values() if leaving else ():
        own = [row for row in rows if row.project == project.name]
        yield from files_of_unmet(policy, project.name, select(project, policy, now), own)


def _unless_slips(
    state: State, policy: Policy, deletions: list[Action], report: ReportBuilder
) -> list[Action]:
    """Return deletions without those of unrequested projects while requested ones are not known.

    As in a refresh: one can be a slip of the other. A project is known if its last request was
    answered.
    """
    others = [
        action
        for action in deletions
        if action.cause is Cause.UNREQUESTED
        and not policy.leaves_out(NormalizedName(action.project))
    ]
    if not others or policy.requested is None:
        return deletions
    rows = state.projects(policy.requested)
    report.missing += sorted(
        name for name in policy.requested if (row := rows.get(name)) is None or row.error
    )
    if unless_slip(others, report):
        return deletions
    return [action for action in deletions if action not in others]


def unwanted_because(
    state: State, rows: Sequence[FileRow], policy: Policy, now: str
) -> dict[str, Cause | None]:
    """Return why the stored records do not select each file; None for selected files."""
    projects = state.documents({row.project for row in rows}).values()
    verdicts = {project.name: _verdicts(project, policy, now) for project in projects}
    return {row.filename: _why_unwanted(row, verdicts.get(row.project), policy) for row in rows}


def _verdicts(project: Project, policy: Policy, now: str) -> dict[str, Cause | None]:
    """Return, by file name, why a file is not selected; None for selected files."""
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
