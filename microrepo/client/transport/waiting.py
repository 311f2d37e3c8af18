"""Waiting, so that other tasks of the same worker go on meanwhile, and calls made by idle ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, Protocol, TypeVar

_T = TypeVar("_T")
_Task = Callable[[], None]
_LONGEST_WAIT_S = 60.0
_local = threading.local()


class Scheduler(Protocol):
    """Runs several tasks in one thread, one at a time."""

    def park(self, key: object, most_s: float) -> None:
        """Let other tasks run until `wake` is called with `key`, though not longer than `most_s`."""

    def wake(self, key: object) -> None:
        """Have the task run on that waits for `key`, if there is one."""

    def call(self, function: Callable[[], _T]) -> _T:
        """Return what a function returns that may wait for a disk."""


def this_scheduler() -> Scheduler | None:
    """Return the scheduler of the calling thread."""
    return getattr(_local, "scheduler", None)


def set_scheduler(scheduler: Scheduler | None) -> None:
    """Have the waits of the calling thread go to a scheduler."""
    _local.scheduler = scheduler


def set_task_queue(add: Callable[[_Task], None] | None) -> None:
    """Have calls that the calling thread makes ahead go to a queue of its worker's tasks."""
    _local.add_task = add


class EarlyCall(Generic[_T]):
    """A call whose result may be needed later; it happens once at most.

    The worker's limit on tasks at the same time holds: an idle task makes the call, and if all are
    busy until the result is needed, the task that needs it does.
    """

    def __init__(self, function: Callable[[], _T]) -> None:
        self._function = function
        self._turn = threading.Lock()
        self._future: Future[_T] = Future()

    def begin_soon(self) -> None:
        """Have an idle task of this worker make the call."""
        add_task: Callable[[_Task], None] | None = getattr(_local, "add_task", None)
        if add_task is not None:
            add_task(self._begin)

    def result(self) -> _T:
        """Return what the function returns, or raise what it raises."""
        self._begin()
        scheduler = this_scheduler()
        if scheduler is not None and not self._future.done():
            self._future.add_done_callback(scheduler.wake)
            while not self._future.done():
                scheduler.park(self._future, _LONGEST_WAIT_S)
        return self._future.result()

    def cancel(self) -> None:
        """Do not make the call if it has not begun."""
        self._turn.acquire(blocking=False)

    def _begin(self) -> None:
        if not self._turn.acquire(blocking=False):
            return
        try:
            self._future.set_result(self._function())
        except BaseException as error:  # noqa: BLE001 - raised where the result is needed
            self._future.set_exception(error)


def pause(seconds: float) -> None:
    """Sleep."""
    scheduler = this_scheduler()
    if scheduler is None:
        time.sleep(seconds)
    else:
        scheduler.park(object(), seconds)


def call_patiently(function: Callable[[], _T]) -> _T:
    """Return what a function returns that may wait for a disk."""
    scheduler = this_scheduler()
    return function() if scheduler is None else scheduler.call(function)
