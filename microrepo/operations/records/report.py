"""Report of a run, from which the table, the JSON and the exit code are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from msgspec import Struct

from microrepo.cause_texts import action_text
from microrepo.exit_codes import ExitCode
from microrepo.model import Action, ActionKind, Outcome
from microrepo.plan import Totals, totals_of
from microrepo.state import RunTotals


class Failure(Struct, frozen=True):
    """A project or a file that is missing, and why."""

    what: str
    why: str


class Report(Struct, frozen=True):
    """Result of a run.

    Attributes:
        exit_code: exit code of the command.
        projects: records checked; `fetched` were downloaded, `unchanged` had not changed.
        unasked: projects not requested because of `exclude` and `allow`.
        without_files: projects of which no file is selected.
        emptied: requested projects among them, with the rules that skipped their files.
        totals: counts and bytes of the plan.
        downloaded: files that arrived, `downloaded_bytes` in total, `received_bytes` on the
            network.
        fallbacks: files downloaded from the source because the file host failed.
        rejected: number of skipped files per rule.
        failed: files and projects that failed.
        missing: requested projects that the source does not have.
        notes: notes of the resolver on chosen releases.
        sdist_only: releases that installers must build.
        environments: target environments of the resolution.
        passed_over: newer releases that fit no environment, so that older ones are used.
        vulnerable: kept releases with known vulnerabilities, if `vulnerabilities` is "report".
        locks: lock files that are up to date; `locks_changed` of them were written.
        metadata: distributions whose metadata was read from a source.
        rounds: number of rounds in which the resolver requested facts.
        solver_s: CPU seconds of the resolver, without reading facts.
        refused: message of the guard that refused the plan.
        refused_deletes: number of refused deletions, 0 for other reasons.
        plan: the actions, in a dry run.
        run: number in the history, 0 for a run that is not recorded.
    """

    operation: str
    repository: str
    exit_code: int
    started_at: str
    seconds: float
    run: int = 0
    dry_run: bool = False
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
    resumed: int = 0
    fallbacks: int = 0
    adopted: int = 0
    deleted: int = 0
    deleted_bytes: int = 0
    rejected: dict[str, int] = {}
    failed: tuple[Failure, ...] = ()
    conflicts: tuple[Failure, ...] = ()
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    metadata: int = 0
    rounds: int = 0
    solver_s: float = 0.0
    sdist_only: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()
    vulnerable: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    locks_changed: int = 0
    refused: str = ""
    refused_deletes: int = 0
    interrupted: bool = False
    plan: tuple[Action, ...] = ()


def run_totals(report: Report) -> RunTotals:
    """Return the totals of a report that the state stores separately."""
    return RunTotals(
        report.downloaded,
        report.downloaded_bytes,
        report.deleted,
        report.deleted_bytes,
        len(report.failed),
    )


class ReportBuilder:
    """Collects the events of a run; `build` makes the report."""

    def __init__(
        self,
        operation: str,
        repository: str,
        started_at: str,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._say = say
        self.operation = operation
        self._repository = repository
        self.started_at = started_at
        self.run = 0
        self.seconds = 0.0
        self.dry_run = False
        self.projects = 0
        self.fetched = 0
        self.unchanged = 0
        self.waiting = 0
        self.unasked = 0
        self.without_files = 0
        self.emptied: dict[str, str] = {}
        self.totals = Totals()
        self.deleted = 0
        self.deleted_bytes = 0
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
        self.locks: list[str] = []
        self.locks_changed = 0
        self.refused = ""
        self.refused_deletes = 0
        self.interrupted = False
        self.plan: list[Action] = []
        self.fallbacks = 0
        self.already = 0
        self.reused_bytes = 0
        self.downloaded = 0
        self.downloaded_bytes = 0
        self._received_bytes = 0
        self._resumed = 0
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
        self._received_bytes += outcome.fetched_bytes
        self._resumed += outcome.resumed
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
        self._received_bytes += fetched_bytes

    def exit_code(self) -> int:
        """Return the exit code of the run, see docs/reference/cli.md."""
        if self.refused or (self.asked and self.asked == self.unreachable):
            return ExitCode.FAILED
        if self.failed or self.missing or self.conflicts or self.waiting:
            return ExitCode.INCOMPLETE
        return ExitCode.DONE

    def build(self, seconds: float) -> Report:
        """Return the finished report."""
        return Report(
            operation=self.operation,
            repository=self._repository,
            exit_code=self.exit_code(),
            started_at=self.started_at,
            seconds=round(seconds, 3),
            run=self.run,
            dry_run=self.dry_run,
            projects=self.projects,
            fetched=self.fetched,
            unchanged=self.unchanged,
            waiting=self.waiting,
            unasked=self.unasked,
            without_files=self.without_files,
            emptied=self.emptied,
            totals=self.totals,
            downloaded=self.downloaded,
            downloaded_bytes=self.downloaded_bytes,
            received_bytes=self._received_bytes,
            resumed=self._resumed,
            fallbacks=self.fallbacks,
            adopted=self.totals.adopt,
            deleted=self.deleted,
            deleted_bytes=self.deleted_bytes,
            rejected=dict(sorted(self.rejected.items())),
            failed=tuple(self.failed),
            conflicts=tuple(self.conflicts),
            missing=tuple(self.missing),
            warnings=tuple(dict.fromkeys(self.warnings)),
            notes=tuple(dict.fromkeys(self.notes)),
            metadata=self.metadata,
            rounds=self.rounds,
            solver_s=round(self.solver_s, 3),
            sdist_only=tuple(self.sdist_only),
            environments=tuple(self.environments),
            passed_over=tuple(dict.fromkeys(self.passed_over)),
            vulnerable=tuple(dict.fromkeys(self.vulnerable)),
            locks=tuple(self.locks),
            locks_changed=self.locks_changed,
            refused=self.refused,
            refused_deletes=self.refused_deletes,
            interrupted=self.interrupted,
            plan=tuple(self.plan),
        )
