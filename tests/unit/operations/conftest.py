"""What steps of a run work with: a repository of a temporary directory, and workers that answer at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import msgspec
import pytest

from microrepo.client import Client
from microrepo.config.load import load
from microrepo.config.schema import Config
from microrepo.formats.requirements.requirement import parse_requirements
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.copy.channel import Channel
from microrepo.operations.copy.endpoints import Endpoints
from microrepo.operations.pages.publishing import RepositoryPages
from microrepo.operations.records.report import ReportBuilder
from microrepo.operations.refresh.refresh_run import Run
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_rules import Rules
from microrepo.publish.links import Links
from microrepo.reporting import SilentReporter
from microrepo.repositories.protocol import DestinationSettings, SourceSettings
from microrepo.selection.rules.policy import build_policy
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.transfer.pool.worker import Worker, run_task
from microrepo.transfer.tasks import Task
from microrepo.transfer.worker_settings import WorkerSettings
from tests.support.shelf import Shelf
from tests.support.upstream import NAME, Upstream

MakeChannel = Callable[..., Channel]
MakeRun = Callable[..., Run]
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
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """An empty repository, to be filled as a refresh would fill it."""
    shelf = Shelf(tmp_path / "repository")
    yield shelf
    shelf.state.close()


@pytest.fixture
def holdings(shelf: Shelf) -> Holdings:
    """The repository of `shelf`, which keeps files."""
    return Holdings(shelf.state, shelf.directory, Links())


@pytest.fixture
def config(shelf: Shelf) -> Config:
    """The default settings, for the repository of `shelf`."""
    flags = {"repository": str(shelf.path), "min_free_space": "0", "processes": 1}
    return load(None, flags, {}).config


@pytest.fixture
def workers() -> Workers:
    return Workers()


@pytest.fixture
def work(workers: Workers) -> WorkContext:
    """The context of a run that began at `NOW`."""
    report = ReportBuilder("refresh", "here", NOW)
    return WorkContext(lambda: workers, report, SilentReporter())


@pytest.fixture
def upstream(tmp_path: Path, holdings: Holdings, workers: Workers) -> Upstream:
    """A source without projects, for which the workers work."""
    upstream = Upstream(tmp_path / "upstream", holdings.directory)
    workers.answer = upstream.answer
    return upstream


def no_client() -> Client:
    """Fail: one source needs no list."""
    raise AssertionError("one source needs no list")


@pytest.fixture
def make_run(config: Config, holdings: Holdings, work: WorkContext) -> MakeRun:
    """``make_run(*requested, only_these=False, replace=False, **settings)``: a run, not begun."""

    def make(
        *requested: str,
        only_these: bool = False,
        replace: bool = False,
        work: WorkContext = work,
        **settings: object,
    ) -> Run:
        changed = msgspec.structs.replace(config, **settings)
        policy = build_policy(changed, parse_requirements(requested) if requested else None)
        rules = Rules(policy, policy.fingerprint())
        source = SourceSettings("json", f"https://{NAME}/simple/", name=NAME)
        sources = Sources([source], no_client)
        pages = RepositoryPages(changed, holdings, work)
        return Run(pages, sources, rules, only_these=only_these, replace=replace)

    return make


# --- copies between directories ---------------------------------------------------------------------


class NearChannel(Channel):
    """A channel whose workers answer at once."""

    workers: Workers

    def pool(self) -> Workers:  # type: ignore[override]
        return self.workers


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The directory to copy from."""
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The directory to copy to."""
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


@pytest.fixture
def open_near(
    config: Config, source: Path, target: Path, workers: Workers
) -> Iterator[MakeChannel]:
    """``open_near(replace=False, further=())``: a channel from `source` to `target`."""
    opened: list[Channel] = []

    def make(*, replace: bool = False, further: tuple[Path, ...] = ()) -> Channel:
        sources = [
            SourceSettings("directory", str(one), name=one.name) for one in (source, *further)
        ]
        to = DestinationSettings("directory", str(target), name="target", replace=replace)
        directory = FlatDirectory(target)
        directory.prepare()
        endpoints = Endpoints(sources[0], to, further=tuple(sources[1:]))
        channel = NearChannel(config, endpoints, directory, lambda _: None)
        channel.workers = workers
        opened.append(channel)

        def answer(task: Task) -> object:
            settings = WorkerSettings(
                str(target),
                channel._settings.client,
                sources[0],
                str(directory.partial),
                further=tuple(sources[1:]),
            )
            return Worker(settings, lambda _: None).run(task)

        workers.answer = answer
        return channel

    yield make
    for channel in opened:
        channel.close()
