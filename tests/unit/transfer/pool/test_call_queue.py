"""The queue of calls: their order, cancelled ones, and the bell that wakes the keeper."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from microrepo.transfer.pool.call_queue import CallQueue


@pytest.fixture
def queue() -> Iterator[CallQueue]:
    queue = CallQueue()
    yield queue
    with suppress(OSError):
        queue.close()


def rings(queue: CallQueue) -> bool:
    return bool(select.select([queue.bell], [], [], 0)[0])


def taken(queue: CallQueue) -> list[Any]:
    found = []
    while (call := queue.take()) is not None:
        found.append(call.payload[0])
    return found


def test_calls_are_taken_in_their_order(queue: CallQueue) -> None:
    futures = [queue.add((text,)) for text in "abc"]
    assert not any(future.running() for future in futures)
    assert taken(queue) == ["a", "b", "c"]
    assert all(future.running() for future in futures)


def test_a_cancelled_call_is_never_taken(queue: CallQueue) -> None:
    queue.add(("a",)).cancel()
    queue.add(("b",))
    assert taken(queue) == ["b"]


def test_a_call_that_lost_its_process_is_the_next(queue: CallQueue) -> None:
    future = queue.add(("a",))
    queue.add(("b",))
    call = queue.take()
    assert call is not None
    call.losses += 1
    queue.put_back(call)
    assert taken(queue) == ["a", "b"]
    assert future.running()


def test_the_bell_rings_until_it_is_silenced(queue: CallQueue) -> None:
    assert not rings(queue)
    for text in "ab":
        queue.add((text,))
    assert rings(queue)
    queue.silence()
    assert not rings(queue)
    queue.add(("c",))
    assert rings(queue)


def test_a_stopped_queue_takes_no_calls(queue: CallQueue) -> None:
    queue.add(("a",))
    queue.silence()
    queue.stop()
    assert queue.is_stopped
    assert rings(queue)
    with pytest.raises(RuntimeError, match="shut down"):
        queue.add(("b",))
    assert [call.payload for call in queue.drain()] == [("a",)]
    assert queue.take() is None


def test_nothing_is_written_to_a_closed_bell(queue: CallQueue, tmp_path: Any) -> None:
    queue.close()
    # The descriptors' numbers are free now: these files get them.
    files = [(tmp_path / name).open("wb", buffering=0) for name in "abcd"]
    queue.stop()
    for file in files:
        file.close()
    assert [(tmp_path / name).read_bytes() for name in "abcd"] == [b""] * 4
