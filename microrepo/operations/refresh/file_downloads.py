"""The files of one wave on their way: queued, awaited, recorded as they arrive."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future, wait

from microrepo.formats.times import to_ns
from microrepo.model import Action, Digests, File, NormalizedName, Outcome
from microrepo.operations.run.session import Session
from microrepo.plan import Wanted
from microrepo.state import FileRow, change_of
from microrepo.transfer.download.partial_file import partial_name
from microrepo.transfer.pool.worker import run_task
from microrepo.transfer.tasks import FetchFile

_COMMIT_EVERY_S = 2.0
# Together, since being woken by each file would interrupt what is planned meanwhile.
_LOOK_EVERY_S = 0.1


class Transfer:
    """Downloads that are queued at the workers, largest first.

    Args:
        session: the run.
        downloads: what to fetch.
        wanted: what they are wanted for, by file name.
    """

    def __init__(
        self, session: Session, downloads: list[Action], wanted: Mapping[str, Wanted]
    ) -> None:
        self._session = session
        self._actions = {action.filename: action for action in downloads}
        self._wanted = wanted
        self._arrived: list[Outcome] = []
        session.reporter.expect_bytes(sum(action.size_bytes for action in downloads))
        tasks = [_task_of(a) for a in sorted(downloads, key=lambda a: -a.size_bytes)]
        self._partials = {task.filename: partial_name(task) for task in tasks}
        session.unfinished.update(self._partials.values())
        self._futures: set[Future[Outcome]] = {
            session.pool.submit(run_task, task)  # type: ignore[arg-type]
            for task in tasks
        }

    def collect(self) -> set[str]:
        """Wait for all files, recording them as they arrive; return projects with a failed one."""
        failed: set[str] = set()
        recorded_at = time.monotonic()
        try:
            while self._futures:
                self._session.check_cancelled()
                for future in wait(self._futures, timeout=_LOOK_EVERY_S).done:
                    self._take(future, failed)
                if time.monotonic() - recorded_at > _COMMIT_EVERY_S:
                    self._record()
                    recorded_at = time.monotonic()
        finally:
            self._record()
        return failed

    def record_arrived(self) -> None:
        """Record what is there already, without waiting for the rest: the run is being ended."""
        for future in [future for future in self._futures if future.done()]:
            if not future.cancelled() and future.exception() is None:
                self._take(future, set())
        self._record()

    def _take(self, future: Future[Outcome], failed: set[str]) -> None:
        self._futures.discard(future)
        outcome = future.result()
        if outcome.note and not self._session.report.fallbacks:
            self._session.report.warn(
                f"the file host failed, so the source was asked: {outcome.note}"
            )
        self._session.report.add_outcome(outcome)
        if outcome.ok:
            self._session.unfinished.discard(self._partials[outcome.filename])
            self._arrived.append(outcome)
        else:
            failed.add(self._actions[outcome.filename].project)
            self._session.reporter.say(f"failed: {outcome.error}")

    def _record(self) -> None:
        """Write down what has arrived, once the directory's names for it are durable."""
        if not self._arrived:
            return
        self._session.directory.sync()
        rows = [self._row(outcome) for outcome in self._arrived]
        with self._session.state.transaction():
            self._session.state.save_files(rows)
            self._session.state.add_history(
                change_of(row, self._session.run, "add", action.cause, action.detail)
                for row in rows
                for action in (self._actions[row.filename],)
            )
        self._arrived.clear()

    def _row(self, outcome: Outcome) -> FileRow:
        action = self._actions[outcome.filename]
        wanted = self._wanted[outcome.filename]
        return row_of(action, wanted, outcome.size_bytes, outcome.digests, outcome.mtime_ns)


def _task_of(action: Action) -> FetchFile:
    file = file_of(action)
    return FetchFile(
        file.filename,
        file.url,
        file.digests,
        file.size,
        to_ns(file.upload_time),
        file.core_metadata_sha256,
    )


def file_of(action: Action) -> File:
    """Return the source's record of an action that is no deletion."""
    assert action.file is not None  # noqa: S101 - only deletions have none
    return action.file


def row_of(
    action: Action,
    wanted: Wanted,
    size: int | None,
    found: Digests,
    mtime_ns: int = 0,
    *,
    present: bool = True,
) -> FileRow:
    """Return the row of a file that is here, or that pages list."""
    file = file_of(action)
    return FileRow(
        filename=action.filename,
        project=NormalizedName(action.project),
        version=file.version,
        url=file.url,
        size=size,
        digests=file.digests.completed_by(found),
        present=present,
        mtime_ns=mtime_ns,
        cause=wanted.cause,
        detail=wanted.detail,
    )
