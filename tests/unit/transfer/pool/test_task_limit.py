"""Tasks of one kind take turns; the others are not kept waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

from microrepo.transfer.pool.task_limit import TaskLimit


def test_no_more_than_the_limit_run_and_the_rest_follow_in_order() -> None:
    begun: list[Callable[[], None]] = []
    done: list[int] = []
    limit = TaskLimit(2, begun.append)
    for number in range(5):
        limit.add(partial(done.append, number))
    assert len(begun) == 2
    while begun:
        begun.pop(0)()
        assert len(begun) <= 2
    assert done == [0, 1, 2, 3, 4]
    limit.add(lambda: done.append(5))
    limit.add(lambda: done.append(6))
    limit.add(lambda: done.append(7))
    assert len(begun) == 2


def test_threads_keep_to_the_limit() -> None:
    running, most, lock = 0, 0, threading.Lock()
    finished = threading.Semaphore(0)

    def task() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.001)
        with lock:
            running -= 1
        finished.release()

    with ThreadPoolExecutor(8) as threads:

        def begin(one: Callable[[], None]) -> None:
            threads.submit(one)

        limit = TaskLimit(3, begin)
        wait([threads.submit(limit.add, task) for _ in range(40)])
        for _ in range(40):
            assert finished.acquire(timeout=30)
    assert most <= 3
