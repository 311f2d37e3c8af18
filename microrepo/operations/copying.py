"""Copy: the selected distributions of any repository to any other, as far as they are not there.

Compared are file names and digests, never dates. What stands at the destination is read before
anything is sent, each of its pages once, so that a copy that was interrupted simply runs again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo import plan
from microrepo.client import Client
from microrepo.config.schema import Config
from microrepo.config.sizes import parse_size
from microrepo.errors import Cancelled, ProjectNotFound
from microrepo.formats.times import to_ns
from microrepo.model import Action, ActionKind, NormalizedName, Project
from microrepo.operations.ends import Ends
from microrepo.operations.holding import Holdings
from microrepo.operations.report import DONE, FAILED, INCOMPLETE, Failure
from microrepo.operations.sending import Senders, Sent
from microrepo.operations.session import held_lock, now, worker_settings
from microrepo.plan import Totals, Wanted, check_space, make_plan, totals_of
from microrepo.repositories.directory import FlatDirectory
from microrepo.repositories.opening import open_source
from microrepo.selection.policy import Policy
from microrepo.selection.releases import select
from microrepo.state import unpack
from microrepo.transfer.pool import WorkerPool
from microrepo.transfer.progress import Reporter, SilentReporter
from microrepo.transfer.tasks import FetchProject, ProjectOutcome, WorkerSettings
from microrepo.transfer.worker import run_task

WAVE_PROJECTS = 200

Select = Callable[[Project], Sequence[Wanted]]


class CopyReport(Struct, frozen=True):
    """What a copy did.

    Attributes:
        exit_code: as the command line returns it.
        projects: how many were looked at.
        totals: counts and bytes of the plan; `adopt` counts what was at the destination already.
        copied: files that arrived, `copied_bytes` in all.
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
    already: int = 0
    rejected: dict[str, int] = {}
    failed: tuple[Failure, ...] = ()
    conflicts: tuple[Failure, ...] = ()
    missing: tuple[str, ...] = ()
    refused: str = ""
    plan: tuple[Action, ...] = ()


class Manner(Struct, frozen=True):
    """How a copy is carried out.

    Attributes:
        dry_run: read everything, change nothing.
        link: share content on one file system where the destination is a directory.
        wave_projects: projects whose files complete before those of the next are begun.
        cancel: when it is set, the copy ends at the next file.
    """

    dry_run: bool = False
    link: bool = True
    wave_projects: int = WAVE_PROJECTS
    cancel: threading.Event | None = None


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
        ends: source and destination, see `operations.ends`.
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
    with _working_place(ends, dry_run=manner.dry_run) as directory:
        settings = _settings(config, ends, directory)
        run = _Copy(config, ends, settings, directory, manner, reporter or SilentReporter())
        run.choose = choose or run.choosing_by(policy)
        begun = now()
        try:
            run.carry_out(policy)
        finally:
            run.close()
        return run.report(operation, begun, time.monotonic() - started)


@contextlib.contextmanager
def _working_place(ends: Ends, *, dry_run: bool) -> Iterator[FlatDirectory]:
    """Yield the directory that files pass through: the destination itself, or one in the cache."""
    where = Path(ends.destination.url) if ends.destination.kind == "directory" else _cache(ends)
    if dry_run:
        with tempfile.TemporaryDirectory(prefix="microrepo-") as scratch:
            directory = FlatDirectory(where, Path(scratch))
            directory.prepare_scratch()
            yield directory
        return
    directory = FlatDirectory(where)
    is_new = not directory.control.exists()
    directory.prepare()
    with held_lock(directory):
        yield directory
    # Only a copy that ended well comes here; what broke off is resumed from what lies there.
    if ends.destination.kind == "upload":
        shutil.rmtree(directory.path, ignore_errors=True)
    elif is_new and not any(directory.partial.iterdir()):
        shutil.rmtree(directory.control, ignore_errors=True)


def _cache(ends: Ends) -> Path:
    """Return where files wait on their way to an index: the same place for each run."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    name = hashlib.sha256(ends.destination.url.encode()).hexdigest()[:16]
    return Path(base) / "microrepo" / f"copy-{name}"


def _settings(config: Config, ends: Ends, directory: FlatDirectory) -> WorkerSettings:
    settings = worker_settings(config, ends.source, directory)
    return msgspec.structs.replace(
        settings,
        client=msgspec.structs.replace(settings.client, auth=ends.source_auth),
        destination=ends.destination if ends.destination.kind == "upload" else None,
        sidecars=False,
    )


class _Copy:
    """One copy while it runs."""

    def __init__(
        self,
        config: Config,
        ends: Ends,
        settings: WorkerSettings,
        directory: FlatDirectory,
        how: Manner,
        reporter: Reporter,
    ) -> None:
        self.choose: Select = lambda _: ()
        self._config = config
        self._ends = ends
        self._settings = settings
        self._directory = directory
        self._how = how
        self._reporter = reporter
        self._is_local = ends.source.kind == "directory"
        self._source = open_source(Client(settings.client), ends.source)
        self._pool: WorkerPool | None = None
        self._holdings = Holdings(ends, directory, self.pool)
        self._senders = Senders(ends, self.pool, self._new_login, self._check_cancelled)
        self._rejected: dict[str, int] = {}
        self._failed: list[Failure] = []
        self._conflicts: list[Failure] = []
        self._missing: list[str] = []
        self._plan: list[Action] = []
        self._totals = Totals()
        self._projects = 0
        self._sent = Sent()
        self._refused = ""

    def pool(self) -> WorkerPool:
        """Return the workers, started when they are first needed."""
        if self._pool is None:
            processes = self._config.processes or 1
            self._pool = WorkerPool(self._settings, processes, self._reporter.add_bytes)
        return self._pool

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def choosing_by(self, policy: Policy) -> Select:
        """Return the plain way to choose: the policy's, each project by itself."""
        moment = now()

        def choose(project: Project) -> list[Wanted]:
            wanted = []
            for decision in select(project, policy, moment):
                if decision.keep:
                    wanted.append(Wanted(project.name, decision.file, decision.detail))
                else:
                    rule = decision.reason.value
                    self._rejected[rule] = self._rejected.get(rule, 0) + 1
            return wanted

        return choose

    def carry_out(self, policy: Policy) -> None:
        """Copy wave by wave."""
        names = self._names(policy)
        for start in range(0, len(names), self._how.wave_projects):
            self._check_cancelled()
            self._wave(names[start : start + self._how.wave_projects])
            if self._refused:
                return

    def _names(self, policy: Policy) -> list[NormalizedName]:
        if policy.requested is not None:
            return sorted(policy.requested)
        listed = self._source.list_projects().projects
        names = sorted({canonicalize_name(name) for name, _ in listed})
        return [name for name in names if policy.excludes_project(name) is None]

    def _wave(self, names: Sequence[NormalizedName]) -> None:
        self._reporter.expect_documents(len(names))
        self._holdings.ask(names)
        wanted = [item for project in self._records(names) for item in self.choose(project)]
        wanted, present = self._holdings.compare(wanted, self._failed)
        replace = self._ends.destination.replace
        actions = make_plan(wanted, present, prune=False, replace=replace)
        self._totals += totals_of(actions)
        for action in actions:
            if action.kind is ActionKind.CONFLICT:
                self._conflicts.append(Failure(action.filename, action.reason))
        downloads = [action for action in actions if action.kind is ActionKind.DOWNLOAD]
        if self._has_no_room(downloads):
            return
        if self._how.dry_run:
            self._plan += [a for a in actions if a.kind is not ActionKind.ADOPT]
            return
        self._reporter.expect_bytes(sum(action.size_bytes for action in downloads))
        self._send(downloads)

    def _send(self, downloads: Sequence[Action]) -> None:
        uploads = {a.filename: to_ns(a.file.upload_time) for a in downloads if a.file is not None}
        sent = self._senders.send(downloads, uploads, link=self._how.link)
        self._sent += sent
        self._failed += sent.failed
        self._conflicts += sent.conflicts
        self._refused = sent.refused

    def _has_no_room(self, downloads: Sequence[Action]) -> bool:
        if self._ends.destination.kind != "directory" or not self._directory.exists():
            return False
        if self._is_local and self._how.link:
            return False  # links need none; a copy that meets a full disk says so
        limits = plan.Limits(
            min_free_bytes=parse_size(self._config.min_free_space, "min_free_space")
        )
        total = sum(action.size_bytes for action in downloads)
        refused = check_space(total, 0, self._directory.free_bytes(), limits)
        self._refused = "" if refused is None else str(refused)
        return refused is not None

    def _records(self, names: Sequence[NormalizedName]) -> Iterator[Project]:
        """Yield the records of projects; note those that cannot be had."""
        self._projects += len(names)
        if self._is_local:
            for name in names:
                try:
                    fetched = self._source.fetch_project(name)
                except ProjectNotFound:
                    self._missing.append(name)
                    continue
                if fetched.project is not None:
                    yield fetched.project
            return
        futures = [self.pool().submit(run_task, FetchProject(name)) for name in names]
        for future in futures:
            self._check_cancelled()
            outcome = future.result()
            self._reporter.document_done()
            assert isinstance(outcome, ProjectOutcome)  # noqa: S101 - that is what was asked
            if outcome.status == "missing":
                self._missing.append(outcome.name)
            elif outcome.document is None:
                self._failed.append(Failure(outcome.name, outcome.error))
            else:
                yield unpack(outcome.document)

    def _new_login(self) -> bool:
        """Ask for another password for the destination; tell whether there is one."""
        if self._ends.relogin is None:
            return False
        destination = msgspec.structs.replace(self._ends.destination, auth=self._ends.relogin())
        self._settings = msgspec.structs.replace(self._settings, destination=destination)
        self.close()
        return True

    def _check_cancelled(self) -> None:
        if self._how.cancel is not None and self._how.cancel.is_set():
            raise Cancelled("the copy was cancelled; what arrived stays, the rest waits")

    def report(self, operation: str, started_at: str, seconds: float) -> CopyReport:
        """Return what was done."""
        code = DONE
        if self._refused:
            code = FAILED
        elif self._failed or self._conflicts or self._missing:
            code = INCOMPLETE
        return CopyReport(
            operation=operation,
            source=self._ends.source.name,
            destination=self._ends.destination.name,
            exit_code=code,
            started_at=started_at,
            seconds=round(seconds, 3),
            dry_run=self._how.dry_run,
            projects=self._projects,
            totals=self._totals,
            copied=self._sent.copied,
            copied_bytes=self._sent.copied_bytes,
            already=self._sent.already,
            rejected=dict(sorted(self._rejected.items())),
            failed=tuple(self._failed),
            conflicts=tuple(self._conflicts),
            missing=tuple(self._missing),
            refused=self._refused,
            plan=tuple(self._plan),
        )
