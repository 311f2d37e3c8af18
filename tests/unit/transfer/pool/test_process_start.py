"""How worker processes start: without passwords, and by a fork only while that is safe."""

from __future__ import annotations

import sys
import threading

import pytest

from microrepo.transfer.pool.process_start import may_fork, start_context


def test_a_process_with_threads_is_not_forked() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        assert not may_fork()
    finally:
        ended.set()
        thread.join()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="workers are forked on Linux only")
def test_a_process_that_holds_locks_is_never_forked() -> None:
    assert start_context().get_start_method() == "forkserver"
