"""What steps of a run share: its time, its workers, and its end before time."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import msgspec
import pytest

from microrepo.errors import Cancelled
from microrepo.model import Outcome
from microrepo.operations.apply.work_context import WorkContext
from microrepo.transfer.tasks import HashFile
from tests.unit.operations.conftest import NOW, Workers


def test_the_time_of_a_run_is_when_it_began(work: WorkContext) -> None:
    assert work.now == NOW


def test_tasks_go_to_the_workers(work: WorkContext, workers: Workers) -> None:
    workers.answer = lambda task: Outcome(task.filename, ok=True)
    assert work.submit(HashFile("foo")).result() == Outcome("foo", ok=True)
    assert workers.tasks == [HashFile("foo")]


def test_waiting_ends_with_the_last_answer(work: WorkContext) -> None:
    late: Future[int] = Future()
    threading.Timer(0.05, late.set_result, (1,)).start()
    work.wait_for([late])
    assert late.done()


def test_waiting_ends_when_the_run_is_stopped(work: WorkContext) -> None:
    def stop() -> None:
        raise Cancelled("stopped")

    never: Future[int] = Future()
    waiting = msgspec.structs.replace(work, check=stop)
    with pytest.raises(Cancelled):
        waiting.wait_for([never])
    waiting.wait_for([])
