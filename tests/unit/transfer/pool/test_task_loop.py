"""Tasks that share one thread: turns, pauses, and disks that take their time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

pytest.importorskip("greenlet")

from microrepo.client.transport.waiting import EarlyCall, call_patiently, pause, this_scheduler
from microrepo.transfer.pool.task_loop import TaskLoop


class _AllDone(Exception):
    """Ends a loop."""


def run_tasks(
    slots: int, *tasks: Callable[[], None], limit: Callable[[], int] | None = None
) -> None:
    """Run tasks to their end, in a thread of their own."""
    left = list(tasks)
    failures: list[BaseException] = []

    def counted(task: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                task()
            except BaseException as error:
                failures.append(error)
            left.remove(task)

        return run

    def after_turn() -> None:
        if not left:
            raise _AllDone

    def work() -> None:
        loop = TaskLoop(slots, after_turn, limit)
        for task in tasks:
            loop.add(counted(task))
        with pytest.raises(_AllDone):
            loop.run()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert not left
    assert not failures


def test_tasks_go_on_while_one_pauses() -> None:
    said: list[str] = []

    def slow() -> None:
        said.append("begun")
        pause(0.1)
        said.append("ended")

    run_tasks(2, slow, lambda: said.append("other"))
    assert said == ["begun", "other", "ended"]


def test_no_more_tasks_at_once_than_there_are_slots() -> None:
    running, most = 0, 0

    def task() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        pause(0.001)
        running -= 1

    run_tasks(3, *[task] * 20)
    assert (running, most) == (0, 3)


def test_a_limit_below_the_slots_holds_until_it_rises() -> None:
    running, most, ended = 0, [0, 0], 0

    def limit() -> int:
        return 4 if ended >= 10 else 2

    def task() -> None:
        nonlocal running, ended
        running += 1
        is_late = limit() > 2
        most[is_late] = max(most[is_late], running)
        pause(0.001)
        running -= 1
        ended += 1

    run_tasks(5, *[task] * 30, limit=limit)
    assert (running, most) == (0, [2, 4])


def test_a_task_is_woken_by_its_key() -> None:
    key, said = object(), []

    def waits() -> None:
        scheduler = this_scheduler()
        assert scheduler is not None
        scheduler.park(key, 60)
        said.append("woken")

    def wakes() -> None:
        scheduler = this_scheduler()
        assert scheduler is not None
        scheduler.wake(object())
        said.append("wakes")
        scheduler.wake(key)

    run_tasks(2, waits, wakes)
    assert said == ["wakes", "woken"]


def test_a_slow_disk_is_waited_for_in_a_thread() -> None:
    threads: list[int] = []
    others: list[int] = []

    def sync() -> str:
        threads.append(threading.get_ident())
        time.sleep(0.05)
        return "synced"

    def writes() -> None:
        for _ in range(3):
            assert call_patiently(sync) == "synced"
        others.append(len(threads))

    def goes_on() -> None:
        while not others:
            pause(0.001)

    run_tasks(2, writes, goes_on)
    assert threads[0] not in threads[1:]


def test_what_a_thread_raises_reaches_the_task() -> None:
    def fails() -> None:
        time.sleep(0.01)
        raise OSError("disk full")

    def writes() -> None:
        for _ in range(2):
            with pytest.raises(OSError, match="disk full"):
                call_patiently(fails)

    run_tasks(1, writes)


@pytest.mark.parametrize(("slots", "expected"), [(2, "ahead"), (1, "after")])
def test_a_call_is_made_ahead_if_a_slot_is_free(slots: int, expected: str) -> None:
    said: list[str] = []

    def ask() -> str:
        said.append("ahead" if not said else "after")
        pause(0.05)
        return "answer"

    def task() -> None:
        call = EarlyCall(ask)
        call.begin_soon()
        pause(0.01)
        if not said:
            said.append("document")
        assert call.result() == "answer"

    run_tasks(slots, task)
    assert said[-1] == expected
