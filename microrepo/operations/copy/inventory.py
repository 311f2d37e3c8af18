"""Inventory of a copy's destination, with digests that a plan can compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import msgspec

from microrepo.model import Digests, File, LocalFile
from microrepo.operations.apply.destination import Catalogue
from microrepo.operations.copy.hash_cache import HashCache, Seen
from microrepo.plan import Wanted, same_content
from microrepo.repositories.sources.directory_source import local_path
from microrepo.transfer.pool.worker import run_task
from microrepo.transfer.tasks import HashUrl

# A local file and the digests being computed.
Asked = tuple["Seen | None", "Future[Any] | None"]


class Inventory:
    """Computes the digests that are needed to compare source and destination.

    Args:
        pool: returns the workers that read files.
        read_held: read remote files for which the destination lists no digest.
        hashes: digests of local files, computed earlier.
    """

    def __init__(
        self,
        pool: Callable[[], Executor],
        *,
        read_held: bool = True,
        hashes: HashCache | None = None,
    ) -> None:
        self._pool = pool
        self._read_held = read_held
        self._hashes = hashes

    def compare(
        self, wanted: Sequence[Wanted], catalogue: Catalogue
    ) -> tuple[list[Wanted], dict[str, LocalFile]]:
        """Return wanted files and those that exist, with comparable digests.

        Files of projects whose page cannot be read are skipped: sending them could replace
        different content.

        Raises:
            AccessDenied: the destination refuses the credentials.
        """
        wanted = [item for item in wanted if item.project not in catalogue.unread]
        held: dict[str, File] = {}
        for item in wanted:
            there = catalogue.find(item.file.filename)
            if there is not None:
                held[there.filename] = there
        wanted, held = self._settle(wanted, held)
        present = {
            name: LocalFile(name, -1 if file.size is None else file.size, digests=file.digests)
            for name, file in held.items()
        }
        return wanted, present

    def _settle(
        self, wanted: Sequence[Wanted], held: dict[str, File]
    ) -> tuple[list[Wanted], dict[str, File]]:
        """Compute digests if the two sides share none and their sizes do not decide."""
        asked: list[tuple[str, bool, Asked]] = []
        for item in wanted:
            ours, theirs = item.file, held.get(item.file.filename)
            if theirs is None or same_content(ours.digests, theirs.digests) is not None:
                continue
            if _is_same_inode(ours, theirs):
                digests = Digests() if ours.digests == Digests() else ours.digests
                held[ours.filename] = msgspec.structs.replace(theirs, digests=digests)
                continue
            if ours.size is not None and theirs.size is not None and ours.size != theirs.size:
                continue
            for held_one in _sides_to_read(ours, theirs):
                file = theirs if held_one else ours
                if held_one and not self._read_held and local_path(theirs.url) is None:
                    continue
                asked.append((ours.filename, held_one, self._hash(file, held=held_one)))
        found = {(name, side): self._computed(future) for name, side, future in asked}
        held = {name: _with_digests(file, found.get((name, True))) for name, file in held.items()}
        return [
            msgspec.structs.replace(
                item, file=_with_digests(item.file, found.get((item.file.filename, False)))
            )
            for item in wanted
        ], held

    def _hash(self, file: File, *, held: bool) -> Asked:
        path = local_path(file.url)
        seen = self._hashes.look(path) if self._hashes and path is not None else None
        if seen is not None and seen.digests is not None:
            return seen, None
        task = HashUrl(file.filename, file.url, held)
        return seen, self._pool().submit(run_task, task)

    def _computed(self, asked: Asked) -> Digests | None:
        """Wait for digests and cache them; return None if they cannot be computed."""
        seen, future = asked
        if future is None:
            return seen.digests if seen is not None else None
        outcome = future.result()
        if not outcome.ok:
            return None
        digests: Digests = outcome.digests
        if self._hashes is not None and seen is not None:
            self._hashes.remember(seen, digests)
        return digests


def _sides_to_read(ours: File, theirs: File) -> Iterator[bool]:
    """Yield which content must be read: False for the source's, True for the destination's.

    A local file is preferred to a remote one.
    """
    is_local = local_path(ours.url) is not None
    if ours.digests == Digests() or (is_local and theirs.digests != Digests()):
        yield False
    if theirs.digests == Digests() or (ours.digests != Digests() and not is_local):
        yield True


def _with_digests(file: File, digests: Digests | None) -> File:
    return file if digests is None else msgspec.structs.replace(file, digests=digests)


def _is_same_inode(ours: File, theirs: File) -> bool:
    left, right = local_path(ours.url), local_path(theirs.url)
    if left is None or right is None:
        return False
    try:
        return Path(left).samefile(right)
    except OSError:
        return False
