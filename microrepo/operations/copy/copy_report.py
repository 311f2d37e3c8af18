"""What a copy did: noted while it runs, told at its end."""

from __future__ import annotations

from msgspec import Struct

from microrepo.cause_texts import action_text
from microrepo.exit_codes import ExitCode
from microrepo.model import Action, ActionKind, Decision
from microrepo.operations.copy.endpoints import Ends
from microrepo.operations.copy.file_transfers import Sent
from microrepo.operations.records.report import Failure
from microrepo.plan import Totals, totals_of


class CopyReport(Struct, frozen=True):
    """What a copy did.

    Attributes:
        exit_code: as the command line returns it.
        projects: how many were looked at.
        totals: counts and bytes of the plan; `adopt` counts what was at the destination already.
        copied: files that arrived, `copied_bytes` in all.
        reused_bytes: of these came from templates, not from the source.
        already: files that someone else brought meanwhile, identical.
        rejected: per rule how many files it left out.
        failed: files and projects that could not be copied, and why.
        conflicts: files in whose place the destination has other content.
        missing: named projects that the source does not know.
        refused: why nothing (more) was sent.
        plan: the actions, in a dry run.
    """

    operation: str
    source: str
    destination: str
    exit_code: int
    started_at: str
    seconds: float
    dry_run: bool = False
    projects: int = 0
    totals: Totals = Totals()
    copied: int = 0
    copied_bytes: int = 0
    reused_bytes: int = 0
    already: int = 0
    rejected: dict[str, int] = {}
    failed: tuple[Failure, ...] = ()
    conflicts: tuple[Failure, ...] = ()
    missing: tuple[str, ...] = ()
    refused: str = ""
    plan: tuple[Action, ...] = ()


class Tally:
    """What is known of a copy so far.

    Attributes:
        refused: why nothing more is sent; empty while all is well.
    """

    def __init__(self) -> None:
        self.projects = 0
        self.failed: list[Failure] = []
        self.missing: list[str] = []
        self.refused = ""
        self.conflicts: list[Failure] = []
        self._rejected: dict[str, int] = {}
        self._plan: list[Action] = []
        self._totals = Totals()
        self._sent = Sent()

    @property
    def has_copied(self) -> bool:
        """Whether any file has arrived."""
        return self._sent.copied > 0

    def leave_out(self, decision: Decision) -> None:
        """Note a file that a rule leaves out."""
        rule = decision.cause.value
        self._rejected[rule] = self._rejected.get(rule, 0) + 1

    def add_plan(self, actions: tuple[Action, ...], *, keep: bool) -> None:
        """Note a plan, with its actions when they are to be shown."""
        self._totals += totals_of(actions)
        for action in actions:
            if action.kind is ActionKind.CONFLICT:
                self.conflicts.append(Failure(action.filename, action_text(action)))
        if keep:
            self._plan += [a for a in actions if a.kind is not ActionKind.ADOPT]

    def add_sent(self, sent: Sent) -> None:
        """Note what became of the files of a wave."""
        self._sent += sent
        self.failed += sent.failed
        self.conflicts += sent.conflicts
        self.refused = sent.refused

    def report(
        self, operation: str, ends: Ends, started_at: str, seconds: float, *, dry_run: bool
    ) -> CopyReport:
        """Return what was done."""
        code = ExitCode.DONE
        if self.refused:
            code = ExitCode.FAILED
        elif self.failed or self.conflicts or self.missing:
            code = ExitCode.INCOMPLETE
        return CopyReport(
            operation=operation,
            source=ends.source.name,
            destination=ends.destination.name,
            exit_code=code,
            started_at=started_at,
            seconds=round(seconds, 3),
            dry_run=dry_run,
            projects=self.projects,
            totals=self._totals,
            copied=self._sent.copied,
            copied_bytes=self._sent.copied_bytes,
            reused_bytes=self._sent.reused_bytes,
            already=self._sent.already,
            rejected=dict(sorted(self._rejected.items())),
            failed=tuple(self.failed),
            conflicts=tuple(self.conflicts),
            missing=tuple(self.missing),
            refused=self.refused,
            plan=tuple(self._plan),
        )
