"""Processes x threads as a `concurrent.futures` executor.

The standard pool gives each process one call at a time, and one lost process breaks it as a whole.
This one keeps a few calls in each process, run by its threads; a lost process is replaced and its
calls are tried again. A process ends as soon as its pipe to the parent closes, which the kernel
sees to even when the parent is killed.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import pickle
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Executor, Future
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from microrepo.errors import TransferError
from microrepo.transfer.pool.process_start import start_context
from microrepo.transfer.pool.worker_process import PROGRESS, STOP_TIMEOUT_S, process_main
from microrepo.transfer.tasks import WorkerSettings

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_MAX_LOSSES_PER_CALL = 2
_MAX_LOSSES_IN_A_ROW = 8


class WorkerLost(TransferError):
    """The process that carried out a call died, three times. Arguments: what, what happened."""


class PoolBroken(TransferError):
    """No worker stays alive. Arguments: what, what happened."""


class _Call:
    def __init__(self, number: int, payload: tuple[Any, ...]) -> None:
        self.number = number
        self.payload = payload
        self.future: Future[Any] = Future()
        self.losses = 0


class _Process:
    """One worker with its pipe.

    Args:
        context: of multiprocessing.
        settings: for the worker.
        inherited: pipes that a forked worker gets copies of and must close, lest they seem open
            when this process is gone.
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
        self.process.start()
        far_end.close()  # else the death of the worker would not close the pipe
        self.calls: dict[int, _Call] = {}


class WorkerPool(Executor):
    """Runs module-level functions in worker processes, several at a time in each.

    Args:
        settings: for `worker.initialize` in each process.
        processes: how many processes.
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
        self._settings = settings
        self._context = start_context()
        self._wanted = processes
        # Calls in a process beyond its threads wait in its queue and hide the pipe's latency.
        self._capacity = settings.threads + max(2, settings.threads // 2)
        self._on_bytes = on_bytes or (lambda _: None)
        self._lost = lost
        self._waiting: deque[_Call] = deque()
        self._processes: list[_Process] = []
        self._lock = threading.Lock()
        self._wake_in, self._wake_out = os.pipe()
        self._woken = False
        self._stopping = False
        self._losses_in_a_row = 0
        self._numbers = 0
        if fork:
            context = multiprocessing.get_context("fork")
            for _ in range(processes):
                pipes = [process.pipe for process in self._processes]
                self._processes.append(_Process(context, settings, pipes))
        self._keeper = threading.Thread(target=self._keep, daemon=True, name="pool-keeper")
        self._keeper.start()

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        """Queue one call; see `concurrent.futures.Executor.submit`."""
        with self._lock:
            if self._stopping:
                raise RuntimeError("the pool has been shut down")
            self._numbers += 1
            call = _Call(self._numbers, (fn, args, kwargs))
            self._waiting.append(call)
        self._wake()
        return call.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """End the workers; calls that have not ended are given up and cancelled.

        Unlike the standard pool this does not wait for calls in flight: whoever wants their
        results waits for the futures first.
        """
        with self._lock:
            self._stopping = True
        self._wake()
        if not wait:
            return
        self._keeper.join(timeout=2 * STOP_TIMEOUT_S)
        for process in list(self._processes):  # none, unless the machine is very busy
            process.process.kill()

    def pids(self) -> list[int]:
        """Return the process numbers of the workers, for tests and messages."""
        return [process.process.pid or 0 for process in list(self._processes)]

    def _wake(self) -> None:
        with self._lock:
            if self._woken:
                return
            self._woken = True
        with contextlib.suppress(OSError):
            os.write(self._wake_out, b"x")

    # --- everything below runs in the keeper thread -----------------------------------------------

    def _keep(self) -> None:
        try:
            while not self._stopping:
                self._replace_missing()
                self._hand_out()
                self._listen()
        except Exception as error:  # noqa: BLE001 - it is handed to every waiting future
            _log.exception("the pool's keeper failed")
            self._fail_all(error)
        finally:
            self._end()

    def _replace_missing(self) -> None:
        while len(self._processes) < self._wanted:
            self._processes.append(_Process(self._context, self._settings))

    def _hand_out(self) -> None:
        batches: dict[int, list[tuple[Any, ...]]] = {}
        with self._lock:
            while self._waiting:
                number, process = min(
                    enumerate(self._processes), key=lambda item: len(item[1].calls)
                )
                if len(process.calls) >= self._capacity:
                    break
                call = self._waiting.popleft()
                if call.losses == 0 and not call.future.set_running_or_notify_cancel():
                    continue
                process.calls[call.number] = call
                batches.setdefault(number, []).append((call.number, *call.payload))
        for number, batch in batches.items():
            with contextlib.suppress(OSError):  # a dead worker shows up in _listen
                pipe = self._processes[number].pipe
                pipe.send_bytes(pickle.dumps(batch, pickle.HIGHEST_PROTOCOL))

    def _listen(self) -> None:
        pipes = {process.pipe: process for process in self._processes}
        for ready in connection.wait([self._wake_in, *pipes]):
            if ready == self._wake_in:
                with self._lock:
                    # Together: a call between the two would be read away and never heard of.
                    os.read(self._wake_in, 4096)
                    self._woken = False
                continue
            process = pipes[ready]
            try:
                results = pickle.loads(process.pipe.recv_bytes())  # noqa: S301 - our own child
            except (EOFError, OSError):
                self._lose(process)
                continue
            self._losses_in_a_row = 0
            for number, ok, value in results:
                self._settle(process, number, value, ok=ok)

    def _settle(self, process: _Process, number: int, value: Any, *, ok: bool) -> None:
        if number == PROGRESS:
            self._on_bytes(value)
            return
        call = process.calls.pop(number)
        if ok:
            call.future.set_result(value)
        else:
            call.future.set_exception(value)

    def _lose(self, process: _Process) -> None:
        self._processes.remove(process)
        process.pipe.close()
        process.process.join(STOP_TIMEOUT_S)
        if self._stopping:
            return
        code = process.process.exitcode
        _log.warning("a worker process was lost (exit code %s); its tasks are tried again", code)
        for call in process.calls.values():
            call.losses += 1
            if call.losses > _MAX_LOSSES_PER_CALL:
                self._give_up(call)
            else:
                with self._lock:
                    self._waiting.appendleft(call)
        self._losses_in_a_row += 1
        if self._losses_in_a_row > _MAX_LOSSES_IN_A_ROW:
            raise PoolBroken("the process pool", f"workers keep dying (exit code {code})")

    def _give_up(self, call: _Call) -> None:
        why = f"its worker process died {call.losses} times"
        if self._lost is None:
            call.future.set_exception(WorkerLost(str(call.payload[1][:1]), why))
        else:
            call.future.set_result(self._lost(*call.payload[1], why))

    def _fail_all(self, error: Exception) -> None:
        with self._lock:
            self._stopping = True
            calls = list(self._waiting)
            self._waiting.clear()
        for process in self._processes:
            calls.extend(process.calls.values())
            process.calls.clear()
        for call in calls:
            if not call.future.done():
                call.future.set_exception(error)

    def _end(self) -> None:
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
        for process in self._processes:
            process.pipe.close()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for process in self._processes:
            process.process.join(max(0.0, deadline - time.monotonic()))
            if process.process.is_alive():
                process.process.kill()
                process.process.join(STOP_TIMEOUT_S)
            waiting.extend(process.calls.values())
        for call in waiting:
            if call.future.cancel():
                call.future.set_running_or_notify_cancel()
            elif not call.future.done():
                call.future.set_exception(CancelledError())
        self._processes.clear()
        os.close(self._wake_in)
        os.close(self._wake_out)
