"""Upload of one file, which is downloaded and verified first, and deleted afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from microrepo.client import Client, ClientSettings
from microrepo.client.addresses import origin_of
from microrepo.errors import AccessDenied, ConfigError, MicrorepoError
from microrepo.model import Outcome
from microrepo.repositories.destinations.upload_index import UploadDestination
from microrepo.repositories.distribution_content import hash_url
from microrepo.repositories.protocol import DestinationSettings
from microrepo.repositories.sources.directory_source import local_path
from microrepo.stores.disk_errors import placing_error
from microrepo.stores.hashing import hash_file
from microrepo.stores.placement import place_file
from microrepo.transfer.download.file_download import fetch_aside
from microrepo.transfer.download.partial_file import ByteCounter, Place
from microrepo.transfer.tasks import FetchFile, HashUrl, HeldOutcome, ListHeld, PlaceFile, SendFile
from microrepo.transfer.worker_settings import WorkerSettings

_Progress = Callable[[int], None]


def destination_client(settings: ClientSettings, destination: DestinationSettings) -> Client:
    """Return a client with the destination's credentials, sent to no other server."""
    auth = {} if destination.auth is None else {origin_of(destination.url): destination.auth}
    if destination.auth is not None and destination.simple_root:
        auth.setdefault(origin_of(destination.simple_root), destination.auth)
    return Client(msgspec.structs.replace(settings, auth=auth, requests_per_second=None))


class Sender:
    """Uploader of a worker.

    Args:
        client: reads the source.
        settings: the worker's, with the destination.
        where: directory for files in transit.
        progress: receives byte counts.
    """

    def __init__(
        self, client: Client, settings: WorkerSettings, where: Place, progress: _Progress
    ) -> None:
        self._client = client
        self._attempts = settings.attempts
        self._place = where
        self._progress = progress
        # Threads run these tasks, and the downloads of some go on during the uploads of others.
        self._turns = threading.BoundedSemaphore(settings.uploads)
        self._to: Client | None = None
        self._destination: UploadDestination | None = None
        if settings.destination is not None:
            self._to = destination_client(settings.client, settings.destination)
            self._destination = UploadDestination(self._to, settings.destination, settings.attempts)

    def run(self, task: ListHeld | HashUrl | SendFile) -> HeldOutcome | Outcome:
        """Run one task."""
        if isinstance(task, SendFile):
            return self._send(task)
        if isinstance(task, ListHeld):
            return self._list(task)
        return self._hash(task)

    def _list(self, task: ListHeld) -> HeldOutcome:
        try:
            with self._turns:
                files = self._to_destination().catalogue(task.project)
        except AccessDenied as error:
            return HeldOutcome(task.project, error=str(error), denied=str(error.args[-1]))
        except MicrorepoError as error:
            return HeldOutcome(task.project, error=error.why(task.project))
        return HeldOutcome(task.project, tuple(files.values()))

    def _hash(self, task: HashUrl) -> Outcome:
        try:
            path = local_path(task.url)
            client = self._to if task.held and self._to is not None else self._client
            digests = hash_file(path) if path is not None else hash_url(client, task.url)
        except (MicrorepoError, OSError) as error:
            return Outcome(task.filename, ok=False, error=_why(task.filename, error))
        return Outcome(task.filename, ok=True, digests=digests)

    def _to_destination(self) -> UploadDestination:
        if self._destination is None:
            raise ConfigError("there is no index to send to")
        return self._destination

    def _send(self, task: SendFile) -> Outcome:
        fetched = ByteCounter(self._progress)
        path = local_path(task.url)
        is_fetched = path is None
        try:
            if path is None:
                fetch = FetchFile(task.filename, task.url, task.digests, task.size)
                path = fetch_aside(self._client, fetch, self._place, self._attempts, fetched)
            with self._turns:
                result = self._to_destination().put(path, task.filename, task.digests)
            size = path.stat().st_size
        except (MicrorepoError, OSError) as error:
            why = _why(task.filename, error)
            return Outcome(
                task.filename, ok=False, status="failed", error=why, fetched_bytes=fetched.total
            )
        if not is_fetched:
            self._progress(size)
        if is_fetched and result.status != "failed":
            path.unlink(missing_ok=True)
        return Outcome(
            task.filename,
            ok=result.ok,
            size_bytes=size,
            fetched_bytes=fetched.total,
            error=result.words,
            status=result.status,
        )


def _why(filename: str, error: MicrorepoError | OSError) -> str:
    return error.why(filename) if isinstance(error, MicrorepoError) else str(error)


def place(task: PlaceFile, where: Place, progress: _Progress) -> Outcome:
    """Link or copy one local file into the repository."""
    try:
        done = place_file(
            Path(task.path),
            Path(where.directory),
            task.filename,
            task.digests,
            task.sharing,
        )
    except (MicrorepoError, OSError) as error:
        return Outcome(task.filename, ok=False, error=placing_error(task.filename, error))
    progress(done.size_bytes or 0)
    return Outcome(
        task.filename,
        ok=True,
        size_bytes=done.size_bytes or 0,
        mtime_ns=done.mtime_ns,
        digests=done.digests,
    )
