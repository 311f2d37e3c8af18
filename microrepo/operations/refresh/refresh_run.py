"""One run of a refresh: batches of projects, then removed projects, then deletions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from microrepo.batching import batched
from microrepo.guards import count_bare
from microrepo.model import Action, ActionKind, Cause, NormalizedName
from microrepo.operations.pages.publishing import RepositoryPages
from microrepo.operations.provenance.evidence_check import check_of
from microrepo.operations.refresh.batches import (
    BATCH_PROJECTS,
    BatchResult,
    ProjectBatches,
    StartedBatch,
)
from microrepo.operations.refresh.deletions import (
    delete_of_projects,
    deletions_of_projects,
    files_of_unmet,
    refused_deletions,
    unless_slip,
    without_needed,
)
from microrepo.operations.refresh.project_decisions import Looked, deciding_by, look
from microrepo.operations.refresh.trust.kept_content import with_kept_content
from microrepo.operations.refresh.trust.release_evidence import with_evidence
from microrepo.operations.refresh.upstream.change_detection import Changes, Visit
from microrepo.operations.refresh.upstream.own_pythons import with_own_pythons
from microrepo.operations.refresh.upstream.record_reader import RecordReader
from microrepo.operations.refresh.upstream.release_advisories import advised
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_rules import Rules
from microrepo.plan import totals_of


class Run:
    """The batches of one refresh, then its deletions.

    Args:
        pages: of the repository, with its settings, its files and the run.
        only_these: other projects are not changed.
        replace: overwrite differing files that microrepo did not download.
    """

    def __init__(
        self,
        pages: RepositoryPages,
        sources: Sources,
        rules: Rules,
        *,
        only_these: bool,
        replace: bool,
    ) -> None:
        self.pages = pages
        self._config = config = pages.config
        self._holdings = holdings = pages.holdings
        self.sources = sources
        self._work = work = pages.work
        self.rules = rules
        self._only_these = only_these
        self._records = RecordReader(holdings.state, sources, work, rules)
        self.batches = ProjectBatches(config, holdings, work, rules, replace=replace)
        self._deletions: list[Action] = []
        self._outside: list[Action] = []  # deletions not counted by a batch

    def keep(self, filenames: Iterable[str]) -> None:
        """Keep the files that unmet goals need, whatever made the goals fail."""
        self.batches.needed.update(filenames)

    def carry_out(self, changes: Changes) -> None:
        """Process the changed projects, batch by batch."""
        report, state = self._work.report, self._holdings.state
        report.waiting = changes.waiting
        self._go_through(changes.visits)
        if report.refused:
            return
        self.end_projects(changes, self._records.gone)
        self.delete()
        if not (report.refused or report.dry_run or self._only_these):
            with state.transaction():
                state.save_requirers((), replace=True)

    def _go_through(self, visits: Sequence[Visit]) -> None:
        """Run batches overlapped: while files of one arrive, the next is read and planned.

        Requests are queued two batches ahead, so that responses arrive in time.
        """
        batches = list(batched(visits, BATCH_PROJECTS))
        decide = deciding_by(self.rules, self._work.now)
        trust, check = self.rules.policy.trust, check_of(self._config, self._holdings.directory)
        asked = [self._records.ask(batch) for batch in batches[:2]]
        under_way: list[StartedBatch] = []
        try:
            for number, batch in enumerate(batches):
                self._work.check()
                read = self._records.read(batch, asked[number])
                records = with_kept_content(self._holdings.state, self._work, read, self.rules)
                if self.rules.policy.asks_advisories:
                    records = advised(self.sources, self._work, records, decide)
                records = with_evidence(self._work, records, decide, trust, check)
                records = with_own_pythons(self._holdings, self._work, records, decide)
                looked = look(self._work.report, self.rules, records, decide)
                self.keep_requested(looked)
                if under_way and self.batches.collide(under_way[0], looked):
                    self._finish(under_way)
                under_way.append(self.batches.begin(looked))
                asked.extend(self._records.ask(ahead) for ahead in batches[number + 2 :][:1])
                asked[number] = []
                if len(under_way) > 1:
                    self._finish(under_way)
                if self._work.report.refused:
                    break
            while under_way:
                self._finish(under_way)
        finally:
            for begun in under_way:
                begun.record_arrived()

    def keep_requested(self, looked: Iterable[Looked]) -> None:
        """Keep the files that meet requirements of which no file is selected now."""
        policy = self.rules.policy
        for one in looked:
            rows = self._holdings.state.files([one.project.name])
            self.keep(files_of_unmet(policy, one.project.name, one.decisions, rows))

    def _finish(self, under_way: list[StartedBatch]) -> None:
        self._take(self.batches.finish(under_way[0]))
        del under_way[0]

    def carry(self, looked: Sequence[Looked]) -> None:
        """Transfer the selected files of projects, batch by batch, until one is refused."""
        for batch in batched(looked, BATCH_PROJECTS):
            self._take(self.batches.run(batch))
            if self._work.report.refused:
                return

    def _take(self, result: BatchResult) -> None:
        """Save what a batch leaves for the end, and publish its changes."""
        self._deletions.extend(result.deletions)
        # Files to delete stay on the pages until the guards have allowed the deletion.
        ready = result.changed - {action.project for action in result.deletions}
        if ready:
            self.pages.write(ready)

    def end_projects(self, changes: Changes, unknown: Sequence[NormalizedName]) -> None:
        """Plan deletions for projects that upstream removed or nobody requests."""
        requested = self.rules.policy.requested
        if requested is not None:
            self._work.report.missing.extend(sorted(requested.keys() & set(unknown)))
        removed = [*changes.gone, *unknown]
        if requested is not None:  # a requested project that is removed is an unmet goal
            removed = [name for name in removed if name not in requested]
        if self._config.removed != "keep":
            self._outside.extend(self._deletions_of(removed, Cause.REMOVED))
        if self._config.prune:
            listed = [n for n in changes.unrequested if self.rules.policy.leaves_out(n)]
            others = sorted(set(changes.unrequested) - set(listed))
            self._outside.extend(self._deletions_of(listed, Cause.LEFT_OUT))
            self._outside.extend(
                unless_slip(self._deletions_of(others, Cause.UNREQUESTED), self._work.report)
            )

    def _deletions_of(self, names: Sequence[NormalizedName], cause: Cause) -> list[Action]:
        return deletions_of_projects(
            self._holdings, names, cause, dry_run=self._work.report.dry_run
        )

    def delete(self) -> None:
        """Delete the planned files, if the guard allows it."""
        needed = self.batches.needed
        self._outside.extend(self.batches.budget.deletions() if self._config.prune else ())
        outside = without_needed(self._outside, needed)
        planned = [*without_needed(self._deletions, needed), *outside]
        report = self._work.report
        refused = refused_deletions(self._config, self._holdings, planned)
        if refused is not None:
            report.refused, report.refused_deletes = refused, count_bare(planned)
            return
        report.totals += totals_of(outside)
        if report.dry_run:
            report.plan.extend(outside)
            report.plan.sort(key=lambda action: (action.kind is ActionKind.DELETE, action.filename))
            return
        delete_of_projects(self.pages, planned)
