"""Transfer: chosen files on their way to a destination, recorded and reported as they arrive."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait

from msgspec import Struct

from microrepo.model import Action, Outcome
from microrepo.operations.apply.destination import Destination
from microrepo.operations.records.report import ReportBuilder
from microrepo.reporting import Reporter
from microrepo.transfer.pool.worker import run_task
from microrepo.transfer.tasks import Task

_COMMIT_EVERY_S = 2.0
# Together, since being woken by each file would interrupt what is planned meanwhile.
_LOOK_EVERY_S = 0.1
# After so many refusals of credentials, nothing more is sent.
_MAX_DENIED = 5


class TransferContext(Struct, frozen=True):
    """What a transfer works with.

    Attributes:
        pool: returns the workers.
        report: counts what becomes of each file.
        reporter: told of progress.
        check: called between files; raises to stop.
    """

    pool: Callable[[], Executor]
    report: ReportBuilder
    reporter: Reporter
    check: Callable[[], None] = lambda: None


class Transfer:
    """Files on their way, the largest first.

    Args:
        chosen: what to bring.
        destination: where to.
        conduct: workers, report, progress.
    """

    def __init__(
        self, chosen: Sequence[Action], destination: Destination, conduct: TransferContext
    ) -> None:
        self._destination = destination
        self._conduct = conduct
        self._actions = {action.filename: action for action in chosen}
        self._arrived: list[tuple[Action, Outcome]] = []
        self._failed: set[str] = set()
        self._denied = 0
        self._futures: set[Future[Outcome]] = set()
        conduct.reporter.expect_bytes(sum(action.size_bytes for action in chosen))
        ordered = sorted(chosen, key=lambda action: -action.size_bytes)
        for item in destination.put(ordered):
            conduct.check()
            if not isinstance(item, Outcome):
                self._submit(item)
            elif item.status == "denied":
                conduct.report.refused = item.error
            else:
                self._settle(item)
                conduct.reporter.add_bytes(0 if item.status else item.size_bytes)

    def _submit(self, task: Task) -> None:
        future = self._conduct.pool().submit(run_task, task)
        self._futures.add(future)  # type: ignore[arg-type]

    def collect(self) -> set[str]:
        """Wait for all files, recording them as they arrive; return projects with a failed one."""
        recorded_at = time.monotonic()
        try:
            while self._futures:
                self._conduct.check()
                for future in wait(self._futures, timeout=_LOOK_EVERY_S).done:
                    self._take(future)
                if time.monotonic() - recorded_at > _COMMIT_EVERY_S:
                    self._record()
                    recorded_at = time.monotonic()
        finally:
            self._record()
        return self._failed

    def record_arrived(self) -> None:
        """Record what is there already, without waiting for the rest: the run is being ended."""
        for future in [future for future in self._futures if future.done()]:
            if not future.cancelled() and future.exception() is None:
                self._take(future)
        self._record()

    def _take(self, future: Future[Outcome]) -> None:
        self._futures.discard(future)
        if not future.cancelled():
            self._settle(future.result())

    def _settle(self, outcome: Outcome) -> None:
        report, reporter = self._conduct.report, self._conduct.reporter
        action = self._actions[outcome.filename]
        if outcome.note and not report.fallbacks:
            report.warn(f"the file host failed, so the source was asked: {outcome.note}")
        report.add_outcome(outcome)
        if outcome.ok:
            self._arrived.append((action, outcome))
            return
        self._failed.add(action.project)
        reporter.say(f"failed: {outcome.error}")
        self._denied += outcome.status == "denied"
        if self._denied >= _MAX_DENIED and not report.refused:
            report.refused = outcome.error
            for waiting in self._futures:
                waiting.cancel()

    def _record(self) -> None:
        if self._arrived:
            self._destination.record(self._arrived)
            self._arrived = []


def carry(chosen: Sequence[Action], destination: Destination, conduct: TransferContext) -> set[str]:
    """Bring the chosen files to a destination; return the projects of which one failed.

    Nothing is sent when the destination cannot take it: the report says why (`refused`).
    """
    refused = destination.prepare(chosen)
    if refused:
        conduct.report.refused = refused
        return set()
    return Transfer(chosen, destination, conduct).collect()
