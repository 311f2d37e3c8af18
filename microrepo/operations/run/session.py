"""Session of a running operation: lock, directory, state, workers, report."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from microrepo.client import Client
from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.errors import Cancelled, RepositoryError
from microrepo.exit_codes import ExitCode
from microrepo.operations.apply.arrivals_after_kill import record_arrivals
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.row_names import mend_names
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.records.report import Failure, Report, ReportBuilder, run_totals
from microrepo.operations.run.network_settings import client_settings
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_outputs import Ended, followed_by_hook, note_kill, write_outputs
from microrepo.operations.run.run_workers import RunWorkers
from microrepo.operations.switch.earlier_switches import complete_earlier_switches
from microrepo.publish.links import links_of
from microrepo.publish.tree.foreign_pages import adopt_foreign_pages
from microrepo.reporting import Reporter
from microrepo.repositories.sources.source_registry import describe_sources
from microrepo.standalone.server.labels import counted
from microrepo.state import State, explained_errors, is_damage, open_state, read_state
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.lock import held_lock


class Session:
    """One run on one repository. Made by `open_session`."""

    def __init__(
        self,
        config: Config,
        directory: FlatDirectory,
        state: State,
        reporter: Reporter,
        report: ReportBuilder,
        workers: RunWorkers,
        cancel: threading.Event | None = None,
    ) -> None:
        self.config = config
        self.report = report
        self.holdings = Holdings(
            state, directory, links_of(config, state, decides=report.operation == "refresh")
        )
        self.work = WorkContext(workers.pool, report, reporter, self._check_cancelled)
        self.sources = Sources(describe_sources(config), self.client)
        self._workers = workers
        self._cancel = cancel

    def client(self) -> Client:
        """Return a client for requests of this process."""
        directory = self.holdings.directory
        return Client(client_settings(self.config, self.sources.settings, directory))

    def _check_cancelled(self) -> None:
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled(f"{self.report.operation} cancelled; run it again to continue")

    def close(self) -> None:
        """Stop the workers without waiting for their tasks."""
        self._workers.close()

    def unrecorded(self) -> Iterator[Session]:
        """Run a session that changes nothing."""
        self.report.dry_run = True
        if words := self.holdings.directory.begun_switch():
            self.report.warn(f"the result is of a state between two: {words}")
        try:
            yield self
        finally:
            self.close()
            self.holdings.state.close()

    def recorded(self, ended: list[Ended]) -> Iterator[Session]:
        """Record the start and the end of the run in the state, however it ends."""
        state, report = self.holdings.state, self.report
        with state.transaction():
            report.run = state.start_run(report.started_at, report.operation)
            was_killed = note_kill(state, report.run)
            state.set_meta("running", "1")
        try:
            adopt_foreign_pages(self.holdings.directory, state)
            complete_earlier_switches(self.config, self.holdings, self.work)
            if was_killed:
                record_arrivals(self.holdings, report.run)
            mended = mend_names(state)
            if mended:
                report.warn(
                    f"the state had a wrong project or version for {counted(len(mended), 'file')}, "
                    f"such as {mended[0].filename}; corrected"
                )
            yield self
        except Exception as error:
            if is_damage(error) or isinstance(error, sqlite3.OperationalError):
                self.close()
                if is_damage(error):
                    state.mark_damaged(str(error))
                raise  # the mark of a running run stays, so that the next one checks for a kill
            report.failed.append(Failure(report.operation, str(error)))
            ended.append(self._end_record(getattr(error, "exit_code", ExitCode.FAILED)))
            raise
        except BaseException:
            report.interrupted = True
            # No hook after a signal.
            self._end_record(ExitCode.INTERRUPTED)
            raise
        ended.append(self._end_record())

    def _end_record(self, code: int | None = None) -> Ended:
        self.close()
        report, holdings = self.report, self.holdings
        report.end()
        final = self._record(code)
        ended, failures = write_outputs(
            self.config, holdings.directory, holdings.state, report.run, final
        )
        if failures:
            for failure in failures:
                report.warn(f"{failure.what}: {failure.why}")
            report.failed += failures
            final = self._record(code)
        return msgspec.structs.replace(ended, exit_code=final.exit_code)

    def _record(self, code: int | None) -> Report:
        state, report = self.holdings.state, self.report
        final = report.build()
        if code is not None:
            final = msgspec.structs.replace(final, exit_code=code)
        text = msgspec.json.encode(final).decode()
        with state.transaction():
            state.end_run(report.run, now(), final.exit_code, text, run_totals(final))
            state.delete_meta("running")
        return final


@contextmanager
def open_session(  # noqa: PLR0913 - switches, each by its name
    config: Config,
    operation: str,
    reporter: Reporter,
    *,
    read_only: bool = False,
    workers: bool = False,
    creates: bool = True,
    cancel: threading.Event | None = None,
    answers: Path | None = None,
) -> Iterator[Session]:
    """Hold lock, state and workers during an operation.

    Args:
        operation: name for the report.
        read_only: change nothing on disk and take no lock (dry runs).
        workers: the operation needs workers, so they can be started first.
        creates: create a directory that does not exist; otherwise it is an error.
        cancel: event that stops the run soon and cleanly after it is set.
        answers: directory of answers of sources, shared by the repositories of this run.

    Raises:
        ConfigError: a setting is invalid.
        Locked: another run holds the repository's lock.
        RepositoryError: the directory is unsuitable or the state cannot be used.
    """
    report = ReportBuilder(operation, config.repository, now(), reporter.say)
    # Check the settings first, so that an error creates no directory.
    sources = describe_sources(config)
    if not creates and not FlatDirectory(Path(config.repository)).exists():
        raise RepositoryError(config.repository, "directory not found; name a repository")
    if workers:
        client_settings(config, sources, FlatDirectory(Path(config.repository)))
    if read_only:
        with tempfile.TemporaryDirectory(prefix="microrepo-") as scratch:
            directory = FlatDirectory(Path(config.repository), Path(scratch))
            directory.prepare_scratch()
            state = _state_for_reading(directory)
            run_workers = RunWorkers(config, directory, reporter, answers)
            session = Session(config, directory, state, reporter, report, run_workers, cancel)
            yield from session.unrecorded()
        return
    directory = FlatDirectory(Path(config.repository))
    lost = directory.control.is_dir() and not directory.state_file.exists()
    directory.prepare()
    run_workers = RunWorkers(config, directory, reporter, answers)
    if workers:
        run_workers.start_early()
    with (
        followed_by_hook(config, directory, report) as ended,
        closing(run_workers),
        held_lock(directory),
    ):
        state, warning = open_state(directory.state_file)
        try:
            session = Session(config, directory, state, reporter, report, run_workers, cancel)
            session.holdings.state_was_lost = lost or warning is not None
            if warning:
                session.report.warn(warning)
            with explained_errors(directory.state_file):
                yield from session.recorded(ended)
        finally:
            state.close()


def _state_for_reading(directory: FlatDirectory) -> State:
    if directory.state_file.is_file():
        return read_state(directory.state_file)
    state, _ = open_state(Path(":memory:"))
    return state
