"""Calls made ahead: by an idle task of the worker, or by the one that needs the result."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from microrepo.client.transport.waiting import EarlyCall, set_task_queue


@pytest.fixture
def tasks() -> Iterator[list[Callable[[], None]]]:
    queued: list[Callable[[], None]] = []
    set_task_queue(queued.append)
    yield queued
    set_task_queue(None)


def test_without_a_worker_the_call_happens_when_its_result_is_needed() -> None:
    calls: list[int] = []
    call = EarlyCall(lambda: calls.append(1))
    call.begin_soon()
    assert calls == []
    call.result()
    call.result()
    assert calls == [1]


def test_an_idle_task_makes_the_call_once(tasks: list[Callable[[], None]]) -> None:
    calls: list[int] = []
    call = EarlyCall(lambda: calls.append(1))
    call.begin_soon()
    tasks[0]()
    call.result()
    assert calls == [1]


def test_what_was_cancelled_in_time_is_never_called(tasks: list[Callable[[], None]]) -> None:
    calls: list[int] = []
    call = EarlyCall(lambda: calls.append(1))
    call.begin_soon()
    call.cancel()
    tasks[0]()
    assert calls == []


def test_a_failure_is_raised_where_the_result_is_needed(tasks: list[Callable[[], None]]) -> None:
    def fails() -> None:
        raise OSError("unplugged")

    call = EarlyCall(fails)
    call.begin_soon()
    tasks[0]()
    with pytest.raises(OSError, match="unplugged"):
        call.result()


def test_a_call_in_another_thread_is_waited_for() -> None:
    entered, gate = threading.Event(), threading.Event()
    waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def ask() -> str:
        entered.set()
        assert gate.wait(30)
        return "answered"

    set_task_queue(waiting.put)
    call = EarlyCall(ask)
    call.begin_soon()
    set_task_queue(None)
    thread = threading.Thread(target=waiting.get())
    thread.start()
    assert entered.wait(30)
    threading.Timer(0.05, gate.set).start()
    assert call.result() == "answered"
    thread.join(30)
