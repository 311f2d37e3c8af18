"""Report of a run, from which the table, the JSON and the exit code are made."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from microrepo.cause_texts import action_text
from microrepo.exit_codes import ExitCode
from microrepo.model import Action, ActionKind, Outcome
from microrepo.plan import Totals, totals_of
from microrepo.selection.trust.cool_down import HeldBack
from microrepo.state import RunTotals


class Failure(Struct, frozen=True, omit_defaults=True):
    """A project, a file or a goal that is missing, and why; `projects`: those that a goal names."""

    what: str
    why: str
    projects: tuple[str, ...] = ()


class RunReport(Struct, frozen=True, kw_only=True):
    """Result of a command.

    Attributes:
        exit_code: exit code of the command.
        started_at: start of the command, which took `seconds`.
        failed: files, projects and requirements that failed.
    """

    operation: str
    exit_code: int
    started_at: str
    seconds: float
    dry_run: bool = False
    failed: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()


class PlannedReport(RunReport, frozen=True, kw_only=True):
    """Result of a command that carries out a plan.

    Attributes:
        conflicts: files whose name other content has.
        refused: why the plan, or the rest of it, was refused.
        plan: the actions, in a dry run.
    """

    conflicts: tuple[Failure, ...] = ()
    refused: str = ""
    plan: tuple[Action, ...] = ()


class Report(PlannedReport, frozen=True, kw_only=True):
    """Result of a run.

    Attributes:
        projects: records checked; `fetched` were downloaded, `unchanged` had not changed.
        unasked: projects not requested because of `exclude` and `allow`.
        without_files: projects of which no file is selected.
        emptied: requested projects among them, with the rules that skipped their files.
        totals: counts and bytes of the plan.
        downloaded: files that arrived, `downloaded_bytes` in total, `received_bytes` on the
            network, `reused_bytes` from a store.
        fallbacks: files downloaded from the source because the file host failed.
        rejected: number of skipped files per rule.
        missing: requested projects that the source does not have.
        notes: notes of the resolver on chosen releases.
        sdist_only: releases that installers must build.
        environments: target environments of the resolution.
        passed_over: newer releases that fit no environment, so that older ones are used.
        distrusted: releases that are refused for their provenance, and why.
        confusable: new dependencies with names like those of well-known projects.
        replaced: held files for which a source lists other content, with both digests.
        vulnerable: kept releases with known vulnerabilities, unless these are ignored.
        held_back: releases that are too young for `min_age_days`, and when they are due; the first
            ones.
        malware: releases that were held when an advisory reported them as malware.
        unverifiable: kept files whose attestations could not be verified, and why.
        locks: lock files that are up to date; `locks_changed` of them were written.
        metadata: distributions whose metadata was read from a source.
        rounds: number of rounds in which the resolver requested facts.
        solver_s: CPU seconds of the resolver, without reading facts.
        refused_deletes: number of refused deletions, 0 for other reasons.
        run: number in the history, 0 for a run that is not recorded.
    """

    repository: str
    run: int = 0
    projects: int = 0
    fetched: int = 0
    unchanged: int = 0
    waiting: int = 0
    unasked: int = 0
    without_files: int = 0
    emptied: dict[str, str] = {}
    totals: Totals = Totals()
    downloaded: int = 0
    downloaded_bytes: int = 0
    received_bytes: int = 0
    reused_bytes: int = 0
    resumed: int = 0
    fallbacks: int = 0
    adopted: int = 0
    deleted: int = 0
    deleted_bytes: int = 0
    rejected: dict[str, int] = {}
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    metadata: int = 0
    rounds: int = 0
    solver_s: float = 0.0
    sdist_only: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()
    vulnerable: tuple[str, ...] = ()
    distrusted: tuple[str, ...] = ()
    unverifiable: tuple[str, ...] = ()
    confusable: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    malware: tuple[str, ...] = ()
    held_back: tuple[HeldBack, ...] = ()
    locks: tuple[str, ...] = ()
    locks_changed: int = 0
    refused_deletes: int = 0
    interrupted: bool = False


def run_totals(report: Report) -> RunTotals:
    """Return the totals of a report that the state stores separately."""
    return RunTotals(
        report.downloaded,
        report.downloaded_bytes,
        report.deleted,
        report.deleted_bytes,
        len(report.failed),
    )


Kind = TypeVar("Kind", bound=RunReport)


class ReportBuilder:
    """Collects the events of a run; `build` makes the report."""

    def __init__(
        self,
        operation: str,
        repository: str,
        started_at: str,
        say: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._clock = clock
        self._begun = clock()
        self.operation = operation
        self.repository = repository
        self.started_at = started_at
        self.run = 0
        self.seconds = 0.0
        self.dry_run = False
        self.projects = self.fetched = self.unchanged = 0
        self.waiting = 0
        self.unasked = 0
        self.without_files = 0
        self.emptied: dict[str, str] = {}
        self.totals = Totals()
        self.deleted = self.deleted_bytes = 0
        self.rejected: Counter[str] = Counter()
        self.failed: list[Failure] = []
        self.conflicts: list[Failure] = []
        self.missing: list[str] = []
        self.warnings: list[str] = []
        self.notes: list[str] = []
        self.metadata = 0
        self.rounds = 0
        self.solver_s = 0.0
        self.sdist_only: list[str] = []
        self.environments: list[str] = []
        self.passed_over: list[str] = []
        self.vulnerable: list[str] = []
        self.distrusted: list[str] = []
        self.unverifiable: list[str] = []
        self.confusable: list[str] = []
        self.replaced: list[str] = []
        self.malware: list[str] = []
        self.held_back: list[HeldBack] = []
        self.locks: list[str] = []
        self.locks_changed = 0
        self.refused = ""
        self.refused_deletes = 0
        self.interrupted = False
        self.plan: list[Action] = []
        self.fallbacks = 0
        self.already = 0
        self.reused_bytes = 0
        self.downloaded = self.downloaded_bytes = 0
        self.received_bytes = 0
        self.resumed = 0
        self.asked = 0
        self.unreachable = 0

    def warn(self, text: str) -> None:
        """Record a warning and show it."""
        self.warnings.append(text)
        self._say(f"warning: {text}")

    def add_plan(self, actions: Sequence[Action]) -> None:
        """Count a plan; record its conflicts and, in a dry run, its actions."""
        self.totals += totals_of(actions)
        for action in actions:
            if action.kind is ActionKind.CONFLICT:
                self.conflicts.append(Failure(action.filename, action_text(action)))
        if self.dry_run:
            settled = {ActionKind.KEEP, ActionKind.ADOPT}
            self.plan += [action for action in actions if action.kind not in settled]

    def add_outcome(self, outcome: Outcome) -> None:
        """Count the outcome of one file."""
        self.received_bytes += outcome.fetched_bytes
        self.resumed += outcome.resumed
        self.fallbacks += bool(outcome.note)
        if outcome.status == "present":
            self.already += 1
        elif outcome.status == "conflict":
            self.conflicts.append(Failure(outcome.filename, outcome.error))
        elif outcome.ok:
            self.reused_bytes += outcome.reused_bytes
            self.downloaded += 1
            self.downloaded_bytes += outcome.size_bytes
        else:
            self.failed.append(Failure(outcome.filename, outcome.error))

    def add_metadata(self, fetched_bytes: int) -> None:
        """Count one distribution whose metadata was read from a source."""
        self.metadata += 1
        self.received_bytes += fetched_bytes

    def exit_code(self) -> int:
        """Return the exit code of the run, see docs/reference/cli.md."""
        if self.refused or (self.asked and self.asked == self.unreachable):
            return ExitCode.FAILED
        if self.failed or self.missing or self.conflicts or self.waiting:
            return ExitCode.INCOMPLETE
        return ExitCode.DONE

    def end(self) -> None:
        """Note how long the run took; without, it lasts until `build`."""
        self.seconds = self._clock() - self._begun

    def build(self) -> Report:
        """Return the finished report."""
        return self.build_as(Report, adopted=self.totals.adopt)

    def build_as(self, kind: type[Kind], **own: object) -> Kind:
        """Return the finished report as another record; `own` sets the fields that only it has."""
        seconds = self.seconds or self._clock() - self._begun
        values: dict[str, Any] = {
            **vars(self),
            "exit_code": self.exit_code(),
            "seconds": seconds,
            **own,
        }
        fields = (name for name in kind.__struct_fields__ if name in values)
        return kind(**{name: _settled(values[name]) for name in fields})


def _settled(value: object) -> Any:
    """Return a value as reports hold it: rounded, sorted, each text once."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, Counter):
        return dict(sorted(value.items()))
    if isinstance(value, list):
        return tuple(dict.fromkeys(value) if isinstance(next(iter(value), None), str) else value)
    return value
