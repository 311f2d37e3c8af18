"""Copy: the selected distributions of any repository to any other, as far as they are not there.

Compared are file names and digests, never dates. What stands at the destination is read before
anything is sent, each of its pages once, so that a copy that was interrupted simply runs again.
"""

from __future__ import annotations

import threading
import time
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
from microrepo.model import ActionKind, NormalizedName, Project
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
from microrepo.transfer.tasks import FetchProject, ProjectOutcome

BATCH_PROJECTS = 200

__all__ = ["CopyOptions", "CopyReport", "CopyRun", "Manner", "Select", "copy"]

Select = Callable[[Project], Sequence[Wanted]]


class CopyOptions(Struct, frozen=True):
    """How a copy is carried out.

    Attributes:
        dry_run: read everything, change nothing.
        link: share content on one file system where the destination is a directory.
        batch_projects: projects whose files complete before those of the next are begun.
        cancel: when it is set, the copy ends at the next file.
        whole: send nothing of a batch in which anything is in conflict.
        verify: read files of this machine even where they are linked.
        read_held: read the destination's files where it announces nothing to compare by; without,
            a name that it has is a conflict then. Files of this machine are read in any case.
        hashes: digests of files of this machine that were computed earlier.
        template_for: gives, for a file name, an older wheel here that shares content with it.
    """

    dry_run: bool = False
    link: bool = True
    batch_projects: int = BATCH_PROJECTS
    cancel: threading.Event | None = None
    whole: bool = False
    verify: bool = False
    read_held: bool = True
    hashes: HashCache | None = None
    template_for: Callable[[str], Path | None] = lambda _: None


# The name that programs import since the first release of the library.
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
    """Copy what `policy` selects.

    Args:
        config: network settings, workers, free space to leave.
        endpoints: source and destination, see `operations.copy.endpoints`.
        policy: which files.
        how: dry run, links, batches.
        operation: its name, for the report.
        choose: selects the files of a project in the policy's stead.
        reporter: told of progress.

    Returns:
        What was done; `exit_code` tells whether all of it could be.

    Raises:
        Locked: another copy to the same destination is under way on this machine.
        Cancelled: the caller wanted that.
        SourceError: the source's list of projects, or a destination's page, cannot be had.
    """
    started = time.monotonic()
    manner = how or CopyOptions()
    watching = reporter or SilentReporter()
    with open_channel(config, endpoints, watching.add_bytes, dry_run=manner.dry_run) as channel:
        run = CopyRun(channel, manner, watching, operation)
        run.choose = choose or run.choosing_by(policy)
        run.carry_out(policy)
        return copy_report(run.report, endpoints, time.monotonic() - started)


class CopyRun:
    """One copy while it runs.

    Args:
        channel: between its endpoints.
        how: the manner of it.
        reporter: told of progress.
        operation: its name, for the report.

    Attributes:
        choose: says which files of a project are copied.
        report: what was done so far.
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
        """Return the plain way to choose: the policy's, each project by itself."""
        moment = now()

        def choose(project: Project) -> list[Wanted]:
            decisions = select(project, policy, moment)
            rejected = Counter(one.cause.value for one in decisions if not one.keep)
            self.report.rejected.update(rejected)
            wanted = [
                Wanted(project.name, one.file, one.cause, one.detail)
                for one in decisions
                if one.keep
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

    def _names(self, policy: Policy) -> list[NormalizedName]:
        if policy.requested is not None:
            return sorted(policy.requested)
        names = self._channel.sources.project_names()
        return [name for name in names if not policy.leaves_out(name)]

    def copy_projects(self, names: Sequence[NormalizedName]) -> None:
        """Copy what is chosen of some projects, and wait for it."""
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
        destination.finish()

    def _destination(self) -> Destination:
        how = self._how
        placement = Placement(
            Sharing(how.link, self._channel.endpoints.destination.replace),
            unread=(lambda _: True) if how.verify else self._channel.sources.is_unread,
            template_for=how.template_for,
        )
        return self._channel.destination(placement)

    def _records(self, names: Sequence[NormalizedName]) -> Iterator[Project]:
        """Yield the records of projects; note those that cannot be had."""
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
            if outcome.status == "missing":
                self.report.missing.append(outcome.name)
            elif outcome.document is None:
                self.report.failed.append(Failure(outcome.name, outcome.error))
            else:
                yield unpack(outcome.document)

    def _ask(self, names: Sequence[NormalizedName]) -> list[Future[Any]]:
        """Queue the questions for the records of projects at the sources that may have them."""
        futures = []
        for name in names:
            try:
                task = FetchProject(name, sources=self._channel.sources.candidates(name))
            except Unavailable as error:
                self.report.failed.append(Failure(name, str(error)))
                continue
            futures.append(self._channel.pool().submit(run_task, task))
        return futures

    def _check_cancelled(self) -> None:
        if self._how.cancel is not None and self._how.cancel.is_set():
            raise Cancelled("copy cancelled; completed files are kept, rerun to continue")
