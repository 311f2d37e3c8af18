"""The channel between two endpoints: a place for files on their way, its lock, and the workers.

A copy opens one for itself. The release mirror keeps channels open, so that many releases travel
through the same workers and connections.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import msgspec
from packaging.utils import canonicalize_name

from microrepo.client import Client
from microrepo.config.schema import Config
from microrepo.config.sizes import parse_size
from microrepo.errors import Cancelled, ProjectNotFound, Unavailable
from microrepo.model import File, NormalizedName
from microrepo.operations.apply.destination import Destination
from microrepo.operations.apply.index_destination import IndexDestination
from microrepo.operations.apply.repository_directory import Placement, RepositoryDirectory
from microrepo.operations.copy.endpoints import Endpoints
from microrepo.operations.copy.working_place import WorkingPlace
from microrepo.operations.run.network_settings import worker_settings
from microrepo.operations.run.project_sources import Sources
from microrepo.plan import Limits
from microrepo.repositories.protocol import Source
from microrepo.repositories.sources.directory_source import DirectoryCatalogue, DirectorySource
from microrepo.repositories.sources.source_registry import open_source
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.lock import held_lock
from microrepo.transfer.pool.worker import lost
from microrepo.transfer.pool.worker_pool import WorkerPool
from microrepo.transfer.tasks import WorkerSettings


class Channel:
    """What all files share on their way from one endpoint to the other; safe to use in several threads.

    Args:
        config: network settings and workers.
        endpoints: source and destination.
        directory: that files pass through: the destination itself, or one in the cache.
        on_bytes: told of bytes as the workers report them.

    Attributes:
        is_proven: the destination has taken a file, so its credentials are good.
        publishing: held by whoever writes the destination's state and pages.
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
        self._source: Source | None = None
        self._sources = Sources(endpoints.sources, lambda: Client(self._settings.client))
        self._client: Client | None = None
        self._catalogue: DirectoryCatalogue | None = None

    @property
    def is_local(self) -> bool:
        """The source is a directory of this machine."""
        return self.endpoints.source.kind == "directory" and not self.endpoints.further

    @property
    def tells_no_status(self) -> bool:
        """Whether records of the source are documents, which do not tell a project's status."""
        return any(one.kind == "json" for one in self.endpoints.sources)

    def sources_of(self, project: NormalizedName) -> tuple[int, ...]:
        """Return the numbers of the sources that a project may come from.

        Raises:
            Unavailable: a source that goes before, and may have it, does not answer.
        """
        with self._guard:
            owner = self._sources.owner(project)
        if owner.unknown is not None:
            first = self._sources.name(owner.unknown)
            raise Unavailable(first, f"may have {project}: {self._sources.problem(owner.unknown)}")
        return owner.candidates

    def project_names(self) -> list[NormalizedName]:
        """Return the projects of all sources.

        Raises:
            SourceError: a list cannot be had.
        """
        if not self.endpoints.further:
            listed = self.source().list_projects().projects
            return sorted({canonicalize_name(name) for name, _ in listed})
        with self._guard:
            merged = self._sources.merged()
        if merged.unknown is not None:
            first = self._sources.name(merged.unknown)
            raise Unavailable(first, self._sources.problem(merged.unknown))
        return sorted({canonicalize_name(name) for name in merged.listed})

    def source(self) -> Source:
        """Return the source, for questions of this process itself."""
        with self._guard:
            if self._source is None:
                self._client = Client(self._settings.client)
                self._source = open_source(self._client, self.endpoints.source)
            return self._source

    def status_of(self, project: str) -> tuple[str, str | None]:
        """Return a project's status and its reason (PEP 792), which JSON documents do not tell.

        A source that has documents alone tells of no status.

        Raises:
            SourceError: the project's page cannot be had.
        """
        client = Client(self._settings.client)
        try:
            numbers = self.sources_of(canonicalize_name(project))
            chosen = self.endpoints.sources[numbers[0] if numbers else 0]
            settings = msgspec.structs.replace(chosen, kind="simple")
            found = open_source(client, settings).fetch_project(project).project
        except ProjectNotFound:
            found = None
        finally:
            client.close()
        return ("active", None) if found is None else (found.status, found.status_reason)

    def destination(self, placement: Placement) -> Destination:
        """Return the destination, for one transfer.

        Args:
            placement: how files come into a directory.
        """
        if self.endpoints.destination.kind != "directory":
            return IndexDestination(self, self.endpoints.destination.name)
        limits = Limits(min_free_bytes=parse_size(self.config.min_free_space, "min_free_space"))
        with self._guard:
            if self._catalogue is None:
                self._catalogue = DirectoryCatalogue(self.directory)
            known = self._catalogue
        return RepositoryDirectory(self.directory, placement, limits=limits, known=known)

    def is_unread(self, file: File) -> bool:
        """Return whether a file of the source must be read before it may be linked."""
        source = self.source()
        return isinstance(source, DirectorySource) and source.is_unread(file.filename)

    def look_again(self) -> None:
        """Have directories at both endpoints read anew: others may have been at work there."""
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
            Cancelled: the channel has been closed.
        """
        with self._guard:
            if self._is_closed:
                raise Cancelled("what arrived stays, the rest waits for the next run")
            if self._pool is None:
                processes = self.config.processes or 1
                self._pool = WorkerPool(self._settings, processes, self._on_bytes, lost)
            return self._pool

    def new_login(self) -> bool:
        """Ask for another password for the destination; tell whether there is one."""
        if self.endpoints.relogin is None:
            return False
        destination = msgspec.structs.replace(
            self.endpoints.destination, auth=self.endpoints.relogin()
        )
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
def open_channel(
    config: Config, endpoints: Endpoints, on_bytes: Callable[[int], None], *, dry_run: bool
) -> Iterator[Channel]:
    """Make the place that files pass through, lock it, and yield the channel.

    Args:
        config: network settings and workers.
        endpoints: source and destination.
        on_bytes: told of bytes as the workers report them.
        dry_run: change nothing: what must be written goes to a temporary directory.

    Raises:
        Locked: another copy to the same destination is under way on this machine.
        RepositoryError: the destination is no place for a repository.
    """
    place = WorkingPlace(endpoints, dry_run=dry_run)
    with contextlib.nullcontext() if dry_run else held_lock(place.directory):
        is_done = False
        channel = Channel(config, endpoints, place.directory, on_bytes)
        try:
            yield channel
            is_done = True
        finally:
            channel.close()
            place.tidy(is_done=is_done)


def _settings(config: Config, endpoints: Endpoints, directory: FlatDirectory) -> WorkerSettings:
    settings = worker_settings(config, endpoints.sources, directory)
    return msgspec.structs.replace(
        settings,
        client=msgspec.structs.replace(settings.client, auth=endpoints.source_auth),
        destination=endpoints.destination if endpoints.destination.kind == "upload" else None,
        sidecars=False,
    )
