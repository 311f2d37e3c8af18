"""Queue of calls for the worker processes, with a pipe that wakes up the keeper."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from concurrent.futures import Future
from typing import Any


class Call:
    """One queued call: function, future, number of lost processes."""

    def __init__(self, number: int, payload: tuple[Any, ...]) -> None:
        self.number = number
        self.payload = payload
        self.future: Future[Any] = Future()
        self.losses = 0


class CallQueue:
    """Waiting calls. Any thread may add calls; the keeper takes them.

    Attributes:
        bell: end of a pipe that becomes readable when calls are added or the queue is stopped.
        is_stopped: no more calls are accepted.
    """

    def __init__(self) -> None:
        self.bell, self._bell_rope = os.pipe()
        self.is_stopped = False
        self._waiting: deque[Call] = deque()
        self._lock = threading.Lock()
        self._is_rung = False
        self._numbers = 0

    def add(self, payload: tuple[Any, ...]) -> Future[Any]:
        """Queue a call and return its future.

        Raises:
            RuntimeError: the queue has been stopped.
        """
        with self._lock:
            if self.is_stopped:
                raise RuntimeError("the pool has been shut down")
            self._numbers += 1
            call = Call(self._numbers, payload)
            self._waiting.append(call)
            self._ring()
        return call.future

    def stop(self) -> None:
        """Accept no more calls."""
        with self._lock:
            self.is_stopped = True
            self._ring()

    def take(self) -> Call | None:
        """Return the next call that was not cancelled, or None."""
        with self._lock:
            while self._waiting:
                call = self._waiting.popleft()
                if call.losses or call.future.set_running_or_notify_cancel():
                    return call
        return None

    def put_back(self, call: Call) -> None:
        """Queue a call first whose process was lost."""
        with self._lock:
            self._waiting.appendleft(call)

    def drain(self) -> list[Call]:
        """Remove and return the waiting calls."""
        with self._lock:
            calls = list(self._waiting)
            self._waiting.clear()
        return calls

    def silence(self) -> None:
        """Empty the pipe of the bell."""
        with self._lock:
            # Under one lock: the wake-up of a call added in between would be lost.
            os.read(self.bell, 4096)
            self._is_rung = False

    def close(self) -> None:
        """Close the pipe of the bell."""
        with self._lock:
            self._is_rung = True  # its number may soon belong to another file
            os.close(self.bell)
            os.close(self._bell_rope)

    def _ring(self) -> None:
        if not self._is_rung:
            self._is_rung = True
            with contextlib.suppress(OSError):
                os.write(self._bell_rope, b"x")
