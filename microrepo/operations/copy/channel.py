"""Channel between two endpoints: working directory, its lock, and workers.

A copy opens its own channel. The release mirror keeps channels open, so that many releases share
workers and connections.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

import msgspec

from microrepo.config.schema import Config
from microrepo.config.sizes import parse_size
from microrepo.errors import Cancelled
from microrepo.guards import Limits
from microrepo.model import Action, Outcome
from microrepo.operations.apply.destination import Destination
from microrepo.operations.apply.index_destination import IndexDestination
from microrepo.operations.apply.repository_directory import Placement, RepositoryDirectory
from microrepo.operations.copy.copied_files import CopiedFiles
from microrepo.operations.copy.endpoints import Endpoints
from microrepo.operations.copy.source_endpoint import SourceEndpoint
from microrepo.operations.copy.working_directory import WorkingDirectory
from microrepo.operations.run.network_settings import worker_settings
from microrepo.repositories.sources.directory_source import DirectoryCatalogue
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.transfer.pool.worker import lost
from microrepo.transfer.pool.worker_pool import WorkerPool
from microrepo.transfer.worker_settings import WorkerSettings


class Channel:
    """Resources shared by all files between two endpoints; thread-safe.

    Args:
        directory: working directory: the destination itself, or one in the cache.
        on_bytes: receives byte counts as workers report them.

    Attributes:
        sources: the source end.
        is_proven: the destination has accepted a file, so its credentials work.
        publishing: held while writing the destination's state and pages.
    """

    def __init__(
        self,
        config: Config,
        endpoints: Endpoints,
        directory: FlatDirectory,
        on_bytes: Callable[[int], None],
    ) -> None:
        self.config = config
        self.endpoints = endpoints
        self.directory = directory
        self.is_proven = False
        self.publishing = threading.Lock()
        self._settings = _settings(config, endpoints, directory)
        self._on_bytes = on_bytes
        self._guard = threading.Lock()
        self._is_closed = False
        self._pool: WorkerPool | None = None
        self.sources = SourceEndpoint(endpoints, self._settings.client)
        self._catalogue: DirectoryCatalogue | None = None

    def destination(self, placement: Placement) -> Destination:
        """Return the destination, for one transfer; a directory gets a record of its files.

        Args:
            placement: how files get into a directory.
        """
        if self.endpoints.destination.kind != "directory":
            return IndexDestination(self, self.endpoints.destination.name)
        limits = Limits(min_free_bytes=parse_size(self.config.min_free_space, "$.min_free_space"))
        with self._guard:
            if self._catalogue is None:
                self._catalogue = DirectoryCatalogue(self.directory)
            known = self._catalogue
        copied = CopiedFiles(self.directory)

        def record(arrived: Sequence[tuple[Action, Outcome]]) -> None:
            with self.publishing:
                copied.record(arrived)

        return RepositoryDirectory(
            self.directory, placement, limits=limits, known=known, also=record
        )

    def look_again(self) -> None:
        """Read directories at both endpoints again, since other programs may have changed them."""
        self.sources.close()
        with self._guard:
            self._catalogue = None

    def pool(self) -> WorkerPool:
        """Return the workers, started on first use.

        Raises:
            Cancelled: the channel has been closed.
        """
        with self._guard:
            if self._is_closed:
                raise Cancelled("completed files are kept; rerun to continue")
            if self._pool is None:
                processes = self.config.processes or 1
                self._pool = WorkerPool(self._settings, processes, self._on_bytes, lost)
            return self._pool

    def new_login(self) -> bool:
        """Ask for another password for the destination; return whether one was given."""
        if self.endpoints.relogin is None:
            return False
        destination = msgspec.structs.replace(
            self.endpoints.destination, auth=self.endpoints.relogin()
        )
        self._settings = msgspec.structs.replace(self._settings, destination=destination)
        self._end_workers()
        return True

    def close(self) -> None:
        """Stop the workers for good."""
        self._is_closed = True
        self._end_workers()
        self.sources.close()

    def _end_workers(self) -> None:
        with self._guard:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def open_channel(
    config: Config, endpoints: Endpoints, on_bytes: Callable[[int], None], *, dry_run: bool
) -> Iterator[Channel]:
    """Create and lock the working directory, and yield the channel.

    Args:
        on_bytes: receives byte counts as workers report them.
        dry_run: change nothing; necessary files go to a temporary directory.

    Raises:
        Locked: another copy to the same destination runs on this machine.
        RepositoryError: the destination cannot be a repository.
    """
    place = WorkingDirectory(endpoints, dry_run=dry_run)
    with place.in_use(config):
        is_done = False
        channel = Channel(config, endpoints, place.directory, on_bytes)
        try:
            yield channel
            is_done = True
        finally:
            channel.close()
            place.tidy(is_done=is_done)


def _settings(config: Config, endpoints: Endpoints, directory: FlatDirectory) -> WorkerSettings:
    return msgspec.structs.replace(
        worker_settings(config, endpoints.sources, directory, endpoints.source_auth),
        destination=endpoints.destination if endpoints.destination.kind == "upload" else None,
        sidecars=False,
    )
