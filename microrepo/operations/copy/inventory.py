"""Inventory of the destination of a copy, with digests that a plan can compare."""

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

# What is known of a file of this machine, and the digests that are being computed.
Asked = tuple["Seen | None", "Future[Any] | None"]


class Inventory:
    """Settles which digests are still needed before source and destination can be compared.

    Args:
        pool: gives the workers that read.
        read_held: read files behind a network where the destination announces no digest.
        hashes: digests of files of this machine that were computed earlier.
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
        """Return wanted files and which of them exist, with digests that can be compared.

        Files of projects whose page cannot be read are left out: sending them blindly might
        replace other content.

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
        """Compute digests where the two sides share none and their sizes leave it open."""
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
        """Return digests once they are there, None where they cannot be had; remember them."""
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
    """Yield whose content has to be read: False for the source's, True for the destination's.

    A file of this machine is read rather than one behind a network.
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
