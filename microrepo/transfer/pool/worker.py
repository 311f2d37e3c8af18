"""Execution of tasks in a worker process. Expected failures are returned as values."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from microrepo.client import Client
from microrepo.client.addresses import masked
from microrepo.errors import MicrorepoError
from microrepo.model import Outcome
from microrepo.stores.hashing import hash_file
from microrepo.transfer.documents.project_fetch import ProjectFetcher
from microrepo.transfer.documents.shared_answers import SharedAnswers
from microrepo.transfer.download.file_download import fetch_file
from microrepo.transfer.download.file_host import FileHost
from microrepo.transfer.download.partial_file import Place
from microrepo.transfer.download.stored_content import StoredContent
from microrepo.transfer.tasks import (
    AdvisoriesOutcome,
    FetchAdvisories,
    FetchFile,
    FetchMetadata,
    FetchProject,
    FetchProvenance,
    HashFile,
    HeldOutcome,
    ListHeld,
    MetadataOutcome,
    PlaceFile,
    ProjectOutcome,
    ProvenanceOutcome,
    RedirectOutcome,
    RedirectWheel,
    Task,
)
from microrepo.transfer.worker_settings import WorkerSettings

_log = logging.getLogger(__name__)
_WORDS = ("error", "note", "words")
_LONGEST_WORDS = 1000

if TYPE_CHECKING:
    from microrepo.transfer.upload.file_upload import Sender

TaskOutcome = (
    AdvisoriesOutcome
    | ProjectOutcome
    | ProvenanceOutcome
    | Outcome
    | MetadataOutcome
    | HeldOutcome
    | RedirectOutcome
)


class Worker:
    """The client, the source and the directory that all tasks of one process share."""

    def __init__(self, settings: WorkerSettings, progress: Callable[[int], None]) -> None:
        self._settings = settings
        self._client = Client(settings.client)
        self._projects = ProjectFetcher(self._client, (settings.source, *settings.further))
        self._answers = SharedAnswers(settings.answers, (settings.source, *settings.further))
        self._attempts = settings.attempts
        self._sidecars = settings.sidecars
        self._file_host = (
            FileHost(settings.file_host, fallback=settings.file_host_fallback)
            if settings.file_host
            else None
        )
        self._client.reach.admit(settings.file_host)
        self._progress = progress
        self._place = Place(
            settings.repository,
            settings.partial,
            0o666 & ~settings.umask,
            settings.durable,
            settings.scanner,
        )
        self._stored = StoredContent(settings.store, self._place)

    @property
    def task_limit(self) -> int:
        """How many tasks may run at the same time.

        Servers that close each connection are small: their kernel queues five, and a client that it
        refuses tries again only after a second.
        """
        settings = self._settings
        return settings.threads if self._client.keeps_connections else settings.first_threads

    def run(self, task: Task) -> TaskOutcome:
        """Run one task."""
        if isinstance(task, FetchFile):
            return self._fetch_file(task)
        if isinstance(task, FetchProject):
            return self._answers.project(task, self._projects.fetch_project)
        if isinstance(task, FetchAdvisories):
            return self._projects.fetch_advisories(task)
        if isinstance(task, FetchProvenance):
            from microrepo.transfer.documents.provenance_fetch import fetch_provenance

            return fetch_provenance(self._client, task, self._place)
        if isinstance(task, FetchMetadata):
            return self._answers.metadata(task, self._find_metadata)
        if isinstance(task, HashFile):
            return self._hash(task)
        if isinstance(task, PlaceFile):
            from microrepo.transfer.upload.file_upload import place

            return place(task, self._place, self._progress)
        if isinstance(task, RedirectWheel):
            from microrepo.transfer.download.wheel_redirect import redirect

            return redirect(self._client, task, self._place, self._attempts, self._progress)
        return self._sender.run(task)

    @cached_property
    def _sender(self) -> Sender:
        # Imported here, because most workers only download.
        from microrepo.transfer.upload.file_upload import Sender

        return Sender(self._client, self._settings, self._place, self._progress)

    def _fetch_file(self, task: FetchFile) -> Outcome:
        outcome = self._stored.fetch(task, self._fetch_from_source)
        if outcome.ok and self._sidecars and task.filename.endswith(".whl"):
            from microrepo.transfer.download.metadata_sidecar import MakeSidecar, make_sidecar

            # The file matters more; publishing tries again and reports the error.
            with suppress(OSError):
                make_sidecar(MakeSidecar(self._place.directory, task.filename))
        return outcome

    def _fetch_from_source(self, task: FetchFile) -> Outcome:
        host = self._file_host
        return self._fetch(task) if host is None else host.fetch(task, self._fetch)

    def _fetch(self, task: FetchFile) -> Outcome:
        return fetch_file(self._client, task, self._place, self._attempts, self._progress)

    def _find_metadata(self, task: FetchMetadata) -> MetadataOutcome:
        # Imported here, because not all workers read metadata.
        from microrepo.transfer.download.remote_metadata import find_metadata

        def find(task: FetchMetadata) -> MetadataOutcome:
            return find_metadata(self._client, task, self._place, self._attempts)

        return find(task) if self._file_host is None else self._file_host.find(task, find)

    def _hash(self, task: HashFile) -> Outcome:
        path = Path(self._place.directory) / task.filename
        try:
            status = path.stat()
            digests = hash_file(path, task.algorithms)
        except OSError as error:
            text = f"cannot be read: {error.strerror or error}"
            return Outcome(task.filename, ok=False, error=text)
        self._progress(status.st_size)
        return Outcome(
            task.filename,
            ok=True,
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
            digests=digests,
        )


def waits_for_network(arguments: tuple[object, ...], settings: WorkerSettings) -> bool:
    """Return whether a call spends its time waiting for servers, not for the disk."""
    task = arguments[0] if arguments else None
    if isinstance(task, (FetchFile, FetchMetadata, FetchProvenance)):
        return task.url.startswith("http")
    if isinstance(task, (FetchProject, FetchAdvisories)):
        sources = (settings.source, *settings.further)
        return all(source.kind != "directory" for source in sources)
    return False


def is_download(arguments: tuple[object, ...]) -> bool:
    """Return whether a call downloads a file."""
    return bool(arguments) and isinstance(arguments[0], FetchFile)


def lost(task: Task, why: str) -> TaskOutcome:
    """Return the outcome of a task whose workers died."""
    if isinstance(task, FetchProject):
        return ProjectOutcome(task.name, "failed", error=why)
    if isinstance(task, FetchAdvisories):
        return AdvisoriesOutcome(error=f"{task.name}: {why}", transient=True)
    if isinstance(task, ListHeld):
        return HeldOutcome(task.project, error=why)
    if isinstance(task, FetchMetadata):
        return MetadataOutcome(task.filename, error=why, transient=True)
    if isinstance(task, FetchProvenance):
        return ProvenanceOutcome(task.filename, error=why)
    if isinstance(task, RedirectWheel):
        return RedirectOutcome(task.filename, error=why)
    return Outcome(task.filename, ok=False, error=why)


def _subject(task: Task) -> str:
    """Return the name of the file or project that a task is about."""
    if isinstance(task, ListHeld):
        return task.project
    return task.name if isinstance(task, FetchProject | FetchAdvisories) else task.filename


_worker: Worker | None = None


def initialize(settings: WorkerSettings, progress: Callable[[int], None]) -> None:
    """Make this process a worker."""
    global _worker  # noqa: PLW0603 - one worker per process is the point
    _worker = Worker(settings, progress)


def task_limit() -> int:
    """Return how many tasks of this process may run at the same time, at the moment."""
    if _worker is None:
        raise RuntimeError("this process was not initialised as a worker")
    return _worker.task_limit


def run_task(task: Task) -> TaskOutcome:
    """Run one task with this process's worker; the function for executors."""
    if _worker is None:
        raise RuntimeError("this process was not initialised as a worker")
    try:
        return _fit_for_people(_worker.run(task))
    except MicrorepoError as error:
        return _fit_for_people(lost(task, error.why(_subject(task))))
    except MemoryError:
        return lost(task, "needs more memory than available")
    except Exception as error:  # noqa: BLE001 - no answer of a source ends the run
        _log.debug("%r failed", task, exc_info=True)
        return _fit_for_people(lost(task, f"{type(error).__name__}: {error}"))


def _fit_for_people(outcome: TaskOutcome) -> TaskOutcome:
    """Return an outcome whose texts have no secrets of URLs, and limited foreign text."""
    words = {
        name: text
        for name in _WORDS
        if (text := getattr(outcome, name, "")) and ("://" in text or len(text) > _LONGEST_WORDS)
    }
    if not words:
        return outcome
    return msgspec.structs.replace(
        outcome, **{name: masked(text)[:_LONGEST_WORDS] for name, text in words.items()}
    )
