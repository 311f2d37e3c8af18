"""Work context: workers, report, progress and cancellation of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any

from msgspec import Struct

from microrepo.operations.records.report import ReportBuilder
from microrepo.reporting import Reporter
from microrepo.transfer.pool.worker import run_task
from microrepo.transfer.tasks import Task

_LOOK_EVERY_S = 0.5


class WorkContext(Struct, frozen=True):
    """Shared context of the steps that give tasks to workers.

    Attributes:
        pool: returns the worker pool.
        report: counts the outcomes of files.
        reporter: receives progress.
        check: called between tasks; raises to stop.
    """

    pool: Callable[[], Executor]
    report: ReportBuilder
    reporter: Reporter
    check: Callable[[], None] = lambda: None

    @property
    def now(self) -> str:
        """Return the start of the run, the time that all its decisions use."""
        return self.report.started_at

    def submit(self, task: Task) -> Future[Any]:
        """Give a task to the workers; return the future of its outcome."""
        return self.pool().submit(run_task, task)

    def wait_for(self, futures: Iterable[Future[Any]]) -> None:
        """Wait for all futures, or raise if the run is cancelled."""
        waiting = set(futures)
        while waiting:
            waiting = wait(waiting, timeout=_LOOK_EVERY_S).not_done
            self.check()

    def wait_for_some(
        self, futures: Iterable[Future[Any]], more_s: float, *, is_one_done: bool = False
    ) -> set[Future[Any]]:
        """Wait for the first of some futures, then a moment for others; return those that are done.

        Args:
            futures: all of them.
            more_s: how long to wait for others.
            is_one_done: do not wait for a first one.
        """
        done: set[Future[Any]] = set()
        waiting = set(futures)
        while waiting and not (done or is_one_done):
            done, waiting = wait(waiting, timeout=_LOOK_EVERY_S, return_when=FIRST_COMPLETED)
            self.check()
        return done | wait(waiting, timeout=more_s).done
