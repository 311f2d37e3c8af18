"""Scheduler of a worker's tasks: one thread, one greenlet per task.

With threads, each response would cost two thread switches, and Python runs one thread at a time.
"""

from __future__ import annotations

import os
import select
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

from microrepo.client.transport.libcurl.reactor import this_reactor
from microrepo.client.transport.waiting import set_scheduler, set_task_queue

_T = TypeVar("_T")
_LONGEST_TURN_S = 60.0
# Disk operations that take longer run in a thread, while other tasks continue.
_SLOW_S = 0.001


class TaskLoop:
    """The scheduler of one thread.

    Args:
        slots: tasks running at the same time.
        limit: returns how many of the slots may be used at the moment.
        after_turn: called when all tasks wait, before the thread does.
    """

    def __init__(
        self, slots: int, after_turn: Callable[[], None], limit: Callable[[], int] | None = None
    ) -> None:
        self._hub = getcurrent()
        self._free_slots = slots
        self._slots = slots
        self._limit = limit or (lambda: slots)
        self._after_turn = after_turn
        self._reactor = this_reactor()
        self._waiting: deque[Callable[[], None]] = deque()
        self._idle: list[Any] = []
        self._ready: deque[Any] = deque()
        self._parked: dict[object, tuple[Any, float]] = {}
        self._next_due = 0.0
        self._threads: ThreadPoolExecutor | None = None
        self._answered: deque[object] = deque()
        self._usual_s = 0.0
        set_scheduler(self)
        set_task_queue(self.add)

    def add(self, task: Callable[[], None]) -> None:
        """Run a task when there is a slot for it; it raises nothing."""
        self._waiting.append(task)

    def run(self) -> None:
        """Run tasks for ever."""
        while True:
            while self._ready or (self._waiting and self._can_begin(0)):
                self._resume()
            self._after_turn()
            now = time.monotonic()
            self._reactor.turn(min(self._next_due - now, _LONGEST_TURN_S))
            if time.monotonic() >= self._next_due:
                self._wake_late()

    def _resume(self) -> None:
        while self._ready:
            self._ready.popleft().switch()
        if not (self._waiting and self._can_begin(0)):
            return
        if self._idle:
            self._idle.pop().switch()
        else:
            self._free_slots -= 1
            greenlet(self._work).switch()

    def _can_begin(self, ended: int) -> bool:
        """Return whether another task may run; `ended` tasks of the running ones are complete."""
        running = self._slots - self._free_slots - len(self._idle) - ended
        return running < min(self._slots, self._limit())

    def _work(self) -> None:
        while True:
            while self._waiting and self._can_begin(1):
                self._waiting.popleft()()
            self._idle.append(getcurrent())
            self._hub.switch()

    def _wake_late(self) -> None:
        now = time.monotonic()
        for key in [key for key, (_, due) in self._parked.items() if due <= now]:
            self.wake(key)
        self._next_due = min(
            (due for _, due in self._parked.values()), default=now + _LONGEST_TURN_S
        )

    def park(self, key: object, most_s: float) -> None:
        """Let other tasks run; see `Scheduler.park`."""
        due = time.monotonic() + most_s
        self._parked[key] = getcurrent(), due
        self._next_due = min(self._next_due, due)
        self._hub.switch()

    def wake(self, key: object) -> None:
        """Have the task run on that waits for `key`, if there is one."""
        found = self._parked.pop(key, None)
        if found is not None:
            self._ready.append(found[0])

    def call(self, function: Callable[[], _T]) -> _T:
        """Return what a function returns, called in another thread while that takes long."""
        if self._usual_s < _SLOW_S:
            return self._timed(function)
        future = self._in_thread(function)
        while not future.done():
            self.park(future, _LONGEST_TURN_S)
        return future.result()

    def _timed(self, function: Callable[[], _T]) -> _T:
        started = time.monotonic()
        try:
            return function()
        finally:
            self._usual_s = 0.75 * self._usual_s + 0.25 * (time.monotonic() - started)

    def _in_thread(self, function: Callable[[], _T]) -> Future[_T]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._slots, "disk")
            bell, self._rope = os.pipe()
            self._reactor.watch(bell, select.POLLIN, self._on_bell)
        future = self._threads.submit(self._timed, function)
        future.add_done_callback(self._ring)
        return future

    def _ring(self, future: Future[Any]) -> None:
        self._answered.append(future)
        os.write(self._rope, b"x")

    def _on_bell(self, bell: int, _event: int) -> None:
        os.read(bell, 4096)
        while self._answered:
            self.wake(self._answered.popleft())
