"""Keeper of the worker processes: starts them, hands out calls, replaces lost ones."""

from __future__ import annotations

import contextlib
import gc
import logging
import pickle
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any

from microrepo.errors import TransferError
from microrepo.transfer.pool.call_queue import Call, CallQueue
from microrepo.transfer.pool.process_start import (
    fork_context,
    ignoring_current_directory,
    start_context,
)
from microrepo.transfer.pool.worker_process import PROGRESS, STOP_TIMEOUT_S, process_main
from microrepo.transfer.worker_settings import WorkerSettings

_log = logging.getLogger(__name__)
_MAX_LOSSES_PER_CALL = 2
_MAX_LOSSES_IN_A_ROW = 8


class WorkerLost(TransferError):
    """The process of a call died, three times. Arguments: the call, the problem."""


class PoolBroken(TransferError):
    """Worker processes keep dying. Arguments: the pool, the problem."""


class WorkerHandle:
    """One worker process with its pipe and the calls it has.

    Args:
        inherited: pipes that a forked worker inherits and must close, so that they do not stay open
            after this process ends.
    """

    def __init__(
        self, context: Any, settings: WorkerSettings, inherited: Sequence[Connection] = ()
    ) -> None:
        self.pipe, far_end = context.Pipe(duplex=True)
        to_close = (*inherited, self.pipe) if context.get_start_method() == "fork" else ()
        self.process = context.Process(
            target=process_main,
            args=(far_end, settings, to_close),
            daemon=True,
            name="microrepo-worker",
        )
        with ignoring_current_directory():
            self.process.start()
        far_end.close()  # else the death of the worker would not close the pipe
        self.calls: dict[int, Call] = {}


class ProcessKeeper:
    """Keeps a number of worker processes busy. `run` needs its own thread.

    Args:
        queue: the calls to hand out.
        settings: for `worker.initialize` in each process.
        on_bytes: called with the bytes that workers report.

    Attributes:
        workers: the running processes.
    """

    def __init__(
        self,
        queue: CallQueue,
        settings: WorkerSettings,
        count: int,
        on_bytes: Callable[[int], None] | None,
        lost: Callable[..., Any] | None,
    ) -> None:
        self.workers: list[WorkerHandle] = []
        self._queue = queue
        self._settings = settings
        self._context = start_context()
        self._count = count
        # More calls than threads are in each process, to hide the latency of the pipe.
        self._capacity = settings.threads + max(2, settings.threads // 2)
        self._on_bytes = on_bytes or (lambda _: None)
        self._lost = lost
        self._losses_in_a_row = 0

    def fork(self) -> None:
        """Make the first workers by forking this process."""
        context = fork_context(self._settings.client.transport)
        # The collector writes to each object it visits: workers would copy what they share.
        is_ours = not gc.get_freeze_count()
        gc.freeze()
        for _ in range(self._count):
            pipes = [worker.pipe for worker in self.workers]
            self.workers.append(WorkerHandle(context, self._settings, pipes))
        if is_ours:
            gc.unfreeze()

    def run(self) -> None:
        """Run until the queue is stopped; then stop the workers and cancel the remaining calls."""
        try:
            while not self._queue.is_stopped:
                while len(self.workers) < self._count:
                    self.workers.append(WorkerHandle(self._context, self._settings))
                self._hand_out()
                self._listen()
        except Exception as error:  # noqa: BLE001 - it is handed to every waiting future
            _log.exception("the pool's keeper failed")
            self._fail_all(error)
        finally:
            self._end()

    def _hand_out(self) -> None:
        batches: dict[int, list[tuple[Any, ...]]] = {}
        while True:
            number, worker = min(enumerate(self.workers), key=lambda item: len(item[1].calls))
            call = self._queue.take() if len(worker.calls) < self._capacity else None
            if call is None:
                break
            worker.calls[call.number] = call
            batches.setdefault(number, []).append((call.number, *call.payload))
        for number, batch in batches.items():
            with contextlib.suppress(OSError):  # a dead worker shows up in _listen
                pipe = self.workers[number].pipe
                pipe.send_bytes(pickle.dumps(batch, pickle.HIGHEST_PROTOCOL))

    def _listen(self) -> None:
        pipes = {worker.pipe: worker for worker in self.workers}
        for ready in connection.wait([self._queue.bell, *pipes]):
            if ready == self._queue.bell:
                self._queue.silence()
                continue
            worker = pipes[ready]
            try:
                results = pickle.loads(worker.pipe.recv_bytes())  # noqa: S301 - our own child
            except (EOFError, OSError):
                self._lose(worker)
                continue
            self._losses_in_a_row = 0
            for number, ok, value in results:
                self._settle(worker, number, value, ok=ok)

    def _settle(self, worker: WorkerHandle, number: int, value: Any, *, ok: bool) -> None:
        if number == PROGRESS:
            self._on_bytes(value)
            return
        call = worker.calls.pop(number)
        if ok:
            call.future.set_result(value)
        else:
            call.future.set_exception(value)

    def _lose(self, worker: WorkerHandle) -> None:
        self.workers.remove(worker)
        worker.pipe.close()
        worker.process.join(STOP_TIMEOUT_S)
        if self._queue.is_stopped:
            return
        code = worker.process.exitcode
        _log.warning("a worker process died (exit code %s); its tasks are retried", code)
        for call in worker.calls.values():
            call.losses += 1
            if call.losses > _MAX_LOSSES_PER_CALL:
                self._give_up(call)
            else:
                self._queue.put_back(call)
        self._losses_in_a_row += 1
        if self._losses_in_a_row > _MAX_LOSSES_IN_A_ROW:
            raise PoolBroken("the process pool", f"workers keep dying (exit code {code})")

    def _give_up(self, call: Call) -> None:
        why = f"its worker process died {call.losses} times"
        if self._lost is None:
            call.future.set_exception(WorkerLost(str(call.payload[1][:1]), why))
        else:
            call.future.set_result(self._lost(*call.payload[1], why))

    def _fail_all(self, error: Exception) -> None:
        self._queue.stop()
        calls = self._queue.drain()
        for worker in self.workers:
            calls.extend(worker.calls.values())
            worker.calls.clear()
        for call in calls:
            if not call.future.done():
                call.future.set_exception(error)

    def _end(self) -> None:
        calls = self._queue.drain()
        for worker in self.workers:
            worker.pipe.close()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for worker in self.workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join(STOP_TIMEOUT_S)
            calls.extend(worker.calls.values())
        for call in calls:
            if call.future.cancel():
                call.future.set_running_or_notify_cancel()
            elif not call.future.done():
                call.future.set_exception(CancelledError())
        self.workers.clear()
        self._queue.close()
