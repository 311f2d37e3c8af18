"""One batch of a refresh: plan, transfer, commit.

Batches limit the memory for a whole index, and let downloads start in the first minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from microrepo.cause_texts import action_text
from microrepo.config.schema import Config
from microrepo.config.sizes import format_size
from microrepo.errors import NoSpace
from microrepo.formats.distribution.filenames import FLAT_DIRECTORY_SUFFIXES, is_variants_index
from microrepo.guards import check_inodes, check_space, inodes_needed
from microrepo.model import Action, ActionKind
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.repository_directory import FETCHED, Journal, RepositoryDirectory
from microrepo.operations.apply.transfer import Transfer
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.records.report import Failure
from microrepo.operations.refresh.batch_records import BatchRecords
from microrepo.operations.refresh.deletions import (
    with_causes,
    with_forged,
    with_quarantine,
    without_doubtful_deletions,
    without_needed,
)
from microrepo.operations.refresh.present_files import find_present
from microrepo.operations.refresh.project_decisions import Looked
from microrepo.operations.refresh.size_budget import Budget
from microrepo.operations.refresh.trust.kept_provenance import keep_provenance
from microrepo.operations.run.plan_limits import limits_of
from microrepo.operations.run.run_rules import Rules
from microrepo.plan import list_only, make_plan, totals_of
from microrepo.state.file_rows import Origin
from microrepo.stores.objects.protected_contents import ProtectedContents

BATCH_PROJECTS = 300


class BatchResult(Struct, frozen=True):
    """Work that a batch leaves for the end of the run.

    Attributes:
        deletions: files to delete, whose replacements have arrived.
        changed: projects whose files or record changed.
    """

    deletions: tuple[Action, ...] = ()
    changed: frozenset[str] = frozenset()


class StartedBatch(Struct, frozen=True):
    """A batch with running transfers; without a transfer it was only planned."""

    looked: Sequence[Looked]
    plan: Sequence[Action]
    changed: frozenset[str] = frozenset()
    transfer: Transfer | None = None

    def record_arrived(self) -> None:
        """Record the files that have arrived, if the run ends before the batch."""
        if self.transfer is not None:
            self.transfer.record_arrived()


class ProjectBatches:
    """Takes projects from decisions to a committed state, batch by batch.

    Starting and finishing a batch are separate, so that the next batch is planned while the files
    of this one arrive.

    Attributes:
        needed: files that unmet goals need; they are kept whatever the decisions.
    """

    def __init__(
        self,
        config: Config,
        holdings: Holdings,
        work: WorkContext,
        rules: Rules,
        *,
        replace: bool = False,
    ) -> None:
        self._config = config
        self._holdings = holdings
        self._work = work
        self.unfinished: set[str] = set()
        self._records = BatchRecords(holdings, work)
        self.budget = Budget(holdings, work.report, rules)
        self._replace = replace
        self._trust = rules.policy.trust
        self._state = holdings.state
        self._report = work.report
        self._warned_of_formats = False
        self._bytes_under_way = 0
        self.needed: set[str] = set()

    def run(self, looked: Sequence[Looked]) -> BatchResult:
        """Plan, transfer and commit; in a dry run, only plan."""
        return self.finish(self.begin(looked))

    def begin(self, looked: Sequence[Looked]) -> StartedBatch:
        """Plan, record the plan, and queue the transfers."""
        looked = self.budget.fit(looked, self._bytes_under_way)
        wanted = [item for one in looked for item in one.wanted()]
        recorded = {
            row.filename: row for row in self._state.files(one.project.name for one in looked)
        }
        present = find_present(self._holdings, self._work, looked, wanted, recorded)
        self._warn_of_old_formats(item.file.filename for item in wanted)
        plan = make_plan(wanted, present, prune=self._config.prune, replace=self._replace)
        if not self._holdings.links.files:
            plan = list_only(plan, present)
        plan = without_doubtful_deletions(plan, looked)
        plan = with_causes(plan, looked)
        held = [row for row in recorded.values() if self._holdings.holds(row)]
        plan = with_quarantine(plan, looked, held, self._config.removed)
        plan = without_needed(with_forged(plan, looked, held), self.needed)
        self._report.totals += totals_of(plan)
        refused = self._check_space(plan)
        if self._report.dry_run:
            self._note_conflicts(plan)
            self._report.plan.extend(a for a in plan if a.kind is not ActionKind.KEEP)
        if refused or self._report.dry_run:
            self._report.refused = self._report.refused or refused
            return StartedBatch(looked, plan)
        origins = {item.file.filename: Origin(item.cause, item.detail) for item in wanted}
        changed = self._records.record_plan(looked, plan, present, recorded, origins)
        downloads = [action for action in plan if action.kind is ActionKind.DOWNLOAD]
        self._bytes_under_way += totals_of(downloads).download_bytes
        return StartedBatch(looked, plan, changed, self._transfer(downloads, origins))

    def _transfer(self, downloads: Sequence[Action], origins: Mapping[str, Origin]) -> Transfer:
        destination = RepositoryDirectory(
            self._holdings.directory,
            FETCHED,
            Journal(self._state, self._report.run, "add", origins),
            unfinished=self.unfinished,
        )
        return Transfer(downloads, destination, self._work)

    def finish(self, begun: StartedBatch) -> BatchResult:
        """Wait for the transfers, commit them, and return what is left for the end of the run."""
        if begun.transfer is None:
            return BatchResult(_deletions(begun.plan))
        failed = begun.transfer.collect()
        self._bytes_under_way -= totals_of(begun.plan).download_bytes
        failed |= self._note_conflicts(begun.plan)
        if self._trust.keep and self._holdings.links.files:
            failed |= keep_provenance(self._holdings, self._work, begun.looked)
        deletions = tuple(a for a in _deletions(begun.plan) if a.project not in failed)
        self._records.finish_projects(
            begun.looked, failed, {action.project for action in deletions}
        )
        return BatchResult(deletions, begun.changed)

    @staticmethod
    def collide(begun: StartedBatch, looked: Sequence[Looked]) -> bool:
        """Return whether projects need file names that running transfers will use."""
        taken = {action.filename.casefold() for action in begun.plan}
        return any(
            item.file.filename.casefold() in taken for one in looked for item in one.wanted()
        )

    def _warn_of_old_formats(self, filenames: Iterable[str]) -> None:
        """Warn once per run that pip ignores some formats in a flat directory."""
        old = next(
            (
                name
                for name in filenames
                if not (name.endswith(FLAT_DIRECTORY_SUFFIXES) or is_variants_index(name))
            ),
            None,
        )
        if old is not None and not self._warned_of_formats:
            self._warned_of_formats = True
            self._report.warn(
                f"newer pip ignores files such as {old} in a flat directory, where it reads only "
                ".whl, .tar.gz and .zip. Index pages list them all."
            )

    def _check_space(self, plan: Sequence[Action]) -> str:
        refused_budget = self.budget.refusal()
        if refused_budget:
            return f"{refused_budget}{_held_by_snapshots(self._holdings, frees=False)}"
        totals = totals_of(plan)
        if not totals.download or (self._report.dry_run and not self._holdings.directory.exists()):
            return ""
        limits = limits_of(self._config)
        # Counting millions of files for each batch would cost more than the batch.
        there = 0 if limits.max_total_bytes is None else self._state.present_bytes()
        refused = check_space(
            totals.download_bytes,
            there + self._bytes_under_way,
            self._holdings.directory.free_bytes() - self._bytes_under_way,
            limits,
        ) or check_inodes(
            inodes_needed(plan, with_pages=self._config.simple),
            self._holdings.directory.free_inodes(),
        )
        if refused is None:
            return ""
        return f"{refused}{_held_by_snapshots(self._holdings, frees=isinstance(refused, NoSpace))}"

    def _note_conflicts(self, plan: Sequence[Action]) -> set[str]:
        """Report names with different content; return the projects that lack a file."""
        for action in plan:
            if action.kind is ActionKind.CONFLICT or action.claimants:
                self._report.conflicts.append(Failure(action.filename, action_text(action)))
        return {action.project for action in plan if action.kind is ActionKind.CONFLICT}


def _held_by_snapshots(holdings: Holdings, *, frees: bool) -> str:
    """Return the end of a refusal: the bytes that only snapshots hold, "" without any.

    Args:
        frees: deleting snapshots makes room for the plan.
    """
    held = ProtectedContents.of(holdings.directory.path).measure().own_bytes
    if not held:
        return ""
    if frees:
        return f" `microrepo snapshot prune` frees {format_size(held)} that only snapshots hold."
    return f" This does not count {format_size(held)} that only snapshots hold."


def _deletions(plan: Iterable[Action]) -> tuple[Action, ...]:
    return tuple(action for action in plan if action.kind is ActionKind.DELETE)
