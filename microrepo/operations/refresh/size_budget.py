"""Eviction of old releases to stay within `max_total_size` (`over_budget: "evict"`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter

import msgspec

from microrepo.config.sizes import format_size
from microrepo.formats.times import to_ns
from microrepo.formats.version_numbers import parse_version
from microrepo.model import Action, Cause, Decision, NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.records.report import ReportBuilder
from microrepo.operations.refresh.project_decisions import Looked
from microrepo.operations.run.run_rules import Rules
from microrepo.selection.rules.eviction import (
    UNKNOWN_NS,
    HeldFile,
    HeldRelease,
    Ledger,
    releases_of,
)
from microrepo.selection.rules.policy import Policy
from microrepo.selection.rules.release_rules import is_pinned
from microrepo.state import FileRow, State, deletion_of


class Budget:
    """Size limit of a run. Files are counted only when they may not fit.

    Args:
        report: counts what is evicted.
    """

    def __init__(self, holdings: Holdings, report: ReportBuilder, rules: Rules) -> None:
        self._state = holdings.state
        self._report = report
        self._policy = rules.policy
        # An index without files needs no space.
        self._limit = rules.policy.budget_bytes if holdings.links.files else None
        self._ledger: Ledger | None = None
        self._recent: list[Sequence[Looked]] = []
        self._leaving: dict[NormalizedName, set[str]] = {}

    def fit(self, looked: Sequence[Looked], bytes_under_way: int) -> Sequence[Looked]:
        """Return a batch with the decisions adjusted to the budget.

        Args:
            bytes_under_way: size of running downloads of earlier batches.
        """
        if self._limit is None:
            return looked
        # Files of the previous batch may still be in transit, so the state lacks them.
        self._recent = [*self._recent[-1:], looked]
        if self._ledger is None:
            if self._fits(looked, bytes_under_way):
                return looked
            self._ledger = self._opened(self._limit)
        for one in looked:
            self._ledger.put(one.project.name, self._wanted(one))
            self._leaving.pop(one.project.name, None)
        return self._without_evicted(looked, self._ledger.evict())

    def refusal(self) -> str:
        """Return why evictions do not suffice, "" if they do."""
        ledger = self._ledger
        if ledger is None or ledger.total_bytes <= ledger.limit_bytes:
            return ""
        return (
            f"files that cannot be evicted take {format_size(ledger.total_bytes)}, more than "
            f"`max_total_size` = {format_size(ledger.limit_bytes)}. Select fewer files, or raise "
            "the limit."
        )

    def deletions(self) -> list[Action]:
        """Return deletions of evicted files in projects outside the current batch."""
        return [
            deletion_of(row, Cause.EVICTED)
            for row in self._state.files(sorted(self._leaving))
            if row.present and row.filename in self._leaving[row.project]
        ]

    def _fits(self, looked: Sequence[Looked], bytes_under_way: int) -> bool:
        assert self._limit is not None  # noqa: S101 - narrows the type
        state = self._state
        held = state.files(one.project.name for one in looked)
        there = {row.filename for row in held if row.present}
        coming = sum(
            item.file.size or 0
            for one in looked
            for item in one.wanted()
            if item.file.filename not in there
        )
        return state.present_bytes() + bytes_under_way + coming <= self._limit

    def _opened(self, limit: int) -> Ledger:
        """Return a ledger of recorded files and running downloads."""
        ledger = Ledger(limit)
        for project, files in held_files(self._state):
            ledger.put(project, _releases(project, files, self._policy))
        for looked in self._recent:
            for one in looked:
                ledger.put(one.project.name, self._wanted(one))
        return ledger

    def _wanted(self, one: Looked) -> tuple[HeldRelease, ...]:
        files = [_held_file(decision) for decision in one.decisions if decision.keep]
        return _releases(one.project.name, files, self._policy)

    def _without_evicted(
        self, looked: Sequence[Looked], gone: Iterable[HeldRelease]
    ) -> Sequence[Looked]:
        names: dict[NormalizedName, set[str]] = {}
        for release in gone:
            names.setdefault(release.project, set()).update(release.filenames)
        result = []
        for one in looked:
            evicted = names.pop(one.project.name, None)
            result.append(_evict(one, evicted) if evicted else one)
            if evicted:
                self._report.rejected[Cause.EVICTED.value] += len(evicted)
        for project, filenames in names.items():
            self._leaving.setdefault(project, set()).update(filenames)
        return result


def held_files(state: State) -> Iterable[tuple[NormalizedName, list[HeldFile]]]:
    """Yield the present files by project."""
    required = {row.filename for row in state.all_requirers()}
    rows = sorted((row for row in state.files() if row.present), key=attrgetter("project"))
    for project, group in groupby(rows, key=attrgetter("project")):
        yield project, [_from_row(row, required) for row in group]


def _from_row(row: FileRow, required: set[str]) -> HeldFile:
    # A file's time is its upload time, set by `transfer`.
    fixed = row.filename in required or not row.is_ours
    return HeldFile(row.filename, row.version, row.size or 0, row.mtime_ns, fixed)


def _held_file(decision: Decision) -> HeldFile:
    file = decision.file
    return HeldFile(
        file.filename,
        file.version,
        file.size or 0,
        to_ns(file.upload_time) or UNKNOWN_NS,
        decision.cause is Cause.REQUIRED,
    )


def _releases(
    project: NormalizedName, files: Iterable[HeldFile], policy: Policy
) -> tuple[HeldRelease, ...]:
    return releases_of(
        project, files, lambda version: is_pinned(project, parse_version(version), policy)
    )


def _evict(one: Looked, filenames: set[str]) -> Looked:
    decisions = tuple(
        Decision(d.file, False, Cause.EVICTED, "older releases are evicted for `max_total_size`")
        if d.keep and d.file.filename in filenames
        else d
        for d in one.decisions
    )
    return msgspec.structs.replace(one, decisions=decisions)


def evictions(state: State, policy: Policy, leaving: set[str]) -> list[Action]:
    """Return the deletions that bring the repository below the budget, for `prune`.

    Args:
        state: of the repository, which keeps files.
        leaving: files that are deleted anyway.
    """
    if policy.budget_bytes is None:
        return []
    ledger = Ledger(policy.budget_bytes)
    for project, files in held_files(state):
        staying = [file for file in files if file.filename not in leaving]
        ledger.put(project, _releases(project, staying, policy))
    gone = {name for release in ledger.evict() for name in release.filenames}
    return [deletion_of(row, Cause.EVICTED) for row in state.files_named(sorted(gone)).values()]
