"""Check of the content of files: by their digests or, without any, as archives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from microrepo.errors import MalformedResponse
from microrepo.operations.apply.work_context import WorkContext
from microrepo.reporting import Reporter
from microrepo.repositories.distribution_content import read_metadata
from microrepo.state import FileRow
from microrepo.stores.hashing import hash_file

_BATCH = 64
_Read = TypeVar("_Read")


class Checked(Struct, frozen=True, gc=False):
    """Result of checking a file: its new row, or the problem."""

    row: FileRow
    problem: str = ""


def read_files(
    count: int | None, directory: Path, work: WorkContext, rows: Sequence[FileRow]
) -> Iterator[Checked]:
    """Yield the results of comparing files with their digests."""
    yield from in_threads(count, work, rows, lambda row: _read_one(directory / row.filename, row))


def in_threads(
    count: int | None, work: WorkContext, rows: Sequence[FileRow], read: Callable[[FileRow], _Read]
) -> Iterator[_Read]:
    """Yield the results of reading files, in threads: hashing and reading release the GIL."""
    with ThreadPoolExecutor(max_workers=count or 1) as threads:
        # Large files first, so that no thread ends late with one of them.
        ordered = sorted(rows, key=lambda row: -(row.size or 0))
        futures = [
            threads.submit(_read_batch, read, batch, work.reporter) for batch in _batches(ordered)
        ]
        try:
            for future in as_completed(futures):
                work.check()
                yield from future.result()
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _batches(rows: Sequence[FileRow]) -> Iterator[Sequence[FileRow]]:
    """Split into batches of at most 64 files and 8 MB (unless one file is larger)."""
    batch: list[FileRow] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += row.size or 0
        if len(batch) >= _BATCH or size >= 8 << 20:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read_batch(
    read: Callable[[FileRow], _Read], rows: Iterable[FileRow], reporter: Reporter
) -> list[_Read]:
    found = []
    for row in rows:
        found.append(read(row))
        reporter.add_bytes(row.size or 0)
    return found


def _read_one(path: Path, row: FileRow) -> Checked:
    algorithm, expected = row.digests.strongest() or ("sha256", None)
    try:
        digests = hash_file(path, (algorithm,))
        mtime_ns = path.stat().st_mtime_ns
    except OSError as error:
        return Checked(row, f"cannot be read: {error.strerror}")
    got = getattr(digests, algorithm)
    if expected is not None and got != expected:
        return Checked(row, f"damaged: {algorithm} is {got}, not {expected}")
    if expected is None and (why := _unreadable(path)):
        return Checked(row, f"damaged: {why}")
    known = row.digests.completed_by(digests)
    return Checked(msgspec.structs.replace(row, digests=known, mtime_ns=mtime_ns))


def _unreadable(path: Path) -> str:
    """Return why a file cannot be a distribution; "" if it can be read as one."""
    try:
        if not path.stat().st_size:
            return "empty"
        read_metadata(path, path.name)
    except MalformedResponse as error:
        return error.why(path.name)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return ""
