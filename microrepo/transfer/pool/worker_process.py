"""A worker process: calls come through a pipe, run in threads, and their results go back."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from microrepo.transfer.tasks import WorkerSettings

# The number of a message that tells of bytes instead of a result.
PROGRESS = -1
STOP_TIMEOUT_S = 1.0
_PROGRESS_EVERY_S = 0.2


class _Sender:
    """Sends results to the parent; what piles up while one is being sent goes out together."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._outbox: deque[tuple[int, bool, Any]] = deque()
        self._bytes = 0
        self._bytes_sent_at = 0.0
        self._bytes_lock = threading.Lock()

    def send(self, number: int, value: Any, *, ok: bool) -> None:
        self._outbox.append((number, ok, value))
        with self._lock:
            batch = []
            while self._outbox:
                batch.append(self._outbox.popleft())
            if batch:
                self._pipe.send_bytes(_dump(batch))

    def add_bytes(self, count_bytes: int) -> None:
        with self._bytes_lock:
            self._bytes += count_bytes
            now = time.monotonic()
            if now - self._bytes_sent_at < _PROGRESS_EVERY_S:
                return
            total, self._bytes, self._bytes_sent_at = self._bytes, 0, now
        self.send(PROGRESS, total, ok=True)


def _dump(batch: list[tuple[int, bool, Any]]) -> bytes:
    try:
        return pickle.dumps(batch, pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001 - one value that cannot travel must not cost the others
        safe = []
        for number, ok, value in batch:
            try:
                pickle.dumps(value)
                safe.append((number, ok, value))
            except Exception as error:  # noqa: BLE001
                safe.append((number, False, RuntimeError(f"{value!r} cannot be sent: {error}")))
        return pickle.dumps(safe, pickle.HIGHEST_PROTOCOL)


def process_main(
    pipe: Connection, settings: WorkerSettings, to_close: Sequence[Connection] = ()
) -> None:
    """Serve the parent until its end of the pipe closes.

    Args:
        pipe: to the parent.
        settings: for the worker.
        to_close: pipes of other workers, inherited.
    """
    for inherited in to_close:
        inherited.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    signal.signal(signal.SIGTERM, _leave_soon)
    from microrepo.transfer.pool import worker

    sender = _Sender(pipe)
    worker.initialize(settings, sender.add_bytes)
    calls: queue.SimpleQueue[tuple[int, Any, Any, Any]] = queue.SimpleQueue()
    threads = 0
    while True:
        try:
            batch = pickle.loads(pipe.recv_bytes())  # noqa: S301 - from our own parent
        except (EOFError, OSError):
            os._exit(0)  # the parent is done or dead; downloads in flight resume another time
        for item in batch:
            calls.put(item)
        while threads < settings.threads:
            threading.Thread(target=_serve, args=(calls, sender), daemon=True).start()
            threads += 1


def _leave_soon(_number: int, _frame: FrameType | None) -> None:
    """End a little later: a stop of the whole group reaches the parent too, which sees to the rest.

    Ended at once, workers would be missed and replaced before the parent has understood.
    """
    timer = threading.Timer(2 * STOP_TIMEOUT_S, os._exit, (0,))
    timer.daemon = True
    timer.start()


def _serve(calls: queue.SimpleQueue[tuple[int, Any, Any, Any]], sender: _Sender) -> None:
    while True:
        number, function, args, kwargs = calls.get()
        try:
            value, ok = function(*args, **kwargs), True
        except Exception as error:  # noqa: BLE001 - the one broad catch: the worker's boundary
            value, ok = error, False
        try:
            sender.send(number, value, ok=ok)
        except OSError:
            os._exit(0)
