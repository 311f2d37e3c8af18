"""Refresh, verify and check from a program: they tell how they go on, and end when asked to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from microrepo import (
    Cancelled,
    Config,
    SilentReporter,
    check,
    load_config,
    read_requests,
    refresh,
    verify,
)
from tests.support.faults import SlowBody
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.server import PyPIServer


class Listener(SilentReporter):
    """Counts, and does something once bytes have arrived.

    Args:
        at_bytes: what to do then; it may be called from another thread.
    """

    def __init__(self, at_bytes: Callable[[], None] = lambda: None) -> None:
        self.documents = 0
        self.done = 0
        self.bytes = 0
        self._at_bytes = at_bytes

    def expect_documents(self, count: int) -> None:
        """Add."""
        self.documents += count

    def document_done(self) -> None:
        """Add."""
        self.done += 1

    def add_bytes(self, count_bytes: int) -> None:
        """Add, and do it."""
        self.bytes += count_bytes
        self._at_bytes()


@pytest.fixture
def built(index: FakeIndex) -> list[BuiltFile]:
    """Four projects of a size that takes a while at a slow server."""
    found = [build_wheel(f"p{number}", "1.0", payload_size=600_000) for number in range(4)]
    for file in found:
        index.add(file.name, file)
    return found


@pytest.fixture
def config(pypi: PyPIServer, tmp_path: Path) -> Config:
    """Settings of a repository of all four."""
    settings = {"repository": str(tmp_path / "repo"), "source": pypi.url, "min_free_space": 0}
    return load_config(None, {**settings, "processes": 1, "connections": 2}, {}).config


def test_a_refresh_ends_soon_and_the_next_goes_on(
    built: list[BuiltFile], config: Config, pypi: PyPIServer
) -> None:
    pypi.fault("/files/*", SlowBody(20_000))
    requests = read_requests([file.name for file in built], Path.cwd())
    cancel = threading.Event()
    told_at: list[float] = []

    def stop() -> None:
        told_at.append(time.monotonic())
        cancel.set()

    with pytest.raises(Cancelled, match="refresh cancelled"):
        refresh(config, requests, reporter=Listener(stop), cancel=cancel)
    assert told_at
    assert time.monotonic() - told_at[0] < 30  # all of them take a minute
    assert not list(Path(config.repository).glob("*.whl"))
    pypi.clear_faults()
    listener = Listener()
    assert refresh(config, requests, reporter=listener).exit_code == 0
    assert listener.documents == listener.done >= 4
    assert {path.name for path in Path(config.repository).glob("*.whl")} == {
        file.filename for file in built
    }


def test_verify_and_check_tell_and_end(built: list[BuiltFile], config: Config) -> None:
    requests = read_requests([file.name for file in built], Path.cwd())
    refresh(config, requests)
    cancel = threading.Event()
    told = Listener()
    assert verify(config, deep=True, reporter=told).exit_code == 0
    assert told.bytes == sum(file.size for file in built)
    told = Listener()
    assert check(config, requests, reporter=told).closed
    assert told.documents == told.done == 4
    with pytest.raises(Cancelled, match="verify cancelled"):
        verify(config, deep=True, reporter=Listener(cancel.set), cancel=cancel)
    with pytest.raises(Cancelled, match="check cancelled"):
        check(config, requests, cancel=cancel)
    with pytest.raises(Cancelled, match="refresh cancelled"):
        refresh(config, requests, cancel=cancel, force_check=True)
    assert verify(config, deep=True).exit_code == 0
