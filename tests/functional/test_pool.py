"""The pool of worker processes by itself: nothing is lost, nothing is waited for in vain."""

from __future__ import annotations

import operator
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path

import pytest

from microrepo.client import ClientSettings
from microrepo.repositories.sources.source_registry import describe_source
from microrepo.transfer.pool.worker_pool import WorkerPool
from microrepo.transfer.worker_settings import WorkerSettings
from tests.support.repository import wait_until


@pytest.fixture
def settings(tmp_path: Path) -> WorkerSettings:
    """Workers that have nowhere to fetch anything from."""
    source = describe_source("http://127.0.0.1:9", "json")
    return WorkerSettings(str(tmp_path), ClientSettings(), source, partial=str(tmp_path))


@pytest.fixture
def pool(settings: WorkerSettings) -> Iterator[WorkerPool]:
    """Two worker processes."""
    workers = WorkerPool(settings, 2)
    yield workers
    workers.shutdown()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_no_call_is_overlooked(pool: WorkerPool) -> None:
    """Many callers that each wait for their answer, while threads take turns at every step."""
    wrong: list[object] = []

    def ask() -> None:
        for number in range(1500):
            try:
                if pool.submit(operator.add, number, 1).result(timeout=15) != number + 1:
                    wrong.append(number)
            except TimeoutError as error:
                wrong.append(error)
                return

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        callers = [threading.Thread(target=ask) for _ in range(4)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    finally:
        sys.setswitchinterval(before)
    assert not wrong


def test_the_end_does_not_wait_for_calls(pool: WorkerPool) -> None:
    calls = [pool.submit(time.sleep, 600) for _ in range(40)]
    wait_until(lambda: len(pool.pids()) == 2)
    pids = pool.pids()
    started = time.monotonic()
    pool.shutdown()
    assert time.monotonic() - started < 60
    assert not any(is_alive(pid) for pid in pids)
    assert not wait(calls, timeout=5).not_done


def test_an_error_of_a_call_is_its_own(pool: WorkerPool) -> None:
    bad = pool.submit(operator.truediv, 1, 0)
    unsendable = pool.submit(threading.Lock)
    assert pool.submit(operator.add, 1, 2).result(timeout=30) == 3
    with pytest.raises(ZeroDivisionError):
        bad.result(timeout=30)
    with pytest.raises(RuntimeError, match="cannot be sent"):
        unsendable.result(timeout=30)


def test_a_call_that_ends_its_worker_is_given_up(pool: WorkerPool) -> None:
    fatal = pool.submit(os._exit, 7)
    error = fatal.exception(timeout=60)
    assert "died 3 times" in str(error)
    assert pool.submit(operator.add, 1, 2).result(timeout=30) == 3


def test_after_the_end_nothing_is_taken(settings: WorkerSettings) -> None:
    pool = WorkerPool(settings, 1)
    pool.shutdown()
    pool.shutdown()
    with pytest.raises(RuntimeError):
        pool.submit(operator.add, 1, 2)
