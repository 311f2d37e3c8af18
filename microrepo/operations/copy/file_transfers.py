"""The files of a wave on their way: one kind of task for each kind of way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, as_completed
from functools import lru_cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from microrepo.model import Action, File, Outcome
from microrepo.operations.copy.channel import Line
from microrepo.operations.copy.endpoints import Ends
from microrepo.operations.records.report import Failure
from microrepo.repositories.sources.directory_source import local_path, name_within
from microrepo.stores.hard_links import CANNOT_LINK, link_files
from microrepo.transfer.pool.worker import run_task
from microrepo.transfer.tasks import FetchFile, PlaceFile, SendFile, SendOutcome
from microrepo.transfer.upload.file_upload import words_of

# After so many refusals of credentials that had worked, nothing more is sent.
_MAX_DENIED = 5

TemplateFor = Callable[[str], Path | None]


class Sent(Struct, frozen=True):
    """What became of the files of a wave, or of all of them."""

    copied: int = 0
    copied_bytes: int = 0
    already: int = 0
    failed: tuple[Failure, ...] = ()
    conflicts: tuple[Failure, ...] = ()
    refused: str = ""
    reused_bytes: int = 0

    def __add__(self, other: Sent) -> Sent:
        """Return both together."""
        return Sent(*(getattr(self, n) + getattr(other, n) for n in self.__struct_fields__))


class Senders:
    """Sends files, to a directory or to an index.

    Args:
        line: of the copy.
        check: called between files; raises to stop.
        progress: told of bytes that no worker tells of.
        template_for: gives, for a file name, an older wheel here that shares content with it.
    """

    def __init__(
        self,
        line: Line,
        check: Callable[[], None],
        progress: Callable[[int], None] = lambda _: None,
        template_for: TemplateFor = lambda _: None,
    ) -> None:
        self._line = line
        self._ends = line.ends
        self._check = check
        self._progress = progress
        self._template_for = template_for

    def send(
        self, actions: Sequence[Action], upload_ns: Mapping[str, int | None], *, link: bool
    ) -> Sent:
        """Send files and wait for all of them.

        Args:
            actions: what to send.
            upload_ns: by name the time that a file shall carry.
            link: share content with the source where that is possible.
        """
        files = [action.file for action in actions if action.file is not None]
        if not files:
            return Sent()
        if self._ends.destination.kind == "directory":
            return self._into_directory(files, upload_ns, link=link)
        return self._to_index(files)

    def _into_directory(
        self, files: Sequence[File], upload_ns: Mapping[str, int | None], *, link: bool
    ) -> Sent:
        sent = Sent()
        if link and self._ends.source.kind == "directory" and _share_device(self._ends):
            sent, files = self._linked(files)
        futures: list[Future[Any]] = []
        for file in files:
            path = local_path(file.url)
            task: FetchFile | PlaceFile
            if path is not None:
                replace = self._ends.destination.replace
                task = PlaceFile(file.filename, str(path), file.digests, link, replace)
            else:
                when = upload_ns.get(file.filename)
                task = self._fetch(file, when)
            futures.append(self._line.pool().submit(run_task, task))
        for future in as_completed(futures):
            self._check()
            sent += _placed(future.result())
        return sent

    def _fetch(self, file: File, upload_ns: int | None) -> FetchFile:
        template = self._template_for(file.filename)
        return FetchFile(
            file.filename,
            file.url,
            file.digests,
            file.size,
            upload_ns,
            template=None if template is None else str(template),
        )

    def _linked(self, files: Sequence[File]) -> tuple[Sent, list[File]]:
        """Link what can be linked; return what became of it, and the files that are left.

        A link takes some microseconds: less than telling a worker of it.
        """
        source = Path(self._ends.source.simple_root).resolve()
        root = source.as_uri()
        linkable: dict[str, File] = {}
        left: list[File] = []
        for file in files:
            if name_within(file.url, root) == file.filename:
                linkable[file.filename] = file
            else:
                left.append(file)
        failed: list[Failure] = []
        count = copied_bytes = 0
        for name, error in link_files(source, Path(self._ends.destination.url), linkable):
            if error is None:
                count += 1
                copied_bytes += linkable[name].size or 0
            elif error.errno in CANNOT_LINK or self._ends.destination.replace:
                left.append(linkable[name])
            else:
                failed.append(Failure(name, words_of(name, error)))
            self._check()
        self._progress(copied_bytes)
        return Sent(count, copied_bytes, failed=tuple(failed)), left

    def _to_index(self, files: Sequence[File]) -> Sent:
        sent = Sent()
        if not self._line.is_proven:
            # The first file goes alone: wrong credentials are found out once, not for each file.
            sent = self._first(files[0])
            files = files[1:]
            if sent.refused:
                return sent
            self._line.is_proven = True
        futures = [self._line.pool().submit(run_task, _task(file)) for file in files]
        denied = 0
        for future in as_completed(futures):
            self._check()
            outcome = future.result()
            assert isinstance(outcome, SendOutcome)  # noqa: S101 - that is what was asked for
            sent += _sent(outcome)
            denied += outcome.status == "denied"
            if denied >= _MAX_DENIED:
                for waiting in futures:
                    waiting.cancel()
                return sent + Sent(refused=outcome.words)
        return sent

    def _first(self, file: File) -> Sent:
        outcome: Any = self._line.pool().submit(run_task, _task(file)).result()
        if outcome.status == "denied" and self._line.new_login():
            outcome = self._line.pool().submit(run_task, _task(file)).result()
        if outcome.status == "denied":
            where = self._ends.destination.name
            return Sent(refused=f"{where} refuses these credentials: {outcome.words}")
        return _sent(outcome)


@lru_cache(maxsize=8)
def _device_of(path: str) -> int | None:
    try:
        return Path(path).stat().st_dev
    except OSError:
        return None


def _share_device(ends: Ends) -> bool:
    source = _device_of(ends.source.simple_root)
    return source is not None and source == _device_of(ends.destination.url)


def _placed(outcome: Outcome) -> Sent:
    if outcome.ok:
        reused = outcome.reused_bytes
        return Sent(copied=1, copied_bytes=outcome.size_bytes, reused_bytes=reused)
    return Sent(failed=(Failure(outcome.filename, outcome.error),))


def _task(file: File) -> SendFile:
    return SendFile(file.filename, file.url, file.digests, file.size)


def _sent(outcome: SendOutcome) -> Sent:
    if outcome.status == "uploaded":
        return Sent(copied=1, copied_bytes=outcome.size_bytes)
    if outcome.status == "present":
        return Sent(already=1)
    failure = Failure(outcome.filename, outcome.words)
    if outcome.status == "conflict":
        return Sent(conflicts=(failure,))
    return Sent(failed=(failure,))
