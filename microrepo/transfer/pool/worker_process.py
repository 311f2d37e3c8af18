"""Worker process: receives calls by a pipe, runs them in threads, and returns results."""

from __future__ import annotations

import os
import pickle
import queue
import select
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from microrepo.client.transport.libcurl.reactor import this_reactor
from microrepo.client.transport.transport_choice import can_multiplex
from microrepo.client.transport.waiting import set_task_queue
from microrepo.transfer.pool.process_start import restore_environment
from microrepo.transfer.pool.task_limit import TaskLimit
from microrepo.transfer.worker_settings import WorkerSettings

# The number of a message with byte counts instead of a result.
PROGRESS = -1
_Call = tuple[int, Callable[..., Any], tuple[Any, ...], dict[str, Any]]
STOP_TIMEOUT_S = 1.0
_PROGRESS_EVERY_S = 0.2


class _Sender:
    """Sends results to the parent, in batches while a previous one is being sent."""

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

    def send_all(self, results: list[tuple[int, bool, Any]]) -> None:
        """Send several results together."""
        *others, (number, ok, value) = results
        self._outbox.extend(others)
        self.send(number, value, ok=ok)

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
        to_close: pipes of other workers, inherited.
    """
    for inherited in to_close:
        inherited.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    signal.signal(signal.SIGTERM, _leave_soon)
    restore_environment()
    from microrepo.transfer.pool import worker

    sender = _Sender(pipe)
    worker.initialize(settings, sender.add_bytes)
    if can_multiplex(settings.client.transport):
        _run_loop(pipe, settings, _Threads(settings.threads, sender), sender)
    threads = _Threads(settings.threads, sender, worker.task_limit)
    downloads = TaskLimit(settings.downloads, threads.add)
    while True:
        for call in _receive(pipe):
            add = downloads.add if worker.is_download(call[2]) else threads.add
            add(partial(threads.carry_out, call))


def _receive(pipe: Connection) -> list[_Call]:
    """Return the next calls; end the process with its parent."""
    try:
        calls: list[_Call] = pickle.loads(pipe.recv_bytes())  # noqa: S301 - from our own parent
    except (EOFError, OSError):
        os._exit(0)  # the parent has finished or died; partial downloads are resumed later
    return calls


def _run_loop(
    pipe: Connection, settings: WorkerSettings, threads: _Threads, sender: _Sender
) -> None:
    """Serve the parent for ever: what waits for the network in one loop, the rest in threads."""
    from microrepo.transfer.pool.task_loop import TaskLoop
    from microrepo.transfer.pool.worker import is_download, task_limit, waits_for_network

    results: list[tuple[int, bool, Any]] = []

    def send_results() -> None:
        if results:
            sender.send_all(results)
            results.clear()

    def carry_out(call: _Call) -> None:
        results.append(_result_of(call))

    def take_calls(_descriptor: int, _event: int) -> None:
        for call in _receive(pipe):
            if not waits_for_network(call[2], settings):
                threads.add(partial(threads.carry_out, call))
                continue
            add = downloads.add if is_download(call[2]) else loop.add
            add(partial(carry_out, call))

    loop = TaskLoop(settings.threads, send_results, task_limit)
    downloads = TaskLimit(settings.downloads, loop.add)
    this_reactor().watch(pipe.fileno(), select.POLLIN, take_calls)
    try:
        loop.run()
    except OSError:
        os._exit(0)


def _leave_soon(_number: int, _frame: FrameType | None) -> None:
    """End a little later: a stop of the whole group reaches the parent too, which sees to the rest.

    Ended at once, workers would be missed and replaced before the parent has understood.
    """
    timer = threading.Timer(2 * STOP_TIMEOUT_S, os._exit, (0,))
    timer.daemon = True
    timer.start()


def _result_of(call: _Call) -> tuple[int, bool, Any]:
    number, function, args, kwargs = call
    try:
        return number, True, function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - the one broad catch: the worker's boundary
        return number, False, error


class _Threads:
    """Threads that carry out calls; they begin with the first one.

    Args:
        limit: returns how many of them may carry out calls at the moment.
    """

    def __init__(self, count: int, sender: _Sender, limit: Callable[[], int] | None = None) -> None:
        self._count = count
        self._limit = limit or (lambda: count)
        self._running = 0
        self._ended = threading.Condition()
        self._sender = sender
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def add(self, task: Callable[[], None]) -> None:
        """Queue a task; it raises nothing."""
        self._tasks.put(task)
        while self._count:
            self._count -= 1
            threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        set_task_queue(self._tasks.put)
        while True:
            task = self._tasks.get()
            with self._ended:
                while self._running >= self._limit():
                    self._ended.wait()
                self._running += 1
            task()
            with self._ended:
                self._running -= 1
                self._ended.notify_all()

    def carry_out(self, call: _Call) -> None:
        """Run a call and send its result."""
        number, ok, value = _result_of(call)
        try:
            self._sender.send(number, value, ok=ok)
        except OSError:
            os._exit(0)
