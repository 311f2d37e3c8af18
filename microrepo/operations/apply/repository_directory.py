"""Destination for a repository directory: links, copies and downloads, recorded in its state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.formats.times import to_ns
from microrepo.guards import Limits, check_space
from microrepo.model import Action, ActionKind, Digests, File, LocalFile, NormalizedName, Outcome
from microrepo.plan import file_of
from microrepo.repositories.sources.directory_source import DirectoryCatalogue, local_path
from microrepo.state import FileRow, State, change_of
from microrepo.state.file_rows import Origin, placed_row
from microrepo.stores.disk_errors import placing_error
from microrepo.stores.flat_directory import FlatDirectory, provenance_name
from microrepo.stores.hard_links import CANNOT_LINK, link_files
from microrepo.stores.placement import Sharing, place_file
from microrepo.transfer.download.partial_file import partial_name
from microrepo.transfer.tasks import FetchFile, FileTask, PlaceFile


class Placement(Struct, frozen=True):
    """How files get into a directory.

    Attributes:
        sharing: whether local files are linked or copied.
        path_of: returns the path of a local file, None for a file to download.
        unread: returns whether a local file must be read before it is linked.
        template_for: returns, for a file name, an older wheel that shares content with it.
    """

    sharing: Sharing = Sharing()
    path_of: Callable[[File], Path | None] = lambda file: local_path(file.url)
    unread: Callable[[File], bool] = lambda _: False
    template_for: Callable[[str], Path | None] = lambda _: None


FETCHED = Placement(path_of=lambda _: None)
_NO_LIMITS = Limits()


class Journal(Struct, frozen=True):
    """Where a directory's files are recorded.

    Attributes:
        state: of the repository.
        run: the number of the run.
        verb: action of each file in the history: ``add``, ``adopt``, ``repair``.
        origins: cause of each file, by name; default: that of the action.
        also: called with the recorded files, in the same transaction.
    """

    state: State
    run: int
    verb: str
    origins: Mapping[str, Origin] = {}
    also: Callable[[Sequence[FileRow]], None] = lambda _: None

    def record(self, arrived: Sequence[tuple[Action, Outcome]]) -> None:
        """Record the arrived files in one transaction."""
        changes = [(action, self._row(action, outcome)) for action, outcome in arrived]
        rows = [row for _, row in changes]
        with self.state.transaction():
            self.state.save_files(rows)
            self.state.add_history(
                change_of(row, self.run, self.verb, action.cause, action.detail)
                for action, row in changes
            )
            self.also(rows)

    def _row(self, action: Action, outcome: Outcome) -> FileRow:
        local = LocalFile(
            outcome.filename, outcome.size_bytes, outcome.mtime_ns, digests=outcome.digests
        )
        origin = self.origins.get(outcome.filename) or Origin(action.cause, action.detail)
        return placed_row(action, local, origin)


class RepositoryDirectory:
    """Links, copies and downloads files into a directory.

    Args:
        placement: how files get there.
        journal: where files are recorded; None for a directory without a state.
        also: called with the files that arrived.
        unfinished: names of partial downloads, kept for a run that resumes them.
        limits: space to leave free.
        known: the contents of the directory, if already read.
    """

    def __init__(
        self,
        directory: FlatDirectory,
        placement: Placement = FETCHED,
        journal: Journal | None = None,
        *,
        unfinished: set[str] | None = None,
        limits: Limits = _NO_LIMITS,
        known: DirectoryCatalogue | None = None,
        also: Callable[[Sequence[tuple[Action, Outcome]]], None] = lambda _: None,
    ) -> None:
        self._directory = directory
        self._also = also
        self._placement = placement
        self._journal = journal
        self._unfinished = set() if unfinished is None else unfinished
        self._limits = limits
        self._partials: dict[str, str] = {}
        self._catalogue = known

    def catalogue(self, projects: Sequence[NormalizedName]) -> DirectoryCatalogue:  # noqa: ARG002
        """Return the contents of the directory, read once."""
        if self._catalogue is None:
            self._catalogue = DirectoryCatalogue(self._directory)
        return self._catalogue

    def prepare(self, chosen: Sequence[Action]) -> str:
        """Return why the file system cannot hold the chosen files; "" if it can."""
        placement = self._placement
        if not self._directory.exists():
            return ""
        # Links need no space; a copy fails by itself if the disk is full.
        needed = sum(
            action.size_bytes
            for action in chosen
            if not (placement.sharing.link and placement.path_of(file_of(action)) is not None)
        )
        refused = check_space(needed, 0, self._directory.free_bytes(), self._limits)
        return str(refused) if refused else ""

    def put(self, chosen: Sequence[Action]) -> Iterator[Outcome | FileTask]:
        """Yield outcomes of files that were linked, tasks for the others."""
        rest: list[Action] = []
        linkable: dict[Path, dict[str, Action]] = {}
        for action in chosen:
            path = self._placement.path_of(file_of(action))
            if action.kind is ActionKind.ADOPT:
                yield self._outcome(action, ok=True)
            elif path is not None and path.name == action.filename and self._may_link(action):
                linkable.setdefault(path.parent, {})[action.filename] = action
            else:
                rest.append(action)
        for folder, actions in linkable.items():
            yield from self._link(folder, actions, rest)
        for action in rest:
            yield self._task(action)

    def _may_link(self, action: Action) -> bool:
        placement = self._placement
        return placement.sharing.link and not placement.unread(file_of(action))

    def _link(
        self, folder: Path, actions: Mapping[str, Action], rest: list[Action]
    ) -> Iterator[Outcome]:
        """Link files of one directory; add those that need more than a link to the rest.

        A link takes some microseconds, less than a task for a worker.
        """
        for name, error in link_files(folder, self._directory.path, actions):
            if error is None:
                yield self._outcome(actions[name], ok=True)
            elif error.errno in CANNOT_LINK or self._placement.sharing.replace:
                rest.append(actions[name])
            else:
                yield self._outcome(actions[name], ok=False, error=placing_error(name, error))

    def _outcome(self, action: Action, *, ok: bool, error: str = "") -> Outcome:
        file = file_of(action)
        size, mtime_ns = file.size or 0, 0
        if ok and self._journal is not None:
            disk = self._directory.stat(action.filename)
            if disk is not None:
                size, mtime_ns = disk.size_bytes, disk.mtime_ns
        return Outcome(
            action.filename,
            ok,
            size,
            mtime_ns,
            file.digests,
            error=error,
            status="present" if action.kind is ActionKind.ADOPT else "",
        )

    def _task(self, action: Action) -> FetchFile | PlaceFile:
        file, placement = file_of(action), self._placement
        path = placement.path_of(file)
        if path is not None:
            return PlaceFile(
                file.filename,
                str(path),
                file.digests,
                msgspec.structs.replace(placement.sharing, verify=placement.unread(file)),
            )
        template = placement.template_for(file.filename)
        task = FetchFile(
            file.filename,
            file.url,
            file.digests,
            file.size,
            to_ns(file.upload_time),
            file.core_metadata_sha256,
            None if template is None else str(template),
        )
        self._partials[file.filename] = partial_name(task)
        self._unfinished.add(self._partials[file.filename])
        return task

    def record(self, arrived: Sequence[tuple[Action, Outcome]]) -> None:
        """Record the arrived files once their directory entries are durable."""
        for _, outcome in arrived:
            self._unfinished.discard(self._partials.get(outcome.filename, ""))
        put_provenance(
            self._directory,
            (action.file for action, outcome in arrived if outcome.ok),
            self._placement,
        )
        self._directory.sync()
        if self._journal is not None:
            self._journal.record(arrived)
        self._also(arrived)


def put_provenance(
    directory: FlatDirectory, files: Iterable[File | None], placement: Placement
) -> None:
    """Put the provenance objects of files from another directory beside them."""
    for file in files:
        path = local_path(file.provenance or "") if file is not None else None
        if file is None or path is None or not placement.path_of(file):
            continue
        # The file matters more; without its object, no page lists one.
        with suppress(OSError):
            name, sharing = provenance_name(file.filename), Sharing(replace=True)
            place_file(path, directory.path, name, Digests(), sharing)
