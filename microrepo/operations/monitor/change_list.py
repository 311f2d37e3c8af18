"""Change list: added and deleted paths of a repository, for tools that maintain copies.

A path is listed once, by its present state: it exists (`add`) or must be removed (`delete`).
Applying a list twice does no harm.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from microrepo.batching import batched
from microrepo.cause_texts import cause_text
from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.model import ActionKind
from microrepo.repositories.reading import open_for_reading
from microrepo.state import FileRow, State
from microrepo.state.change_log import ROOT_PLACE, ChangedFile
from microrepo.stores.atomic_write import Replacement
from microrepo.stores.flat_directory import FlatDirectory, OnDisk, sidecar_name
from microrepo.stores.hashing import hash_file
from microrepo.stores.page_paths import START_PAGE, browse_page, index_pages

_BATCH = 500
_ROOT = (
    *("simple/links.html", "simple/index.html", "simple/index.v1_html", "simple/index.v1_json"),
    *("server.py", "last-modified"),
)


class Change(Struct, frozen=True, omit_defaults=True, gc=False):
    """One added or deleted path of the repository.

    Attributes:
        path: relative to the repository, with `/` between its parts.
        action: ``add`` for what exists now, ``delete`` for what does not.
        size: bytes of the file, if known.
        sha256: digest of the same file.
        reason: cause of the change; none for pages.
    """

    path: str
    action: Literal["add", "delete"]
    size: int | None = None
    sha256: str | None = None
    reason: str = ""


class ListFiles(Struct, frozen=True):
    """Files of a written change list: everything as JSON, and the paths as two text files."""

    all: Path
    adds: Path
    deletes: Path


class _Tally(Struct):
    add: int = 0
    add_bytes: int = 0
    delete: int = 0

    def count(self, change: Change) -> None:
        if change.action == "delete":
            self.delete += 1
        else:
            self.add += 1
            self.add_bytes += change.size or 0


def changes_between(
    state: State, directory: FlatDirectory, first: int, last: int, *, digests: bool = True
) -> Iterator[Change]:
    """Yield the changes of a range of runs: files, then metadata, then pages, the root page last.

    Args:
        first: number of the first run.
        last: number of the last.
        digests: include digests; those of pages are computed.
    """
    for batch in batched(state.changes.files(first, last), _BATCH):
        yield from _files(state, directory, batch, digests=digests)
    root = False
    for place in state.changes.places(first, last):
        root = root or place == ROOT_PLACE
        yield from _at_place(directory, place, digests=digests)
    if root:
        for path in _ROOT:
            yield _as_found(directory, path, digests=digests)
        if directory.place(START_PAGE).exists():
            yield _as_found(directory, START_PAGE, digests=digests)


def _files(
    state: State, directory: FlatDirectory, batch: list[ChangedFile], *, digests: bool
) -> Iterator[Change]:
    rows = state.files_named(changed.filename for changed in batch)
    for changed in batch:
        name, why = changed.filename, cause_text(changed.cause, changed.detail)
        disk = directory.stat(name)
        if disk is None and changed.action == ActionKind.INDEX.value:
            continue  # pages list it, but it is elsewhere
        if disk is None:
            yield Change(name, "delete", changed.size, changed.sha256, why)
            if name.endswith(".whl"):
                yield Change(sidecar_name(name), "delete")
            continue
        known = _known_digest(rows.get(name), disk)
        if known is None and digests:
            known = hash_file(directory.file(name), ("sha256",)).sha256
        yield Change(name, "add", disk.size_bytes, known, why)


def _known_digest(row: FileRow | None, disk: OnDisk) -> str | None:
    """Return a file's digest if the file is as it was verified."""
    return row.digests.sha256 if row is not None and disk.matches(row) else None


def _at_place(directory: FlatDirectory, place: str, *, digests: bool) -> Iterator[Change]:
    if place == ROOT_PLACE:
        return
    if not place.endswith("/"):
        found = _as_found(directory, place, digests=digests)
        # Metadata is deleted with its file, and is already listed with it.
        if found.action == "add" or not place.endswith(".metadata"):
            yield found
        return
    name = place.split("/")[1]
    if directory.place(START_PAGE).exists():
        yield _as_found(directory, browse_page(name), digests=digests)
    for path in index_pages(name):
        yield _as_found(directory, path, digests=digests)


def _as_found(directory: FlatDirectory, path: str, *, digests: bool) -> Change:
    try:
        size = directory.place(path).stat().st_size
        digest = hash_file(directory.place(path), ("sha256",)).sha256 if digests else None
    except (FileNotFoundError, NotADirectoryError):
        return Change(path, "delete")
    return Change(path, "add", size, digest)


# --- as files -------------------------------------------------------------------------------------


def write_change_list(
    state: State, directory: FlatDirectory, folder: Path, suffix: str, first: int, last: int
) -> ListFiles:
    """Write the changes of a range of runs as `changes.json`, `adds.txt` and `deletes.txt`.

    Each file is written atomically, the JSON last. Memory use does not grow with the list.

    Args:
        folder: target directory; created if missing.
        suffix: inserted between file names and extensions.
        first: number of the first run.
        last: number of the last.

    Raises:
        OSError: the list cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ends = (f"changes{suffix}.json", f"adds{suffix}.txt", f"deletes{suffix}.txt")
    files = ListFiles(*(folder / name for name in ends))
    with ExitStack() as stack:
        everything, adds, deletes = (
            stack.enter_context(Replacement(path))
            for path in (files.all, files.adds, files.deletes)
        )
        spool = stack.enter_context(tempfile.TemporaryFile())
        head = {"repository": str(directory.path), "first_run": first, "last_run": last}
        everything.stream.write(msgspec.json.encode(head)[:-1] + b',"add":[')
        tally = _Tally()
        for change in changes_between(state, directory, first, last):
            to, plain = (spool, deletes) if change.action == "delete" else (everything.stream, adds)
            counted = tally.delete if change.action == "delete" else tally.add
            to.write((b",\n" if counted else b"\n") + msgspec.json.encode(change))
            plain.stream.write(os.fsencode(change.path) + b"\n")
            tally.count(change)
        everything.stream.write(b'],\n"delete":[')
        spool.seek(0)
        shutil.copyfileobj(spool, everything.stream)
        everything.stream.write(b'],\n"totals":' + msgspec.json.encode(tally) + b"}\n")
        for one in (adds, deletes, everything):
            one.put_in_place()
    return files


def recorded_changes(
    config: Config, run: int | None = None, *, since: bool = False, digests: bool = True
) -> Iterator[Change]:
    """Yield the changes of a run from the state, as `changes_between` does.

    Args:
        run: its number; None for the newest.
        since: number of the first run of a range up to the newest.

    Raises:
        RepositoryError: the state cannot be read, or has no such run.
    """
    directory = FlatDirectory(Path(config.repository))
    with open_for_reading(directory.path) as state:
        newest = state.changes.last_run()
        first = newest if run is None else run
        if not 0 < first <= newest:
            raise RepositoryError(config.repository, f"has no run {first}; the newest is {newest}")
        last = newest if since else first
        yield from changes_between(state, directory, first, last, digests=digests)
