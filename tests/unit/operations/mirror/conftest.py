"""Releases on their way from one directory to another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from microrepo.client import ClientSettings
from microrepo.config.schema import Config
from microrepo.operations.api.copy_api import everything
from microrepo.operations.mirror.connections import Connections, OpenChannel
from microrepo.operations.mirror.mirror_records import MirrorRequest, UniquePackageLocation
from microrepo.operations.mirror.release_files import Shared
from microrepo.reporting import SilentReporter
from microrepo.selection.rules.policy import build_policy
from microrepo.transfer.pool.worker import Worker
from microrepo.transfer.worker_settings import WorkerSettings
from tests.unit.operations.conftest import NearChannel, Workers

MakeShared = Callable[..., Shared]


def release(name: str, version: str) -> UniquePackageLocation:
    return UniquePackageLocation(name, version, "source")


@pytest.fixture
def shared(config: Config) -> MakeShared:
    """``shared(name, version, **order)``: what the releases of an order have in common."""

    def make(name: str = "foo", version: str = "1.0", **order: object) -> Shared:
        rules = msgspec.structs.replace(everything(config, (), latest=False), yanked=True)
        policy = build_policy(rules, None)
        request = MirrorRequest(name, version, **order)  # type: ignore[arg-type]
        return Shared(request, policy, SilentReporter(), None, threading.Event())

    return make


class NearConnections(Connections):
    """Connections whose workers answer at once."""

    workers: Workers

    def open(self, source: str, destination: str, *, dry_run: bool) -> OpenChannel:
        opened = super().open(source, destination, dry_run=dry_run)
        channel = opened.channel
        if not isinstance(channel, NearChannel):
            near = NearChannel(channel.config, channel.endpoints, channel.directory, lambda _: None)
            near.workers = self._filling(channel.directory.path, channel.directory.partial, source)
            opened.channel = near
        return opened

    def reader(self, where: str) -> Workers:  # type: ignore[override]
        scratch = self.scratch()
        return self._filling(scratch.path, scratch.partial, where)

    def _filling(self, repository: Path, partial: Path, where: str) -> Workers:
        (settings, *_), _ = self.source(where)
        workers = Workers()
        client = ClientSettings()
        worker = Worker(
            WorkerSettings(str(repository), client, settings, str(partial)), lambda _: None
        )
        workers.answer = worker.run
        return workers


@pytest.fixture
def connections(config: Config) -> Iterator[Connections]:
    connections = NearConnections(config)
    yield connections
    connections.close()
