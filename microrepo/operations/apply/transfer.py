"""Transfer of chosen files to a destination, recorded and reported as they arrive."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, wait

from microrepo.model import Action, Outcome
from microrepo.operations.apply.destination import Destination
from microrepo.operations.apply.failure_limit import MOST_FAILURES, FailureLimit, in_turns
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.records.report import Failure
from microrepo.standalone.server.labels import counted

_COMMIT_EVERY_S = 2.0
# In groups: waking up for each file would interrupt the planning of the next batch.
_LOOK_EVERY_S = 0.1
# After this many refusals of credentials, uploads stop.
_MAX_DENIED = 5


class Transfer:
    """One transfer of files: projects take turns, and the largest go first."""

    def __init__(
        self, chosen: Sequence[Action], destination: Destination, work: WorkContext
    ) -> None:
        self._destination = destination
        self._work = work
        self._actions = {action.filename: action for action in chosen}
        self._arrived: list[tuple[Action, Outcome]] = []
        self._failed: set[str] = set()
        self._denied = 0
        self._limit = FailureLimit()
        self._futures: dict[Future[Outcome], str] = {}
        work.reporter.expect_bytes(sum(action.size_bytes for action in chosen))
        for item in destination.put(in_turns(chosen, work.report.started_at)):
            work.check()
            if not isinstance(item, Outcome):
                self._futures[work.submit(item)] = item.filename
            elif item.status == "denied":
                work.report.refused = item.error
            else:
                self._settle(item)
                work.reporter.add_bytes(0 if item.status else item.size_bytes)

    def collect(self) -> set[str]:
        """Wait for all files, recording them as they arrive; return projects with a failed one."""
        recorded_at = time.monotonic()
        try:
            while self._futures:
                self._work.check()
                for future in wait(self._futures, timeout=_LOOK_EVERY_S).done:
                    self._take(future)
                if time.monotonic() - recorded_at > _COMMIT_EVERY_S:
                    self._record()
                    recorded_at = time.monotonic()
        finally:
            self._record()
        return self._failed

    def record_arrived(self) -> None:
        """Record arrived files without waiting for the rest, since the run is ending."""
        for future in [future for future in self._futures if future.done()]:
            if not future.cancelled() and future.exception() is None:
                self._take(future)
        self._record()

    def _take(self, future: Future[Outcome]) -> None:
        self._futures.pop(future, None)
        if not future.cancelled():
            self._settle(future.result())

    def _settle(self, outcome: Outcome) -> None:
        report, reporter = self._work.report, self._work.reporter
        action = self._actions[outcome.filename]
        if outcome.note and not report.fallbacks:
            report.warn(
                f"the file host failed; downloaded from the source: {outcome.filename}: {outcome.note}"
            )
        report.add_outcome(outcome)
        if outcome.ok:
            self._arrived.append((action, outcome))
            self._limit.succeeded(action.project)
            return
        self._failed.add(action.project)
        reporter.say(f"failed: {outcome.filename}: {outcome.error}")
        if self._limit.failed(action.project):
            self._give_up(action.project)
        self._denied += outcome.status == "denied"
        if self._denied >= _MAX_DENIED and not report.refused:
            report.refused = f"{outcome.filename}: {outcome.error}"
            for waiting in self._futures:
                waiting.cancel()

    def _give_up(self, project: str) -> None:
        """Cancel the files of a project that wait for their turn."""
        given_up = [
            future
            for future, name in self._futures.items()
            if self._actions[name].project == project and future.cancel()
        ]
        for future in given_up:
            del self._futures[future]
        if given_up:
            why = (
                f"gave up on {counted(len(given_up), 'file')}, since {MOST_FAILURES} failed in a "
                "row; the next run begins with others"
            )
            self._work.report.failed.append(Failure(project, why))

    def _record(self) -> None:
        if self._arrived:
            self._destination.record(self._arrived)
            self._arrived = []


def carry(chosen: Sequence[Action], destination: Destination, work: WorkContext) -> set[str]:
    """Transfer the chosen files; return the projects with a failed file.

    Nothing is transferred if the destination cannot hold the files; `report.refused` says why.
    """
    refused = destination.prepare(chosen)
    if refused:
        work.report.refused = refused
        return set()
    return Transfer(chosen, destination, work).collect()
