"""The line between two ends: a place for files on their way, its lock, and the workers.

A copy opens one for itself. The release mirror keeps lines open, so that many releases travel
through the same workers and connections.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import msgspec

from microrepo.client import Client
from microrepo.config.schema import Config
from microrepo.errors import Cancelled, ProjectNotFound
from microrepo.operations.copy.endpoints import Ends
from microrepo.operations.copy.working_place import WorkingPlace
from microrepo.operations.run.network_settings import worker_settings
from microrepo.repositories.protocol import Source
from microrepo.repositories.sources.directory_source import DirectoryCatalogue
from microrepo.repositories.sources.source_registry import open_source
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.lock import held_lock
from microrepo.transfer.pool.worker_pool import WorkerPool
from microrepo.transfer.tasks import WorkerSettings


class Line:
    """What all that is carried from one end to the other shares; safe to use in several threads.

    Args:
        config: network settings and workers.
        ends: source and destination.
        directory: that files pass through: the destination itself, or one in the cache.
        on_bytes: told of bytes as the workers report them.

    Attributes:
        is_proven: the destination has taken a file, so its credentials are good.
        publishing: held by whoever writes the destination's state and pages.
    """

    def __init__(
        self,
        config: Config,
        ends: Ends,
        directory: FlatDirectory,
        on_bytes: Callable[[int], None],
    ) -> None:
        self.config = config
        self.ends = ends
        self.directory = directory
        self.is_proven = False
        self.publishing = threading.Lock()
        self._settings = _settings(config, ends, directory)
        self._on_bytes = on_bytes
        self._guard = threading.Lock()
        self._is_closed = False
        self._pool: WorkerPool | None = None
        self._source: Source | None = None
        self._client: Client | None = None
        self._catalogue: DirectoryCatalogue | None = None

    @property
    def is_local(self) -> bool:
        """The source is a directory of this machine."""
        return self.ends.source.kind == "directory"

    def source(self) -> Source:
        """Return the source, for questions of this process itself."""
        with self._guard:
            if self._source is None:
                self._client = Client(self._settings.client)
                self._source = open_source(self._client, self.ends.source)
            return self._source

    def status_of(self, project: str) -> tuple[str, str | None]:
        """Return a project's status and its reason (PEP 792), which JSON documents do not tell.

        A source that has documents alone tells of no status.

        Raises:
            SourceError: the project's page cannot be had.
        """
        client = Client(self._settings.client)
        try:
            settings = msgspec.structs.replace(self.ends.source, kind="simple")
            found = open_source(client, settings).fetch_project(project).project
        except ProjectNotFound:
            found = None
        finally:
            client.close()
        return ("active", None) if found is None else (found.status, found.status_reason)

    def catalogue(self) -> DirectoryCatalogue | None:
        """Return what lies in the destination, read once; None when it is an index."""
        if self.ends.destination.kind != "directory":
            return None
        with self._guard:
            if self._catalogue is None:
                self._catalogue = DirectoryCatalogue(self.directory)
            return self._catalogue

    def look_again(self) -> None:
        """Have directories at both ends read anew: others may have been at work there."""
        self._forget_source()
        with self._guard:
            self._catalogue = None

    def _forget_source(self) -> None:
        with self._guard:
            client, self._client, self._source = self._client, None, None
        if client is not None:
            client.close()

    def pool(self) -> WorkerPool:
        """Return the workers, started when they are first needed.

        Raises:
            Cancelled: the line has been closed.
        """
        with self._guard:
            if self._is_closed:
                raise Cancelled("what arrived stays, the rest waits for the next run")
            if self._pool is None:
                processes = self.config.processes or 1
                self._pool = WorkerPool(self._settings, processes, self._on_bytes)
            return self._pool

    def new_login(self) -> bool:
        """Ask for another password for the destination; tell whether there is one."""
        if self.ends.relogin is None:
            return False
        destination = msgspec.structs.replace(self.ends.destination, auth=self.ends.relogin())
        self._settings = msgspec.structs.replace(self._settings, destination=destination)
        self._end_workers()
        return True

    def close(self) -> None:
        """End the workers, for good."""
        self._is_closed = True
        self._end_workers()
        self._forget_source()

    def _end_workers(self) -> None:
        with self._guard:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def open_line(
    config: Config, ends: Ends, on_bytes: Callable[[int], None], *, dry_run: bool
) -> Iterator[Line]:
    """Make the place that files pass through, lock it, and yield the line.

    Args:
        config: network settings and workers.
        ends: source and destination.
        on_bytes: told of bytes as the workers report them.
        dry_run: change nothing: what must be written goes to a temporary directory.

    Raises:
        Locked: another copy to the same destination is under way on this machine.
        RepositoryError: the destination is no place for a repository.
    """
    place = WorkingPlace(ends, dry_run=dry_run)
    with contextlib.nullcontext() if dry_run else held_lock(place.directory):
        is_done = False
        line = Line(config, ends, place.directory, on_bytes)
        try:
            yield line
            is_done = True
        finally:
            line.close()
            place.tidy(is_done=is_done)


def _settings(config: Config, ends: Ends, directory: FlatDirectory) -> WorkerSettings:
    settings = worker_settings(config, (ends.source,), directory)
    return msgspec.structs.replace(
        settings,
        client=msgspec.structs.replace(settings.client, auth=ends.source_auth),
        destination=ends.destination if ends.destination.kind == "upload" else None,
        sidecars=False,
    )
