"""Partial file of a download in the control directory, with its digests.

The file gets its name only in the last step. The partial download is in the control directory under
the listed digest, so that a later download of this content resumes it.
"""

from __future__ import annotations

import os
import secrets
import zlib
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from microrepo.client.transport.waiting import call_patiently
from microrepo.errors import DigestMismatch, SizeMismatch
from microrepo.model import COMPUTED, Digests
from microrepo.stores.hashing import ContentHasher
from microrepo.stores.plain_files import replace_file
from microrepo.transfer.file_scan import FileScanner
from microrepo.transfer.tasks import FetchFile

READ_BYTES = 1 << 20


class Place(Struct, frozen=True):
    """Target directory of files, with mode and durability, and who sees files first."""

    directory: str
    partial: str
    mode: int = 0o644
    durable: bool = True
    scanner: FileScanner | None = None


class Progress(Protocol):
    """Callback for received bytes."""

    def __call__(self, count_bytes: int, /) -> None:
        """Count bytes."""


class ByteCounter:
    """Progress callback that also counts the bytes."""

    def __init__(self, progress: Progress | None = None) -> None:
        self.total = 0
        self._progress = progress

    def __call__(self, count_bytes: int, /) -> None:
        """Count bytes."""
        self.total += count_bytes
        if self._progress is not None:
            self._progress(count_bytes)


class PartialFile:
    """The partial file of one download, with the digest of its bytes so far."""

    def __init__(self, task: FetchFile, place: Place) -> None:
        strongest = task.digests.strongest()
        self.algorithm = strongest[0] if strongest else "sha256"
        self.expected = strongest[1] if strongest else None
        self.task = task
        self.path = f"{place.partial}/{partial_name(task)}"
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, place.mode)
        self.received = 0
        self.resumed = False
        self.restarted = False
        # States and pages use few algorithms, so sha256 is computed too.
        self._algorithms = (
            (self.algorithm,) if self.algorithm in COMPUTED else (self.algorithm, "sha256")
        )
        self.hasher = ContentHasher(self._algorithms)
        self._take_over_old_bytes()
        self.is_old = self.received > 0

    def _take_over_old_bytes(self) -> None:
        while piece := os.read(self.descriptor, READ_BYTES):
            self.hasher.update(piece)
            self.received += len(piece)
        self.resumed = self.received > 0
        if self.task.size is not None and self.received > self.task.size:
            self.restart()

    def restart(self) -> None:
        """Discard the bytes so far."""
        os.ftruncate(self.descriptor, 0)
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        self.hasher = ContentHasher(self._algorithms)
        self.received = 0
        self.resumed = False
        self.restarted = True

    def append(self, piece: bytes) -> None:
        """Add bytes at the end."""
        self.hasher.update(piece)
        self.received += len(piece)
        view = memoryview(piece)
        while view:
            view = view[os.write(self.descriptor, view) :]

    def is_complete(self) -> bool:
        """Return whether the listed number of bytes has arrived."""
        return self.task.size is not None and self.received == self.task.size

    def verify(self) -> Digests:
        """Return the digests of the content.

        Raises:
            SizeMismatch: the size differs from the listed one.
            DigestMismatch: the digest differs.
        """
        task = self.task
        if task.size is not None and self.received != task.size:
            raise SizeMismatch(task.filename, task.size, self.received)
        digests = self.hasher.digests()
        found = getattr(digests, self.algorithm)
        if self.expected is not None and found != self.expected:
            raise DigestMismatch(task.filename, self.algorithm, self.expected, found)
        return digests

    def close(self) -> None:
        """Close the file without deleting it."""
        os.close(self.descriptor)

    def discard(self) -> None:
        """Delete the file."""
        Path(self.path).unlink(missing_ok=True)


def partial_name(task: FetchFile) -> str:
    """Return the name of the partial file of `task`.

    It contains the listed digest, so that a later run resumes only the same content, and the file
    name, because two files with the same content can be downloaded at the same time. Without a
    digest every attempt has its own name, since old bytes could belong to other content.
    """
    strongest = task.digests.strongest()
    if strongest is None:
        return f"unverifiable-{secrets.token_hex(8)}"
    return f"{strongest[1]}-{zlib.crc32(task.filename.encode()):08x}"


def put_in_place(download: PartialFile, place: Place) -> os.stat_result:
    """Rename a complete file into place; return its record.

    Raises:
        ScanFailed, ScanRefused: the file was not accepted.
    """
    task = download.task
    if place.scanner is not None:
        place.scanner.check(download.path, task.filename, task.digests.sha256, takes=True)
    if download.is_old:
        os.fchmod(download.descriptor, place.mode)  # an earlier run may have used another umask
    if task.upload_ns is not None:
        os.utime(download.descriptor, ns=(task.upload_ns, task.upload_ns))
    if place.durable:
        call_patiently(lambda: os.fsync(download.descriptor))
    status = os.fstat(download.descriptor)
    # Paths are text here: Path objects would cost more than the calls.
    replace_file(download.path, f"{place.directory}/{task.filename}")
    return status
