"""Processes x threads as a `concurrent.futures` executor.

The standard pool gives each process one call at a time, and one lost process breaks it as a whole.
This one keeps a few calls in each process, run by its threads; a lost process is replaced and its
calls are tried again. A process ends as soon as its pipe to the parent closes, which happens even
if the parent is killed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from microrepo.transfer.pool.call_queue import CallQueue
from microrepo.transfer.pool.process_keeper import ProcessKeeper
from microrepo.transfer.pool.worker_process import STOP_TIMEOUT_S
from microrepo.transfer.worker_settings import WorkerSettings

_T = TypeVar("_T")


class WorkerPool(Executor):
    """Runs module-level functions in worker processes, several at a time in each.

    Args:
        settings: for `worker.initialize` in each process.
        on_bytes: called in a thread of this process with the bytes that workers report.
        lost: makes the result of a call whose worker died three times, of the call's arguments and
            an explanation; without it such a call ends with `WorkerLost`.
        fork: make the first workers by forking this process; see `may_fork`.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        processes: int,
        on_bytes: Callable[[int], None] | None = None,
        lost: Callable[..., Any] | None = None,
        *,
        fork: bool = False,
    ) -> None:
        self._queue = CallQueue()
        self._keeper = ProcessKeeper(self._queue, settings, processes, on_bytes, lost)
        if fork:
            self._keeper.fork()
        self._thread = threading.Thread(target=self._keeper.run, daemon=True, name="pool-keeper")
        self._thread.start()

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        """Queue one call; see `concurrent.futures.Executor.submit`."""
        return self._queue.add((fn, args, kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """End the workers; calls that have not ended are given up and cancelled.

        Unlike the standard pool this does not wait for calls in flight: to get their results, wait
        for the futures first.
        """
        self._queue.stop()
        if not wait:
            return
        self._thread.join(timeout=2 * STOP_TIMEOUT_S)
        for worker in list(self._keeper.workers):  # none, unless the machine is very busy
            worker.process.kill()

    def pids(self) -> list[int]:
        """Return the process numbers of the workers, for tests and messages."""
        return [worker.process.pid or 0 for worker in list(self._keeper.workers)]
