"""What a worker process does with a task. Expected failures come back as values."""

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
from microrepo.errors import MicrorepoError, ProjectNotFound, Unavailable
from microrepo.model import FACTS, Outcome
from microrepo.repositories.protocol import Fetched
from microrepo.repositories.sources.pypi_index import PyPISource
from microrepo.repositories.sources.source_registry import open_source
from microrepo.state.rows import pack
from microrepo.stores.hashing import hash_file
from microrepo.transfer.download.file_download import fetch_file
from microrepo.transfer.download.file_host import FileHost
from microrepo.transfer.download.partial_file import Place
from microrepo.transfer.tasks import (
    AdvisoriesOutcome,
    FetchAdvisories,
    FetchFile,
    FetchMetadata,
    FetchProject,
    HashFile,
    HeldOutcome,
    ListHeld,
    MetadataOutcome,
    PlaceFile,
    ProjectOutcome,
    RedirectOutcome,
    RedirectWheel,
    Task,
    WorkerSettings,
)

_log = logging.getLogger(__name__)
_WORDS = ("error", "note", "words")
_LONGEST_WORDS = 1000

if TYPE_CHECKING:
    from microrepo.transfer.upload.file_upload import Sender

TaskOutcome = (
    AdvisoriesOutcome | ProjectOutcome | Outcome | MetadataOutcome | HeldOutcome | RedirectOutcome
)


class Worker:
    """The client, the source and the directory that all tasks of one process share."""

    def __init__(self, settings: WorkerSettings, progress: Callable[[int], None]) -> None:
        self._settings = settings
        self._client = Client(settings.client)
        self._names = [source.name for source in (settings.source, *settings.further)]
        self._sources = [
            open_source(self._client, source) for source in (settings.source, *settings.further)
        ]
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
            settings.repository, settings.partial, 0o666 & ~settings.umask, settings.durable
        )

    def run(self, task: Task) -> TaskOutcome:
        """Carry out one task."""
        if isinstance(task, FetchFile):
            return self._fetch_file(task)
        if isinstance(task, FetchProject):
            return self._fetch_project(task)
        if isinstance(task, FetchAdvisories):
            return self._fetch_advisories(task)
        if isinstance(task, FetchMetadata):
            return self._find_metadata(task)
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
        # Workers that only fetch are spared what sending takes.
        from microrepo.transfer.upload.file_upload import Sender

        return Sender(self._client, self._settings, self._place, self._progress)

    def _fetch_file(self, task: FetchFile) -> Outcome:
        host = self._file_host
        outcome = self._fetch(task) if host is None else host.fetch(task, self._fetch)
        if outcome.ok and self._sidecars and task.filename.endswith(".whl"):
            from microrepo.transfer.download.metadata_sidecar import MakeSidecar, make_sidecar

            # The file is what counts; whoever publishes it tries again and says what is wrong.
            with suppress(OSError):
                make_sidecar(MakeSidecar(self._place.directory, task.filename))
        return outcome

    def _fetch(self, task: FetchFile) -> Outcome:
        return fetch_file(self._client, task, self._place, self._attempts, self._progress)

    def _find_metadata(self, task: FetchMetadata) -> MetadataOutcome:
        # Workers that follow no dependencies are spared what reading metadata takes.
        from microrepo.transfer.download.remote_metadata import find_metadata

        def find(task: FetchMetadata) -> MetadataOutcome:
            return find_metadata(self._client, task, self._place, self._attempts)

        return find(task) if self._file_host is None else self._file_host.find(task, find)

    def _fetch_project(self, task: FetchProject) -> ProjectOutcome:
        outcome = ProjectOutcome(task.name, "missing")
        etag = task.etag
        for number in task.sources:
            outcome = self._ask(number, task, etag)
            if outcome.status != "missing":
                break
            etag = None
        return outcome

    def _ask(self, number: int, task: FetchProject, etag: str | None) -> ProjectOutcome:
        name, source = task.name, self._names[number]
        try:
            fetched = self._fetch_record(number, task, etag)
        except ProjectNotFound as error:
            return ProjectOutcome(name, "missing", error=str(error), source=source)
        except MicrorepoError as error:
            silent = isinstance(error, Unavailable)
            return ProjectOutcome(
                name, "failed", error=str(error), source=source, unreachable=silent
            )
        if fetched.project is None:
            return ProjectOutcome(name, "unchanged", etag=fetched.etag, source=source)
        project = msgspec.structs.replace(fetched.project, facts=FACTS)
        return ProjectOutcome(
            name, "changed", pack(project), fetched.etag, source=source, page_time=fetched.page_time
        )

    def _fetch_record(self, number: int, task: FetchProject, etag: str | None) -> Fetched:
        """Return what a source says of a project; an answer that may be another's is not it."""
        source = self._sources[number]
        try:
            fetched = source.fetch_project(task.name, etag, task.min_serial)
        except Unavailable:
            raise
        except MicrorepoError:
            if not self._is_out_of_step(number):
                raise
        else:
            is_plausible = fetched.project is None or fetched.project.files
            if is_plausible or not self._is_out_of_step(number):
                return fetched
        return source.fetch_project(task.name, etag, task.min_serial)

    def _is_out_of_step(self, number: int) -> bool:
        source = (self._settings.source, *self._settings.further)[number]
        return source.kind != "directory" and self._client.is_out_of_step(source.simple_root)

    def _fetch_advisories(self, task: FetchAdvisories) -> AdvisoriesOutcome:
        outcome = AdvisoriesOutcome(error="the source tells none of single releases")
        for source in (self._sources[number] for number in task.sources):
            if not isinstance(source, PyPISource):
                continue
            try:
                return AdvisoriesOutcome(source.fetch_advisories(task.name, task.version))
            except ProjectNotFound as error:
                outcome = AdvisoriesOutcome(error=str(error))
            except MicrorepoError as error:
                return AdvisoriesOutcome(error=str(error), transient=True)
        return outcome

    def _hash(self, task: HashFile) -> Outcome:
        path = Path(self._place.directory) / task.filename
        try:
            status = path.stat()
            digests = hash_file(path, task.algorithms)
        except OSError as error:
            text = f"{task.filename}: cannot be read: {error.strerror or error}"
            return Outcome(task.filename, ok=False, error=text)
        self._progress(status.st_size)
        return Outcome(
            task.filename,
            ok=True,
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
            digests=digests,
        )


def lost(task: Task, why: str) -> TaskOutcome:
    """Return the outcome of a task that could not be carried out because workers died of it."""
    if isinstance(task, FetchProject):
        return ProjectOutcome(task.name, "failed", error=f"{task.name}: {why}")
    if isinstance(task, FetchAdvisories):
        return AdvisoriesOutcome(error=f"{task.name}: {why}", transient=True)
    if isinstance(task, ListHeld):
        return HeldOutcome(task.project, error=f"{task.project}: {why}")
    text = f"{task.filename}: {why}"
    if isinstance(task, FetchMetadata):
        return MetadataOutcome(task.filename, error=text, transient=True)
    if isinstance(task, RedirectWheel):
        return RedirectOutcome(task.filename, error=text)
    return Outcome(task.filename, ok=False, error=text)


_worker: Worker | None = None


def initialize(settings: WorkerSettings, progress: Callable[[int], None]) -> None:
    """Make this process a worker."""
    global _worker  # noqa: PLW0603 - one worker per process is the point
    _worker = Worker(settings, progress)


def run_task(task: Task) -> TaskOutcome:
    """Carry out one task with this process's worker; the function that executors are given."""
    if _worker is None:
        raise RuntimeError("this process was not initialised as a worker")
    try:
        return _fit_for_people(_worker.run(task))
    except MicrorepoError as error:
        return _fit_for_people(lost(task, str(error)))
    except MemoryError:
        return lost(task, "needs more memory than there is")
    except Exception as error:  # noqa: BLE001 - no answer of a source ends the run
        _log.debug("%r failed", task, exc_info=True)
        return _fit_for_people(lost(task, f"{type(error).__name__}: {error}"))


def _fit_for_people(outcome: TaskOutcome) -> TaskOutcome:
    """Return an outcome whose words hold no secrets of URLs, and not too much foreign text."""
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
