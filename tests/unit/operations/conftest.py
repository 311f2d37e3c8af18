"""What steps of a run work with: a repository of a temporary directory, and workers that answer at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from microrepo.config.load import load
from microrepo.config.schema import Config
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.records.report import ReportBuilder
from microrepo.publish.links import Links
from microrepo.reporting import SilentReporter
from microrepo.state import open_state
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.transfer.pool.worker import run_task
from tests.support.upstream import Upstream

NOW = "2026-06-02T12:00:00.000000Z"


class Workers(Executor):
    """Workers that answer a task at once, by the function `answer`."""

    def __init__(self) -> None:
        self.answer: Callable[[Any], Any] = lambda task: pytest.fail(f"nobody may ask: {task}")
        self.tasks: list[Any] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if fn is run_task:
            self.tasks.append(args[0])
            future.set_result(self.answer(args[0]))
        else:  # pages and metadata files are made by functions of their own
            future.set_result(fn(*args))
        return future


@pytest.fixture
def holdings(tmp_path: Path) -> Iterator[Holdings]:
    """An empty repository that keeps files."""
    directory = FlatDirectory(tmp_path / "repository")
    directory.prepare()
    state, _ = open_state(directory.state_file)
    yield Holdings(state, directory, Links())
    state.close()


@pytest.fixture
def workers() -> Workers:
    return Workers()


@pytest.fixture
def work(workers: Workers) -> WorkContext:
    """The context of a run that began at `NOW`."""
    report = ReportBuilder("refresh", "here", NOW)
    return WorkContext(lambda: workers, report, SilentReporter())


@pytest.fixture
def config(holdings: Holdings) -> Config:
    """The default settings, for the repository of `holdings`."""
    flags = {"repository": str(holdings.directory.path), "min_free_space": "0"}
    return load(None, flags, {}).config


@pytest.fixture
def upstream(tmp_path: Path, holdings: Holdings, workers: Workers) -> Upstream:
    """A source without projects, for which the workers work."""
    upstream = Upstream(tmp_path / "upstream", holdings.directory)
    workers.answer = upstream.answer
    return upstream
