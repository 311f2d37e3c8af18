"""Copy of selected distributions between repositories.

Files are compared by name and digest, never by date. The destination is read before anything is
sent, each page once, so an interrupted copy can simply run again.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from msgspec import Struct

from microrepo.batching import batched
from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.errors import Cancelled, ProjectNotFound, Unavailable
from microrepo.formats.distribution.filenames import is_variants_index
from microrepo.model import ActionKind, File, NormalizedName, Project
from microrepo.operations.apply.destination import Destination
from microrepo.operations.apply.repository_directory import Placement
from microrepo.operations.apply.transfer import carry
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.copy.channel import Channel, open_channel
from microrepo.operations.copy.copy_report import CopyReport, copy_report
from microrepo.operations.copy.endpoints import Endpoints
from microrepo.operations.copy.hash_cache import HashCache
from microrepo.operations.copy.inventory import Inventory
from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.plan import Wanted, make_plan
from microrepo.reporting import Reporter, SilentReporter
from microrepo.selection.rules.decisions import select
from microrepo.selection.rules.policy import Policy
from microrepo.selection.rules.release_rules import unmet_requests
from microrepo.state import unpack
from microrepo.stores.placement import Sharing
from microrepo.transfer.pool.worker import run_task
from microrepo.transfer.tasks import ProjectOutcome

BATCH_PROJECTS = 200

__all__ = ["CopyOptions", "CopyReport", "CopyRun", "Manner", "Select", "copy"]

Select = Callable[[Project], Sequence[Wanted]]


class CopyOptions(Struct, frozen=True):
    """Options of a copy.

    Attributes:
        dry_run: read everything, change nothing.
        link: use hard links if the destination is a directory on the same file system.
        batch_projects: projects per batch; one batch completes before the next starts.
        cancel: event that stops the copy at the next file.
        whole: transfer nothing of a batch with a conflict.
        verify: read every local file whose digest is known before it is linked; otherwise only
            those that changed since the digest was recorded.
        read_held: read the destination's files if it lists no digests; otherwise an existing name
            is a conflict. Local files are always read.
        hashes: digests of local files, computed earlier.
        template_for: returns, for a file name, a local older wheel that shares content with it.
    """

    dry_run: bool = False
    link: bool = True
    batch_projects: int = BATCH_PROJECTS
    cancel: threading.Event | None = None
    whole: bool = False
    verify: bool = True
    read_held: bool = True
    hashes: HashCache | None = None
    template_for: Callable[[str], Path | None] = lambda _: None


# The name of the library's first release.
Manner = CopyOptions


def copy(
    config: Config,
    endpoints: Endpoints,
    policy: Policy,
    *,
    how: CopyOptions | None = None,
    operation: str = "copy",
    choose: Select | None = None,
    reporter: Reporter | None = None,
) -> CopyReport:
    """Copy the files that `policy` selects.

    Args:
        config: network settings, workers, free space to leave.
        endpoints: source and destination, see `operations.copy.endpoints`.
        policy: selects files.
        how: options of the copy.
        operation: name for the report.
        choose: selects the files of a project instead of the policy.
        reporter: receives progress.

    Returns:
        The report; its `exit_code` is 0 if everything succeeded.

    Raises:
        Locked: another copy to the same destination runs on this machine.
        Cancelled: `cancel` was set.
        SourceError: the source's list of projects, or a destination's page, cannot be read.
    """
    manner = how or CopyOptions()
    watching = reporter or SilentReporter()
    with open_channel(config, endpoints, watching.add_bytes, dry_run=manner.dry_run) as channel:
        run = CopyRun(channel, manner, watching, operation)
        run.choose = choose or run.choosing_by(policy)
        run.carry_out(policy)
        return copy_report(run.report, endpoints)


class CopyRun:
    """A running copy.

    Args:
        operation: name for the report.

    Attributes:
        choose: selects the files of a project.
        report: results so far.
    """

    def __init__(
        self, channel: Channel, how: CopyOptions, reporter: Reporter, operation: str = "copy"
    ) -> None:
        self.choose: Select = lambda _: ()
        self._channel = channel
        self._how = how
        self._reporter = reporter
        self._inventory = Inventory(channel.pool, read_held=how.read_held, hashes=how.hashes)
        self.report = ReportBuilder(operation, channel.endpoints.destination.name, now())
        self.report.dry_run = how.dry_run
        self._conduct = WorkContext(channel.pool, self.report, reporter, self._check_cancelled)

    def choosing_by(self, policy: Policy) -> Select:
        """Return a function that selects files by the policy, for each project by itself."""
        moment = now()
        # An index makes these from the wheels that it accepts; the form has no type for them.
        is_upload = self._channel.endpoints.destination.kind == "upload"

        def choose(project: Project) -> list[Wanted]:
            decisions = select(project, policy, moment)
            rejected = Counter(one.cause.value for one in decisions if not one.keep)
            self.report.rejected.update(rejected)
            wanted = [
                Wanted(project.name, one.file, one.cause, one.detail)
                for one in decisions
                if one.keep and not (is_upload and is_variants_index(one.file.filename))
            ]
            if not wanted and policy.requested is not None:
                why = ", ".join(f"{count} {rule}" for rule, count in sorted(rejected.items()))
                text = f"no file to copy ({why or 'the source lists none'})"
                self.report.failed.append(Failure(project.name, text))
            elif unmet := unmet_requests(project.name, decisions, policy):
                text = f"no file to copy for {', '.join(unmet)}"
                self.report.failed.append(Failure(project.name, text))
            return wanted

        return choose

    def carry_out(self, policy: Policy) -> None:
        """Copy batch by batch."""
        for batch in batched(self._names(policy), self._how.batch_projects):
            self._check_cancelled()
            self.copy_projects(batch)
            if self.report.refused:
                break
        report, totals = self.report, self.report.totals
        problems = report.refused or report.failed or report.missing or report.conflicts
        is_asked = policy.requested is None or policy.requested
        if is_asked and not problems and not (totals.download or totals.adopt or totals.keep):
            source = self._channel.endpoints.source.name
            report.failed.append(Failure(source, "no file to copy"))

    def _names(self, policy: Policy) -> list[NormalizedName]:
        if policy.requested is not None:
            return sorted(policy.requested)
        names = self._channel.sources.project_names()
        return [name for name in names if not policy.leaves_out(name)]

    def copy_projects(self, names: Sequence[NormalizedName]) -> None:
        """Copy the selected files of some projects, and wait for them."""
        report = self.report
        self._reporter.expect_documents(len(names))
        destination = self._destination()
        catalogue = destination.catalogue(names)
        wanted = [item for project in self._records(names) for item in self.choose(project)]
        wanted, present = self._inventory.compare(wanted, catalogue)
        report.failed += [Failure(name, why) for name, why in catalogue.unread.items()]
        replace = self._channel.endpoints.destination.replace
        actions = make_plan(wanted, present, prune=False, replace=replace)
        report.add_plan(actions)
        downloads = [action for action in actions if action.kind is ActionKind.DOWNLOAD]
        if self._how.whole and report.conflicts:
            return
        if self._how.dry_run:
            report.refused = destination.prepare(downloads)
            return
        carry(downloads, destination, self._conduct)

    def _destination(self) -> Destination:
        how = self._how
        placement = Placement(
            Sharing(how.link, self._channel.endpoints.destination.replace),
            unread=self._unread(),
            template_for=how.template_for,
        )
        return self._channel.destination(placement)

    def _unread(self) -> Callable[[File], bool]:
        """Return which local files need more than a link."""
        if not self._how.verify:
            return self._channel.sources.is_unread
        # A release that is copied whole has a task for each file, so it can be cancelled.
        return (lambda _: True) if self._how.whole else _has_digest

    def _records(self, names: Sequence[NormalizedName]) -> Iterator[Project]:
        """Yield the records of projects; report those that cannot be read."""
        self.report.projects += len(names)
        if self._channel.sources.is_local:
            for name in names:
                try:
                    fetched = self._channel.sources.first().fetch_project(name)
                except ProjectNotFound:
                    self.report.missing.append(name)
                    continue
                finally:
                    self._reporter.document_done()
                if fetched.project is not None:
                    yield fetched.project
            return
        for future in self._ask(names):
            self._check_cancelled()
            outcome = future.result()
            self._reporter.document_done()
            assert isinstance(outcome, ProjectOutcome)  # noqa: S101 - that is what was asked
            self.report.unreachable += outcome.unreachable
            if outcome.status == "missing":
                self.report.missing.append(outcome.name)
            elif outcome.document is None:
                self.report.failed.append(Failure(outcome.name, outcome.error))
            else:
                yield unpack(outcome.document)

    def _ask(self, names: Sequence[NormalizedName]) -> list[Future[Any]]:
        """Queue requests for the records of projects, to the sources that may have them."""
        futures = []
        self.report.asked += len(names)
        for name in names:
            try:
                task = self._channel.sources.request(name)
            except Unavailable as error:
                self.report.unreachable += 1
                self.report.failed.append(Failure(name, error.why(name)))
                continue
            futures.append(self._channel.pool().submit(run_task, task))
        return futures

    def _check_cancelled(self) -> None:
        if self._how.cancel is not None and self._how.cancel.is_set():
            raise Cancelled("copy cancelled; completed files are kept, rerun to continue")


def _has_digest(file: File) -> bool:
    return file.digests.strongest() is not None
