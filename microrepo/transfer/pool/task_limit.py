"""Limit on tasks of one kind, among the others of a worker."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial

_Task = Callable[[], None]


class TaskLimit:
    """Begins tasks while fewer than `most` of them run; the others wait, and take no slot.

    Args:
        begin: runs a task, soon and in any thread.
    """

    def __init__(self, most: int, begin: Callable[[_Task], None]) -> None:
        self._free = most
        self._begin = begin
        self._waiting: deque[_Task] = deque()
        self._lock = threading.Lock()

    def add(self, task: _Task) -> None:
        """Run a task when its turn comes; it raises nothing."""
        with self._lock:
            if not self._free:
                self._waiting.append(task)
                return
            self._free -= 1
        self._begin(partial(self._run, task))

    def _run(self, task: _Task) -> None:
        task()
        with self._lock:
            if not self._waiting:
                self._free += 1
                return
            following = self._waiting.popleft()
        self._begin(partial(self._run, following))
