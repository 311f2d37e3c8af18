"""Workers: threads that read files, render pages and check passwords."""

from __future__ import annotations

import heapq
import threading
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable
from queue import SimpleQueue

from microrepo.standalone.server.loop.connection import LOST, Connection

CHECKING_THREADS = 2


class WorkerPool:
    """Threads that read, render and send; they give connections back with an outcome.

    Args:
        wake: called after a connection was given back.
        report: takes the traceback of a task that failed.
    """

    def __init__(self, count: int, wake: Callable[[], None], report: Callable[[str], None]) -> None:
        self.returned: deque[tuple[Connection, int]] = deque()
        self._wake = wake
        self._report = report
        self._tasks: SimpleQueue[tuple[Connection, Callable[[], int]] | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def submit(self, connection: Connection, task: Callable[[], int]) -> None:
        """Have the next free thread do a task for a connection; it returns the outcome."""
        self._tasks.put((connection, task))

    def close(self) -> None:
        """Let the threads end after the tasks they have."""
        for _ in self._threads:
            self._tasks.put(None)

    def _work(self) -> None:
        for connection, task in iter(self._tasks.get, None):
            try:
                outcome = task()
            except Exception:  # noqa: BLE001  # one request must not end a thread
                self._report(traceback.format_exc())
                outcome = LOST
            self.returned.append((connection, outcome))
            self._wake()


class CheckingQueue:
    """Threads that check passwords, in turns so that guessing costs only the guesser's turns.

    Each address gets its turn; within an address, connections without wrong logins come first.
    """

    def __init__(self, count: int = CHECKING_THREADS) -> None:
        self._waiting: OrderedDict[str, list[tuple[int, int, Callable[[], None]]]] = OrderedDict()
        self._number = 0
        self._changed = threading.Condition()
        self._closed = False
        for _ in range(count):
            threading.Thread(target=self._work, daemon=True).start()

    def submit(self, address: str, wrong_logins: int, task: Callable[[], None]) -> None:
        """Have a check done when its turn comes; the task must not raise."""
        with self._changed:
            self._number += 1
            heap = self._waiting.setdefault(address, [])
            heapq.heappush(heap, (wrong_logins, self._number, task))
            self._changed.notify()

    def close(self) -> None:
        """Let the threads end after their present task."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                address, heap = self._waiting.popitem(last=False)
                task = heapq.heappop(heap)[2]
                if heap:
                    self._waiting[address] = heap
            task()
