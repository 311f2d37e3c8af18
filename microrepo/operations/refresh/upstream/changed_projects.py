"""Finder of projects that a refresh must check: changes at the source and on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from microrepo.model import NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.operations.refresh.upstream.change_detection import (
    Changes,
    Circumstances,
    changes_by_list,
    changes_by_name,
)
from microrepo.operations.refresh.upstream.settled_list import (
    read_settled_list,
    save_settled_list,
)
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_rules import Rules
from microrepo.selection.rules.patterns import NOTHING
from microrepo.selection.rules.policy import Policy
from microrepo.state import Settled, State

# The list of a whole index is about 14 MB; this many conditional requests cost as much.
_NAMES_WORTH_A_LIST = 5000
# In a repository too large to scan in each run, this many files are checked per run.
_ROLLING_SHARE = 20_000
_LIST_SERIALS = "list_serials"


def find_changes(
    holdings: Holdings,
    sources: Sources,
    work: WorkContext,
    rules: Rules,
    *,
    only_these: bool,
    force: bool,
) -> Changes:
    """Return the projects that must be checked.

    Args:
        only_these: ignore projects that are not requested.
        force: check every project.

    Raises:
        SourceError: the source's list cannot be read.
    """
    touched = touched_projects(holdings, work.report)
    requested = rules.policy.requested
    known = holdings.state.iter_known()
    if requested is not None and len(requested) <= _NAMES_WORTH_A_LIST:
        return changes_by_name(requested, known, only_these=only_these)
    run = work.report.run
    settled_list = None if force else read_settled_list(holdings.state, sources, rules, run)
    merged = sources.merged(settled_list.validator if settled_list else None)
    work.report.asked += 1  # at least one list was read
    source_of = sources.source_of()
    outdated = _are_outdated(holdings.state, sources, work.report, force=force)
    about = Circumstances(work.now, rules.fingerprint, touched, force, source_of, outdated)
    if merged.is_unchanged and settled_list is not None:
        work.report.unasked += settled_list.excluded
        settled = Settled(rules.base, work.now, None, _own_rules(rules.policy, touched))
        known = holdings.state.iter_doubtful(merged.listed, settled)
    elif not force:
        settled = Settled(rules.base, work.now, source_of, _doubtful(rules.policy, touched))
        known = holdings.state.iter_unsettled(merged.listed, settled)
    changes = changes_by_list(merged.listed, known, about, _exclusion(rules.policy, work.report))
    if not (outdated or work.report.dry_run):
        save_settled_list(
            holdings.state, sources, rules, changes, run=run, excluded=work.report.unasked
        )
    for source, why in (*sources.unreached(), *sources.list_problems):
        work.report.failed.append(Failure(source, why))
    if outdated or work.report.failed:
        # A project missing from an incomplete list need not be removed.
        changes = msgspec.structs.replace(changes, gone=())
    if requested is not None and not work.report.failed:
        absent = requested.keys() - {row[0] for row in holdings.state.iter_known()}
        absent -= {visit.name for visit in changes.visits}
        work.report.missing.extend(sorted(absent))
    return changes


def _exclusion(policy: Policy, report: ReportBuilder) -> Callable[[NormalizedName], bool]:
    """Return a function that returns whether a project is excluded, and counts it in the report."""
    requested = policy.requested

    def is_excluded(name: NormalizedName) -> bool:
        if requested is not None and name not in requested:
            return True
        if policy.leaves_out(name):
            report.unasked += 1
            return True
        return False

    return is_excluded


def _own_rules(policy: Policy, touched: frozenset[str]) -> Callable[[str], bool] | None:
    """Return a check for projects whose files or advisories must be compared; None without any."""
    known = policy.advisories
    if known is None:
        return touched.__contains__ if touched else None
    return lambda name: name in touched or name in known


def _doubtful(policy: Policy, touched: frozenset[str]) -> Callable[[str], bool] | None:
    """Return a check for known projects that equal serials do not settle; None if they all do."""
    requested = policy.requested
    if requested is None and policy.excluded == NOTHING and policy.allowed is None:
        return _own_rules(policy, touched)
    is_own = _own_rules(policy, touched)

    def is_doubtful(name: str) -> bool:
        if requested is not None and name not in requested:
            return True
        if is_own is not None and is_own(name):
            return True
        return policy.leaves_out(NormalizedName(name))

    return is_doubtful


def _are_outdated(state: State, sources: Sources, report: ReportBuilder, *, force: bool) -> bool:
    """Return whether a list is older than one of an earlier run, as stale caches deliver.

    Args:
        state: records the serials of lists.
        sources: sources with their lists read.
        report: receives the failure.
        force: accept lists of any age.
    """
    lists = sources.list_serials
    seen = msgspec.json.decode(state.meta(_LIST_SERIALS) or "{}", type=dict[str, int])
    older = [] if force else sorted(n for n, serial in lists.items() if serial < seen.get(n, 0))
    for name in older:
        why = (
            f"its list (serial {lists[name]}) is older than the one of an earlier run "
            f"({seen[name]}), so no project counts as removed; `--force-check` accepts it"
        )
        report.failed.append(Failure(name, why))
    newest = seen | {name: serial for name, serial in lists.items() if name not in older}
    if newest != seen and not report.dry_run:
        with state.transaction():
            state.set_meta(_LIST_SERIALS, msgspec.json.encode(newest).decode())
    return bool(older)


def touched_projects(holdings: Holdings, report: ReportBuilder) -> frozenset[str]:
    """Return the projects with missing or changed files on disk.

    Every file is checked or, in a large repository, the next part of them.
    """
    if holdings.scan():
        rows = holdings.state.iter_stats()
    else:
        cursor = holdings.state.meta("stat_cursor") or ""
        share = list(holdings.state.iter_stats(after=cursor, limit=_ROLLING_SHARE))
        _advance(holdings.state, report, share[-1][0] if len(share) == _ROLLING_SHARE else "")
        rows = iter(share)
    touched = set()
    gone = []
    for filename, project, size, mtime_ns in rows:
        disk = holdings.on_disk(filename)
        if disk is None or disk.size_bytes != size or disk.mtime_ns != mtime_ns:
            touched.add(project)
        if disk is None:
            gone.append(filename)
    _forget(holdings.state, report, gone)
    return frozenset(touched)


def _forget(state: State, report: ReportBuilder, filenames: Sequence[str]) -> None:
    """Forget files that a user added to the repository and deleted again."""
    if not filenames or report.dry_run:
        return
    rows = state.files_named(filenames).values()
    theirs = [row.filename for row in rows if not row.is_ours]
    with state.transaction():
        state.delete_files(theirs)
        state.publication.forget_found(theirs)


def _advance(state: State, report: ReportBuilder, cursor: str) -> None:
    if not report.dry_run:
        with state.transaction():
            state.set_meta("stat_cursor", cursor)
