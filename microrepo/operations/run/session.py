"""What an operation holds while it runs: lock, directory, state, workers, report."""

from __future__ import annotations

import logging
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from microrepo.client import Client
from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.config.sizes import parse_deletes, parse_size
from microrepo.errors import (
    Cancelled,
)
from microrepo.exit_codes import ExitCode
from microrepo.guards import Limits
from microrepo.operations.apply.transfer import TransferContext
from microrepo.operations.records.report import Failure, Report, ReportBuilder, run_totals
from microrepo.operations.run.network_settings import client_settings, worker_settings
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_outputs import Ended, followed_by_hook, note_kill, write_outputs
from microrepo.publish.links import links_of
from microrepo.reporting import Reporter
from microrepo.repositories.sources.source_registry import describe_sources
from microrepo.state import FileRow, State, explained_errors, is_damage, open_state, read_state
from microrepo.stores.flat_directory import SCAN_LIMIT, FlatDirectory, OnDisk
from microrepo.stores.lock import held_lock
from microrepo.transfer.pool.process_start import may_fork
from microrepo.transfer.pool.worker import lost
from microrepo.transfer.pool.worker_pool import WorkerPool

_log = logging.getLogger(__name__)
_LOOK_EVERY_S = 0.5


class Session:
    """One run on one repository. Made by `open_session`."""

    def __init__(
        self,
        config: Config,
        directory: FlatDirectory,
        state: State,
        reporter: Reporter,
        report: ReportBuilder,
        pool: Executor | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        self.config = config
        self.directory = directory
        self.state = state
        self.reporter = reporter
        self.report = report
        self.now = now()
        self.run = 0
        self.state_was_lost = False
        self.links = links_of(config, state, decides=report.operation == "refresh")
        self.sources = Sources(describe_sources(config), self.client)
        self._pool: Executor | None = pool
        self._on_disk: dict[str, OnDisk] | None = None
        self.unfinished: set[str] = set()
        self._cancel = cancel

    @property
    def pool(self) -> Executor:
        """The workers, started when they are first needed."""
        if self._pool is None:
            self._pool = _make_pool(self.config, self.directory, self.reporter, fork=False)
        return self._pool

    def conduct(self) -> TransferContext:
        """Return what transfers work with."""
        return TransferContext(lambda: self.pool, self.report, self.reporter, self.check_cancelled)

    def client(self) -> Client:
        """Return a client for requests of this process itself."""
        return Client(client_settings(self.config, self.sources.settings, self.directory))

    def on_disk(self, filename: str) -> OnDisk | None:
        """Return what lies under a name in the flat directory, looked at once per run."""
        if self._on_disk is not None:
            return self._on_disk.get(filename)
        return self.directory.stat(filename)

    def is_intact(self, row: FileRow) -> bool:
        """Return whether a recorded file lies on disk with the size and time it was verified with."""
        disk = self.on_disk(row.filename)
        return disk is not None and row.present and disk.matches(row)

    def holds(self, row: FileRow) -> bool:
        """Return whether the repository has a file: its content, or where it is an index its link."""
        return row.present or not self.links.files

    def count_held(self, at_most: int | None = None) -> int:
        """Return how many files the repository has; the counting may stop at some number."""
        state = self.state
        return state.count_present(at_most) if self.links.files else state.count_recorded(at_most)

    def scan(self) -> bool:
        """Look at the whole directory, unless it is too large for that; return whether it was."""
        if self.state.count_present(SCAN_LIMIT + 1) > SCAN_LIMIT:
            return False
        self._on_disk = self.directory.scan()
        return True

    def scanned(self) -> dict[str, OnDisk]:
        """Return what the scan found; empty when there was none."""
        return self._on_disk or {}

    def limits(self) -> Limits:
        """Return what the guards compare a plan with."""
        config = self.config
        count, share = parse_deletes(config.max_deletes, "max_deletes")
        return Limits(
            max_deletes=count,
            max_deletes_share=share,
            max_total_bytes=(
                parse_size(config.max_total_size, "max_total_size")
                if config.max_total_size is not None and config.over_budget == "refuse"
                else None
            ),
            min_free_bytes=parse_size(config.min_free_space, "min_free_space"),
        )

    def check_cancelled(self) -> None:
        """End the run when its caller wants that.

        Raises:
            Cancelled: the event that the caller gave is set.
        """
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled(
                f"{self.report.operation} was cancelled; the next one goes on from here"
            )

    def wait_for(self, futures: Iterable[Future[Any]]) -> None:
        """Wait for all of them, or until the run is cancelled."""
        waiting = set(futures)
        while waiting:
            waiting = wait(waiting, timeout=_LOOK_EVERY_S).not_done
            self.check_cancelled()

    def close(self) -> None:
        """End the workers, without waiting for what they are at."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


@contextmanager
def open_session(
    config: Config,
    operation: str,
    reporter: Reporter,
    *,
    read_only: bool = False,
    workers: bool = False,
    cancel: threading.Event | None = None,
) -> Iterator[Session]:
    """Hold lock, state and workers for the time of one operation.

    Args:
        config: complete settings.
        operation: its name, for the report.
        reporter: told of progress.
        read_only: change nothing on disk (dry runs); takes no lock.
        workers: the operation will need them, so they may be made before anything is held.
        cancel: when it is set, the run ends soon, in good order.

    Raises:
        ConfigError: a setting cannot be right.
        Locked: another run is at work on the repository.
        RepositoryError: the directory is unfit or the state cannot be used.
    """
    report = ReportBuilder(operation, config.repository, now(), reporter.say)
    # A mistake in the settings leaves no directory behind.
    sources = describe_sources(config)
    if workers:
        client_settings(config, sources, FlatDirectory(Path(config.repository)))
    if read_only:
        with tempfile.TemporaryDirectory(prefix="microrepo-") as scratch:
            directory = FlatDirectory(Path(config.repository), Path(scratch))
            directory.prepare_scratch()
            state = _state_for_reading(directory)
            yield from _unrecorded(
                Session(config, directory, state, reporter, report, cancel=cancel)
            )
        return
    directory = FlatDirectory(Path(config.repository))
    lost = directory.control.is_dir() and not directory.state_file.exists()
    directory.prepare()
    pool = None
    if workers and may_fork():
        pool = _make_pool(config, directory, reporter, fork=True)
    with followed_by_hook(config, directory, report) as ended, _ending(pool), held_lock(directory):
        state, warning = open_state(directory.state_file)
        try:
            session = Session(config, directory, state, reporter, report, pool, cancel)
            session.state_was_lost = lost or warning is not None
            if warning:
                session.report.warn(warning)
            with explained_errors(directory.state_file):
                yield from _recorded(session, ended)
        finally:
            state.close()


def _make_pool(
    config: Config, directory: FlatDirectory, reporter: Reporter, *, fork: bool
) -> WorkerPool:
    settings = worker_settings(config, describe_sources(config), directory)
    return WorkerPool(settings, config.processes or 1, reporter.add_bytes, lost, fork=fork)


@contextmanager
def _ending(pool: WorkerPool | None) -> Iterator[None]:
    """End workers that no session took over, because none came to be."""
    try:
        yield
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def _unrecorded(session: Session) -> Iterator[Session]:
    """Let a session look at everything and change nothing."""
    session.report.dry_run = True
    try:
        yield session
    finally:
        session.close()
        session.state.close()


def _recorded(session: Session, ended: list[Ended]) -> Iterator[Session]:
    """Record the run in the state from its start to its end, however it ends."""
    state, report = session.state, session.report
    started = time.monotonic()
    with state.transaction():
        session.run = report.run = state.start_run(session.now, report.operation)
        note_kill(state, session.run)
        state.set_meta("running", "1")
    try:
        yield session
    except Exception as error:
        if is_damage(error) or isinstance(error, sqlite3.OperationalError):
            session.close()
            if is_damage(error):
                state.mark_damaged(str(error))
            raise  # the mark of a running run stays, so that the next one looks closely
        report.failed.append(Failure(report.operation, str(error)))
        ended.append(_end_record(session, started, getattr(error, "exit_code", ExitCode.FAILED)))
        raise
    except BaseException:
        report.interrupted = True
        _end_record(
            session, started, ExitCode.INTERRUPTED
        )  # and no hook: whoever sent the signal knows
        raise
    ended.append(_end_record(session, started))


def _end_record(session: Session, started: float, code: int | None = None) -> Ended:
    session.close()
    report = session.report
    report.seconds = time.monotonic() - started
    final = _record(session, code)
    ended, failures = write_outputs(
        session.config, session.directory, session.state, session.run, final
    )
    if failures:
        for failure in failures:
            session.report.warn(failure.why)
        report.failed += failures
        final = _record(session, code)
    return msgspec.structs.replace(ended, exit_code=final.exit_code)


def _record(session: Session, code: int | None) -> Report:
    state, final = session.state, session.report.build(session.report.seconds)
    if code is not None:
        final = msgspec.structs.replace(final, exit_code=code)
    text = msgspec.json.encode(final).decode()
    with state.transaction():
        state.end_run(session.run, now(), final.exit_code, text, run_totals(final))
        state.delete_meta("running")
    return final


def _state_for_reading(directory: FlatDirectory) -> State:
    if directory.state_file.is_file():
        return read_state(directory.state_file)
    state, _ = open_state(Path(":memory:"))
    return state
