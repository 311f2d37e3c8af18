"""Waiting, so that other tasks of the same thread go on meanwhile, where a scheduler runs some."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

_T = TypeVar("_T")
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
