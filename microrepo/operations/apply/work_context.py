"""Work context: the workers that a run asks, its report, its progress and its end before time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, wait
from typing import Any

from msgspec import Struct

from microrepo.operations.records.report import ReportBuilder
from microrepo.reporting import Reporter
from microrepo.transfer.pool.worker import run_task
from microrepo.transfer.tasks import Task

_LOOK_EVERY_S = 0.5


class WorkContext(Struct, frozen=True):
    """What steps of a run have in common that give tasks to workers.

    Attributes:
        pool: returns the workers.
        report: counts what becomes of each file.
        reporter: told of progress.
        check: called between tasks; raises to stop.
    """

    pool: Callable[[], Executor]
    report: ReportBuilder
    reporter: Reporter
    check: Callable[[], None] = lambda: None

    @property
    def now(self) -> str:
        """Return the time that counts for all decisions of the run: when it began."""
        return self.report.started_at

    def submit(self, task: Task) -> Future[Any]:
        """Give a task to the workers; the future has the outcome that belongs to it."""
        return self.pool().submit(run_task, task)

    def wait_for(self, futures: Iterable[Future[Any]]) -> None:
        """Wait for all of them, or raise when the run is stopped."""
        waiting = set(futures)
        while waiting:
            waiting = wait(waiting, timeout=_LOOK_EVERY_S).not_done
            self.check()
