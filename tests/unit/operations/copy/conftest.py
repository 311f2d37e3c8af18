"""Copies between directories, whose workers are the tests' own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.operations.copy.channel import Channel
from microrepo.operations.copy.endpoints import Endpoints
from microrepo.repositories.protocol import DestinationSettings, SourceSettings
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.transfer.pool.worker import Worker
from microrepo.transfer.tasks import Task, WorkerSettings
from tests.unit.operations.conftest import Workers

OpenChannel = Callable[..., Channel]


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
) -> Iterator[OpenChannel]:
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
