"""Copy: the selected distributions of any repository to any other, as far as they are not there.

Compared are file names and digests, never dates. What stands at the destination is read before
anything is sent, each of its pages once, so that a copy that was interrupted simply runs again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo import plan
from microrepo.batching import batched
from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.config.sizes import parse_size
from microrepo.errors import Cancelled, ProjectNotFound
from microrepo.formats.times import to_ns
from microrepo.model import Action, ActionKind, NormalizedName, Project
from microrepo.operations.copy.channel import Line, open_line
from microrepo.operations.copy.copy_report import CopyReport, Tally
from microrepo.operations.copy.endpoints import Ends
from microrepo.operations.copy.file_transfers import Senders, TemplateFor
from microrepo.operations.copy.hash_cache import HashCache
from microrepo.operations.copy.inventory import Holdings
from microrepo.operations.records.report import Failure
from microrepo.plan import Wanted, check_space, make_plan
from microrepo.reporting import Reporter, SilentReporter
from microrepo.selection.rules.decisions import select
from microrepo.selection.rules.policy import Policy
from microrepo.state import unpack
from microrepo.transfer.pool.worker import run_task
from microrepo.transfer.tasks import FetchProject, ProjectOutcome

WAVE_PROJECTS = 200

__all__ = ["CopyReport", "CopyRun", "Manner", "Select", "copy"]

Select = Callable[[Project], Sequence[Wanted]]


class Manner(Struct, frozen=True):
    """How a copy is carried out.

    Attributes:
        dry_run: read everything, change nothing.
        link: share content on one file system where the destination is a directory.
        wave_projects: projects whose files complete before those of the next are begun.
        cancel: when it is set, the copy ends at the next file.
        whole: send nothing of a wave in which anything is in conflict.
        read_held: read the destination's files where it announces nothing to compare by; without,
            a name that it has is a conflict then. Files of this machine are read in any case.
        hashes: digests of files of this machine that were computed earlier.
        template_for: gives, for a file name, an older wheel here that shares content with it.
    """

    dry_run: bool = False
    link: bool = True
    wave_projects: int = WAVE_PROJECTS
    cancel: threading.Event | None = None
    whole: bool = False
    read_held: bool = True
    hashes: HashCache | None = None
    template_for: TemplateFor = lambda _: None


def copy(
    config: Config,
    ends: Ends,
    policy: Policy,
    *,
    how: Manner | None = None,
    operation: str = "copy",
    choose: Select | None = None,
    reporter: Reporter | None = None,
) -> CopyReport:
    """Copy what `policy` selects.

    Args:
        config: network settings, workers, free space to leave.
        ends: source and destination, see `operations.copy.endpoints`.
        policy: which files.
        how: dry run, links, waves.
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
    manner = how or Manner()
    watching = reporter or SilentReporter()
    with open_line(config, ends, watching.add_bytes, dry_run=manner.dry_run) as line:
        run = CopyRun(line, manner, watching)
        run.choose = choose or run.choosing_by(policy)
        begun = now()
        run.carry_out(policy)
        seconds = time.monotonic() - started
        return run.tally.report(operation, ends, begun, seconds, dry_run=manner.dry_run)


class CopyRun:
    """One copy while it runs.

    Args:
        line: between its ends.
        how: the manner of it.
        reporter: told of progress.

    Attributes:
        choose: says which files of a project are copied.
        tally: what was done so far.
    """

    def __init__(self, line: Line, how: Manner, reporter: Reporter) -> None:
        self.choose: Select = lambda _: ()
        self._line = line
        self._ends = line.ends
        self._how = how
        self._reporter = reporter
        self._holdings = Holdings(line, read_held=how.read_held, hashes=how.hashes)
        self._senders = Senders(line, self._check_cancelled, reporter.add_bytes, how.template_for)
        self.tally = Tally()

    def choosing_by(self, policy: Policy) -> Select:
        """Return the plain way to choose: the policy's, each project by itself."""
        moment = now()

        def choose(project: Project) -> list[Wanted]:
            wanted = []
            for decision in select(project, policy, moment):
                if decision.keep:
                    wanted.append(
                        Wanted(project.name, decision.file, decision.cause, decision.detail)
                    )
                else:
                    self.tally.leave_out(decision)
            return wanted

        return choose

    def carry_out(self, policy: Policy) -> None:
        """Copy wave by wave."""
        names = self._names(policy)
        for batch in batched(names, self._how.wave_projects):
            self._check_cancelled()
            self.wave(batch)
            if self.tally.refused:
                break
        self.make_durable()

    def make_durable(self) -> None:
        """See to it that the names of what arrived outlive a loss of power."""
        if self.tally.has_copied and self._ends.destination.kind == "directory":
            # Once for all: a name that is lost with the power is simply copied again.
            self._line.directory.sync()

    def _names(self, policy: Policy) -> list[NormalizedName]:
        if policy.requested is not None:
            return sorted(policy.requested)
        listed = self._line.source().list_projects().projects
        names = sorted({canonicalize_name(name) for name, _ in listed})
        return [name for name in names if not policy.leaves_out(name)]

    def wave(self, names: Sequence[NormalizedName]) -> None:
        """Copy what is chosen of some projects, and wait for it."""
        self._reporter.expect_documents(len(names))
        self._holdings.ask(names)
        wanted = [item for project in self._records(names) for item in self.choose(project)]
        wanted, present = self._holdings.compare(wanted, self.tally.failed)
        replace = self._ends.destination.replace
        actions = make_plan(wanted, present, prune=False, replace=replace)
        self.tally.add_plan(actions, keep=self._how.dry_run)
        downloads = [action for action in actions if action.kind is ActionKind.DOWNLOAD]
        if self._how.whole and self.tally.conflicts:
            return
        if self._has_no_room(downloads) or self._how.dry_run:
            return
        self._reporter.expect_bytes(sum(action.size_bytes for action in downloads))
        self._send(downloads)

    def _send(self, downloads: Sequence[Action]) -> None:
        uploads = {a.filename: to_ns(a.file.upload_time) for a in downloads if a.file is not None}
        self.tally.add_sent(self._senders.send(downloads, uploads, link=self._how.link))

    def _has_no_room(self, downloads: Sequence[Action]) -> bool:
        if self._ends.destination.kind != "directory" or not self._line.directory.exists():
            return False
        if self._line.is_local and self._how.link:
            return False  # links need none; a copy that meets a full disk says so
        limits = plan.Limits(
            min_free_bytes=parse_size(self._line.config.min_free_space, "min_free_space")
        )
        total = sum(action.size_bytes for action in downloads)
        refused = check_space(total, 0, self._line.directory.free_bytes(), limits)
        self.tally.refused = "" if refused is None else str(refused)
        return refused is not None

    def _records(self, names: Sequence[NormalizedName]) -> Iterator[Project]:
        """Yield the records of projects; note those that cannot be had."""
        self.tally.projects += len(names)
        if self._line.is_local:
            for name in names:
                try:
                    fetched = self._line.source().fetch_project(name)
                except ProjectNotFound:
                    self.tally.missing.append(name)
                    continue
                finally:
                    self._reporter.document_done()
                if fetched.project is not None:
                    yield fetched.project
            return
        futures = [self._line.pool().submit(run_task, FetchProject(name)) for name in names]
        for future in futures:
            self._check_cancelled()
            outcome = future.result()
            self._reporter.document_done()
            assert isinstance(outcome, ProjectOutcome)  # noqa: S101 - that is what was asked
            if outcome.status == "missing":
                self.tally.missing.append(outcome.name)
            elif outcome.document is None:
                self.tally.failed.append(Failure(outcome.name, outcome.error))
            else:
                yield unpack(outcome.document)

    def _check_cancelled(self) -> None:
        if self._how.cancel is not None and self._how.cancel.is_set():
            raise Cancelled("the copy was cancelled; what arrived stays, the rest waits")
